/// Filled shapes on a plane of their own, such as a logo.
package struct Drawing: Hashable, Sendable {
    struct Shape: Hashable, Sendable {
        let path: [PathStep]
        let ink: Ink
    }

    /// Of the plane, in its own units.
    let width: Double
    let height: Double
    let shapes: [Shape]
}

/// A step of a pen, to absolute places.
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
