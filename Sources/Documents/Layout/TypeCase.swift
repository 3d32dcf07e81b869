import CPango

/// The fonts, and every text set so far: a page repeats most of its words.
///
/// Owns Pango's font map and context, and so belongs to one thread.
final class TypeCase {
    private struct Key: Hashable {
        let text: String
        let size: Length
        let isBold: Bool
        let tracking: Length
        let width: Length?
    }

    private struct Style: Hashable {
        let size: Length
        let isBold: Bool
    }

    private let map: UnsafeMutablePointer<PangoFontMap>
    private let context: OpaquePointer
    private var shapes: [Key: ShapedText] = [:]
    private var descriptions: [Style: OpaquePointer] = [:]

    init() throws(DocumentError) {
        map = try FontFolders.map()
        // A point of the page is a dot of the font map.
        farebox_set_resolution(map, 72)
        guard let context = pango_font_map_create_context(map) else {
            g_object_unref(map)
            throw .drawing("no memory for a text context")
        }
        self.context = context
        prepare()
    }

    deinit {
        shapes = [:]
        for description in descriptions.values { pango_font_description_free(description) }
        g_object_unref(UnsafeMutableRawPointer(context))
        g_object_unref(map)
    }

    /// Keeps whatever the process's locale and the machine's screen would decide out of it.
    private func prepare() {
        // Of a language whose scripts Pango does not know, it takes each to be one; for any other
        // script than a language's own it would ask the environment.
        pango_context_set_language(context, pango_language_from_string("und"))
        pango_context_set_base_dir(context, PANGO_DIRECTION_WEAK_LTR)
        pango_context_set_round_glyph_positions(context, 0)
        let options = cairo_font_options_create()
        cairo_font_options_set_hint_style(options, CAIRO_HINT_STYLE_NONE)
        cairo_font_options_set_hint_metrics(options, CAIRO_HINT_METRICS_OFF)
        cairo_font_options_set_antialias(options, CAIRO_ANTIALIAS_GRAY)
        pango_cairo_context_set_font_options(context, options)
        cairo_font_options_destroy(options)
    }

    /// Sets a text, in lines no wider than `width`, or in one line for each of its own.
    func shape(_ text: String, _ style: TextStyle, within width: Length?) -> ShapedText {
        let key = Key(
            text: text,
            size: style.size,
            isBold: style.isBold,
            tracking: style.tracking,
            width: width
        )
        if let shaped = shapes[key] { return shaped }
        let shaped = ShapedText(owning: layout(text, style, width))
        shapes[key] = shaped
        return shaped
    }

    private func layout(_ text: String, _ style: TextStyle, _ width: Length?) -> OpaquePointer {
        let layout: OpaquePointer = pango_layout_new(context)
        pango_layout_set_font_description(layout, description(style))
        let attributes: OpaquePointer = pango_attr_list_new()
        // Figures of one width, so that amounts below each other line up.
        pango_attr_list_insert(attributes, pango_attr_font_features_new("tnum=1"))
        if style.tracking > .zero {
            let spacing = pango_attr_letter_spacing_new(Int32(style.tracking.units))
            pango_attr_list_insert(attributes, spacing)
        }
        pango_layout_set_attributes(layout, attributes)
        pango_attr_list_unref(attributes)
        if let width {
            pango_layout_set_width(layout, Int32(width.units))
            pango_layout_set_wrap(layout, PANGO_WRAP_WORD_CHAR)
        }
        var printed = text.printable
        printed.withUTF8 { bytes in
            bytes.withMemoryRebound(to: CChar.self) { characters in
                pango_layout_set_text(layout, characters.baseAddress, Int32(characters.count))
            }
        }
        return layout
    }

    private func description(_ style: TextStyle) -> OpaquePointer {
        let key = Style(size: style.size, isBold: style.isBold)
        if let description = descriptions[key] { return description }
        let description: OpaquePointer = pango_font_description_new()
        pango_font_description_set_family(description, FontFolders.families)
        pango_font_description_set_size(description, Int32(style.size.units))
        if style.isBold { pango_font_description_set_weight(description, PANGO_WEIGHT_BOLD) }
        descriptions[key] = description
        return description
    }
}

extension String {
    /// Without characters that print nothing and change how others do: controls but line ends,
    /// and what forces a direction beyond its own text.
    fileprivate var printable: String {
        func isHidden(_ scalar: Unicode.Scalar) -> Bool {
            switch scalar.value {
            case 0x0A: false
            case 0x00...0x1F, 0x7F...0x9F, 0x2028...0x202E, 0x2066...0x2069: true
            default: false
            }
        }
        guard unicodeScalars.contains(where: isHidden) else { return self }
        var text = String.UnicodeScalarView()
        text.append(contentsOf: unicodeScalars.filter { !isHidden($0) })
        return String(text)
    }
}
