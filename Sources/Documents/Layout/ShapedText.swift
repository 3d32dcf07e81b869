import CPango

/// A text whose glyphs are chosen and whose lines are broken.
///
/// Owns a Pango layout, which is never changed after its shaping; bound to the thread of its
/// `TypeCase`.
final class ShapedText {
    struct Line {
        /// Below the top of the text.
        let top: Length
        let bottom: Length
        let baseline: Length
        let width: Length
        /// The layout's own, alive as long as it is.
        fileprivate let line: UnsafeMutablePointer<PangoLayoutLine>
    }

    private let layout: OpaquePointer
    private(set) var lines: [Line] = []

    /// The widest line's.
    private(set) var width = Length.zero

    /// Takes over the layout.
    init(owning layout: OpaquePointer) {
        self.layout = layout
        guard let iterator = pango_layout_get_iter(layout) else { return }
        defer { pango_layout_iter_free(iterator) }
        repeat {
            guard let line = pango_layout_iter_get_line_readonly(iterator) else { continue }
            var (top, bottom): (Int32, Int32) = (0, 0)
            pango_layout_iter_get_line_yrange(iterator, &top, &bottom)
            var extents = PangoRectangle()
            pango_layout_iter_get_line_extents(iterator, nil, &extents)
            let shaped = Line(
                top: Length(units: Int(top)),
                bottom: Length(units: Int(bottom)),
                baseline: Length(units: Int(pango_layout_iter_get_baseline(iterator))),
                width: Length(units: Int(extents.width)),
                line: line
            )
            lines.append(shaped)
            width = max(width, shaped.width)
        } while pango_layout_iter_next_line(iterator) != 0
    }

    deinit {
        g_object_unref(UnsafeMutableRawPointer(layout))
    }

    var height: Length { lines.last?.bottom ?? .zero }

    /// The first line's baseline below the top.
    var ascent: Length { lines.first?.baseline ?? .zero }

    /// Draws a line, its baseline beginning at the context's current point.
    func draw(_ line: Line, on context: OpaquePointer) {
        pango_cairo_show_layout_line(context, line.line)
    }
}
