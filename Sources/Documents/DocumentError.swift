/// Why a document could not be set.
package enum DocumentError: Error, Hashable, Sendable, CustomStringConvertible {
    /// None of Debian's Noto and DejaVu fonts is installed.
    case noFonts
    /// The drawing library failed; the text is its own.
    case drawing(String)

    package var description: String {
        switch self {
        case .noFonts:
            "no font is installed: Debian's packages are fonts-noto-core, fonts-noto-cjk and "
                + "fonts-dejavu-core"
        case .drawing(let message): "cannot draw the document: \(message)"
        }
    }
}
