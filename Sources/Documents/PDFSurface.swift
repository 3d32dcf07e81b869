import CPango

/// The sheets of one PDF file.
///
/// Owns the cairo surface and context, and so belongs to one thread.
final class PDFSurface {
    /// What the drawing library has written; it gives the pointer back with each piece.
    private final class Output {
        var bytes: [UInt8] = []
    }

    private let output = Output()
    private let surface: OpaquePointer
    private let context: OpaquePointer

    init(paper: Paper) throws(DocumentError) {
        // Borrowed: the output lives as long as this object, which destroys the surface first.
        let closure = Unmanaged.passUnretained(output).toOpaque()
        surface = cairo_pdf_surface_create_for_stream(
            { closure, data, count in
                guard let closure, let data else { return CAIRO_STATUS_WRITE_ERROR }
                Unmanaged<Output>.fromOpaque(closure).takeUnretainedValue().bytes
                    .append(contentsOf: UnsafeBufferPointer(start: data, count: Int(count)))
                return CAIRO_STATUS_SUCCESS
            },
            closure,
            paper.width.inPoints,
            paper.height.inPoints
        )
        context = cairo_create(surface)
        let status = cairo_status(context)
        guard status == CAIRO_STATUS_SUCCESS else {
            throw .drawing(String(cString: cairo_status_to_string(status)))
        }
    }

    deinit {
        cairo_destroy(context)
        cairo_surface_destroy(surface)
    }

    /// States what the file is, and the document's date as its own.
    func state(_ document: Document) {
        let facts = [
            (CAIRO_PDF_METADATA_TITLE, document.title),
            (CAIRO_PDF_METADATA_AUTHOR, document.author),
            (CAIRO_PDF_METADATA_CREATOR, document.creator),
            (CAIRO_PDF_METADATA_CREATE_DATE, document.date),
            (CAIRO_PDF_METADATA_MOD_DATE, document.date),
        ]
        for (kind, text) in facts {
            cairo_pdf_surface_set_metadata(surface, kind, text)
        }
    }

    func draw(_ strips: [Strip], x: Length, y: Length) {
        let all = Strip(height: strips.height, marks: strips.marks)
        draw(all, Length.zero..<all.measure.height, x: x, y: y)
    }

    /// Draws what begins in this part of the strip, its upper bound at `y`.
    func draw(_ strip: Strip, _ slice: Range<Length>, x: Length, y: Length) {
        let top = y - slice.lowerBound
        for mark in strip.marks {
            switch mark {
            case .text(let text, let left, let down, let width, let alignment, let ink):
                set(ink)
                for line in text.lines where slice.contains(down + line.top) {
                    let slack = width - line.width
                    let indent: Length =
                        switch alignment {
                        case .left: .zero
                        case .centre: slack / 2
                        case .right: slack
                        }
                    move(to: x + left + indent, top + down + line.baseline)
                    text.draw(line, on: context)
                }
            case .rule(let rule, let left, let down, let width) where slice.contains(down):
                set(rule.ink)
                cairo_rectangle(
                    context,
                    (x + left).inPoints,
                    (top + down).inPoints,
                    width.inPoints,
                    rule.thickness.inPoints
                )
                cairo_fill(context)
            case .picture(let picture, let left, let down, let height)
            where slice.contains(down):
                switch picture {
                case .drawing(let drawing):
                    draw(drawing, x: x + left, y: top + down, height: height)
                case .raster(let raster):
                    draw(raster, x: x + left, y: top + down, height: height)
                }
            case .rule, .picture: break
            }
        }
    }

    func finishPage() {
        cairo_show_page(context)
    }

    /// The whole file; nothing can be drawn afterwards.
    func finish() throws(DocumentError) -> [UInt8] {
        cairo_surface_finish(surface)
        for status in [cairo_status(context), cairo_surface_status(surface)]
        where status != CAIRO_STATUS_SUCCESS && status != CAIRO_STATUS_SURFACE_FINISHED {
            throw .drawing(String(cString: cairo_status_to_string(status)))
        }
        return output.bytes
    }

    private func move(to x: Length, _ y: Length) {
        cairo_move_to(context, x.inPoints, y.inPoints)
    }

    private func set(_ ink: Ink) {
        cairo_set_source_rgb(
            context,
            Double(ink.red) / 255,
            Double(ink.green) / 255,
            Double(ink.blue) / 255
        )
    }

    private func draw(_ raster: Raster, x: Length, y: Length, height: Length) {
        // Read once already; should it fail now, the context is in error, and `finish` throws.
        let surface = RasterSurface(raster.png)
        let scale = height.inPoints / Double(raster.height)
        cairo_save(context)
        cairo_translate(context, x.inPoints, y.inPoints)
        cairo_scale(context, scale, scale)
        cairo_set_source_surface(context, surface.pointer, 0, 0)
        cairo_paint(context)
        cairo_restore(context)
    }

    private func draw(_ drawing: Drawing, x: Length, y: Length, height: Length) {
        let scale = height.inPoints / drawing.height
        func place(_ point: Point) -> (Double, Double) {
            (
                x.inPoints + (point.x - drawing.origin.x) * scale,
                y.inPoints + (point.y - drawing.origin.y) * scale
            )
        }
        for shape in drawing.shapes {
            set(shape.ink)
            for step in shape.path {
                switch step {
                case .move(let point):
                    let (x, y) = place(point)
                    cairo_move_to(context, x, y)
                case .line(let point):
                    let (x, y) = place(point)
                    cairo_line_to(context, x, y)
                case .curve(let first, let second, let end):
                    let ((ax, ay), (bx, by), (x, y)) = (place(first), place(second), place(end))
                    cairo_curve_to(context, ax, ay, bx, by, x, y)
                case .close: cairo_close_path(context)
                }
            }
            cairo_fill(context)
        }
    }
}
