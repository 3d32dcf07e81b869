/// A distance on paper, a whole number of 1/1024 points; a point is 1/72 inch.
///
/// Whole numbers add up the same on every machine, so a page breaks at the same line on all.
package struct Length: Hashable, Comparable, Sendable {
    /// Pango's own unit.
    let units: Int

    init(units: Int) { self.units = units }

    static let unitsPerPoint = 1024

    package static let zero = Length(units: 0)

    package static func points(_ count: Int) -> Length { Length(units: count * unitsPerPoint) }

    /// Tenths of a point, for sizes of type: `.tenths(85)` is 8.5 points.
    package static func tenths(_ count: Int) -> Length {
        Length(units: count * unitsPerPoint / 10)
    }

    package static func millimetres(_ count: Int) -> Length {
        Length(units: count * unitsPerPoint * 720 / 254)
    }

    package static func + (left: Length, right: Length) -> Length {
        Length(units: left.units + right.units)
    }

    package static func - (left: Length, right: Length) -> Length {
        Length(units: left.units - right.units)
    }

    package static func * (left: Length, right: Int) -> Length {
        Length(units: left.units * right)
    }

    package static func / (left: Length, right: Int) -> Length {
        Length(units: left.units / right)
    }

    package static func += (left: inout Length, right: Length) { left = left + right }
    package static func -= (left: inout Length, right: Length) { left = left - right }
    package static func < (left: Length, right: Length) -> Bool { left.units < right.units }

    /// In points, for the drawing library.
    var inPoints: Double { Double(units) / Double(Self.unitsPerPoint) }
}
