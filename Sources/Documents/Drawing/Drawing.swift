/// Filled shapes on a plane of their own, such as a logo.
package struct Drawing: Hashable, Sendable {
    struct Shape: Hashable, Sendable {
        let path: [PathStep]
        let ink: Ink
    }

    /// The plane's upper left corner.
    let origin: Point
    /// Of the plane, in its own units.
    let width: Double
    let height: Double
    let shapes: [Shape]

    init(origin: Point, width: Double, height: Double, _ shapes: [Shape]) {
        self.origin = origin
        self.width = width
        self.height = height
        self.shapes = shapes
    }
}

/// A step of a pen, to an absolute place.
enum PathStep: Hashable, Sendable {
    case move(Point)
    case line(Point)
    case curve(Point, Point, Point)
    case close
}

/// A place on a drawing's plane.
struct Point: Hashable, Sendable {
    var x: Double
    var y: Double

    static func + (left: Point, right: Point) -> Point {
        Point(x: left.x + right.x, y: left.y + right.y)
    }
}
