import CPango

/// A picture of dots: a PNG file that can be read.
package struct Raster: Hashable, Sendable {
    /// The largest file.
    package static let bytesMax = 262_144
    /// The most dots of a picture and of a side, so that a small file does not unpack to a large one.
    private static let dotsMax = 4_000_000
    private static let sideMax = 8_192

    private static let signature: [UInt8] = [137, 80, 78, 71, 13, 10, 26, 10]

    /// In dots.
    let width: Int
    let height: Int
    let png: [UInt8]

    /// Reads the whole picture, and refuses what is broken or too large.
    package init(png bytes: [UInt8]) throws(PNGFault) {
        guard bytes.count <= Self.bytesMax else {
            throw PNGFault("has more than \(Self.bytesMax) bytes")
        }
        guard let size = Self.size(bytes) else { throw PNGFault("does not begin as a PNG does") }
        (width, height) = size
        png = bytes
        let sides = 1...Self.sideMax
        guard sides.contains(width), sides.contains(height), width * height <= Self.dotsMax else {
            throw PNGFault("is of \(width) × \(height) dots: at most \(Self.dotsMax) in all")
        }
        guard RasterSurface(bytes).isWhole else { throw PNGFault("is broken") }
    }

    /// Whether a file says that it is a PNG.
    package static func isPNG(_ bytes: [UInt8]) -> Bool { bytes.starts(with: signature) }

    /// What the first chunk states, which must be the header.
    private static func size(_ bytes: [UInt8]) -> (width: Int, height: Int)? {
        let header = signature + [0, 0, 0, 13] + Array("IHDR".utf8)
        guard bytes.starts(with: header), bytes.count >= header.count + 13 else { return nil }
        func number(at offset: Int) -> Int {
            bytes[(header.count + offset)...].prefix(4).reduce(0) { $0 << 8 | Int($1) }
        }
        return (number(at: 0), number(at: 4))
    }
}

/// Why a PNG is not a picture that can be set.
package struct PNGFault: Error, Hashable, Sendable, CustomStringConvertible {
    package let description: String

    init(_ description: String) {
        self.description = description
    }
}

/// A raster's dots in memory.
///
/// Owns a cairo surface, which for a broken file is one in error, as cairo has them.
final class RasterSurface {
    /// A file that the drawing library reads piece by piece; it gives the pointer back with each.
    private final class Input {
        var rest: ArraySlice<UInt8>

        init(_ bytes: [UInt8]) {
            rest = bytes[...]
        }
    }

    let pointer: OpaquePointer

    init(_ png: [UInt8]) {
        let input = Input(png)
        // Borrowed: the input outlives the call, and nothing is read after it.
        pointer = withExtendedLifetime(input) {
            cairo_image_surface_create_from_png_stream(
                { closure, data, count in
                    guard let closure, let data else { return CAIRO_STATUS_READ_ERROR }
                    let input = Unmanaged<Input>.fromOpaque(closure).takeUnretainedValue()
                    let piece = input.rest.prefix(Int(count))
                    guard piece.count == Int(count) else { return CAIRO_STATUS_READ_ERROR }
                    _ = UnsafeMutableBufferPointer(start: data, count: piece.count)
                        .update(fromContentsOf: piece)
                    input.rest = input.rest.dropFirst(piece.count)
                    return CAIRO_STATUS_SUCCESS
                },
                Unmanaged.passUnretained(input).toOpaque()
            )
        }
    }

    deinit {
        cairo_surface_destroy(pointer)
    }

    var isWhole: Bool { cairo_surface_status(pointer) == CAIRO_STATUS_SUCCESS }
}
