import Documents
import Ledger
import Postgres

/// What stands on an issuer's documents instead of its name.
package enum Logo: Hashable, Sendable {
    /// Filled paths, as `Drawing` reads them.
    case svg(String)
    case png([UInt8])

    /// The longest text of an SVG.
    package static let svgBytesMax = 65_536
    /// The longest file that may be one.
    package static let bytesMax = max(svgBytesMax, Raster.bytesMax)

    /// Takes a file as what it says that it is; nil for one that is neither.
    package init?(file bytes: [UInt8]) {
        if Raster.isPNG(bytes) {
            self = .png(bytes)
        } else if let text = String(validating: bytes, as: UTF8.self) {
            self = .svg(text)
        } else {
            return nil
        }
    }

    /// Throws what is wrong with it, in words.
    func picture() throws -> Picture {
        switch self {
        case .svg(let text): .drawing(try Drawing(svg: text))
        case .png(let bytes): .raster(try Raster(png: bytes))
        }
    }

    /// Throws `.invalid` for one that no page could show.
    func require() throws(LedgerError) {
        if case .svg(let text) = self, text.utf8.count > Self.svgBytesMax {
            throw LedgerError(.invalid, "a logo in SVG has at most \(Self.svgBytesMax) bytes")
        }
        do {
            _ = try picture()
        } catch {
            throw LedgerError(.invalid, "the logo \(error)")
        }
    }
}

extension Logo {
    /// Nil where an issuer's row has none.
    init?(_ row: Row) throws {
        if let text = try row.get("logo", as: String?.self) {
            self = .svg(text)
        } else if let bytes = try row.get("logo_png", as: Bytea?.self)?.bytes {
            self = .png(bytes)
        } else {
            return nil
        }
    }

    /// The text of an SVG, and the bytes of a PNG; each nil for the other.
    var svg: String? { if case .svg(let text) = self { text } else { nil } }
    var png: [UInt8]? { if case .png(let bytes) = self { bytes } else { nil } }
}
