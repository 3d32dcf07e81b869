/// Something drawn on a page that is no text, such as a logo.
package enum Picture: Hashable, Sendable {
    case drawing(Drawing)
    case raster(Raster)

    /// How tall it stands: as tall as wanted, unless it would be wider than its space.
    func height(_ wanted: Length, within width: Length) -> Length {
        let height =
            switch self {
            case .drawing(let drawing): Double(width.units) * drawing.height / drawing.width
            case .raster(let raster):
                Double(width.units) * Double(raster.height) / Double(raster.width)
            }
        // A drawing may be so narrow that no whole number holds its height.
        return height < Double(wanted.units) ? Length(units: Int(height)) : wanted
    }
}
