import CPango

/// Where fonts come from: Debian's packages alone, whatever else the machine or its user has, so
/// that a document looks the same everywhere.
enum FontFolders {
    /// In this order; what none of them has, the other fonts in the folders are searched for.
    static let families = [
        "Noto Sans", "Noto Sans CJK SC", "Noto Sans Arabic", "Noto Sans Hebrew",
        "Noto Sans Devanagari", "Noto Sans Bengali", "Noto Sans Tamil", "Noto Sans Thai",
        "Noto Sans Georgian", "Noto Sans Armenian", "Noto Sans Ethiopic", "Noto Sans Symbols",
        "DejaVu Sans",
    ].joined(separator: ",")

    private static let configuration = """
        <?xml version="1.0"?>
        <fontconfig>
          <dir>/usr/share/fonts/truetype/noto</dir>
          <dir>/usr/share/fonts/opentype/noto</dir>
          <dir>/usr/share/fonts/truetype/dejavu</dir>
          <cachedir>/var/cache/fontconfig</cachedir>
          <cachedir prefix="xdg">fontconfig</cachedir>
        </fontconfig>
        """

    /// A font map over these folders, the caller's to release.
    static func map() throws(DocumentError) -> UnsafeMutablePointer<PangoFontMap> {
        guard let fonts = FcConfigCreate() else { throw .drawing("no memory for fonts") }
        // The map keeps a reference of its own.
        defer { FcConfigDestroy(fonts) }
        let isRead = FcConfigParseAndLoadFromMemory(fonts, configuration, FcTrue)
        guard isRead == FcTrue, FcConfigBuildFonts(fonts) == FcTrue else {
            throw .drawing("the fonts cannot be listed")
        }
        guard let set = FcConfigGetFonts(fonts, FcSetSystem), set.pointee.nfont > 0 else {
            throw .noFonts
        }
        guard let map = pango_cairo_font_map_new_for_font_type(CAIRO_FONT_TYPE_FT) else {
            throw .drawing("this Pango draws no FreeType fonts")
        }
        pango_fc_font_map_set_config(farebox_fontconfig_map(map), fonts)
        return map
    }
}
