import Foundation
import TestSupport
import Testing

@testable import Documents

@Suite struct RasterTests {
    /// Eight dots by two, half transparent.
    private static let file = Array(
        Data(
            base64Encoded: """
                iVBORw0KGgoAAAANSUhEUgAAAAgAAAACCAYAAABllJ3tAAAAEklEQVR42mM4w8DQgA8zEFIAALRAFMFEkMg0\
                AAAAAElFTkSuQmCC
                """
        ) ?? Data()
    )

    private func pdf(_ picture: Picture, height: Length = .points(30)) throws -> [UInt8] {
        try Document(
            title: "A title",
            author: "An author",
            creator: "A program",
            date: "2026-11-01T00:00:00Z",
            blocks: [.picture(picture, height: height)]
        ).pdf()
    }

    @Test func `a picture is embedded as it is, and the same bytes each time`() throws {
        let raster = try Raster(png: Self.file)
        #expect(raster.width == 8 && raster.height == 2)
        let bytes = try pdf(.raster(raster))
        #expect(try pdf(.raster(raster)) == bytes)
        let images = try PDFReading.images(bytes)
        #expect(images.contains(/image +8 +2 +rgb/))
        // What is transparent in it is transparent on the page.
        #expect(images.contains(/smask +8 +2 +gray/))
    }

    @Test func `a file that ends early is refused, wherever`() throws {
        for count in Self.file.indices.dropLast(12) {
            #expect(throws: PNGFault.self, "\(count) bytes") {
                try Raster(png: Array(Self.file.prefix(count)))
            }
        }
    }

    @Test func `a file whose dots do not match their checksum is refused`() throws {
        var bytes = Self.file
        bytes[45] ^= 1
        #expect(throws: PNGFault("is broken")) { try Raster(png: bytes) }
    }

    @Test(arguments: [(0, 2), (2, 0), (8_193, 2), (4_000, 4_000), (1 << 31, 1 << 31)])
    func `a picture of too many dots is refused before it is unpacked`(size: (Int, Int)) {
        var bytes = Self.file
        for (place, number) in [(16, size.0), (20, size.1)] {
            for byte in 0..<4 {
                bytes[place + byte] = UInt8(truncatingIfNeeded: number >> (24 - 8 * byte))
            }
        }
        let fault = #expect(throws: PNGFault.self) { try Raster(png: bytes) }
        #expect(fault?.description.contains("dots") == true)
    }

    @Test func `a file that is too long or no PNG is refused`() {
        let long = Self.file + [UInt8](repeating: 0, count: Raster.bytesMax)
        for bytes in [long, [], Array("<svg/>".utf8), Array(Self.file.prefix(8)) + [1, 2, 3]] {
            #expect(throws: PNGFault.self) { try Raster(png: bytes) }
        }
        #expect(Raster.isPNG(Self.file) && !Raster.isPNG(Array("<svg/>".utf8)))
    }

    @Test func `a picture is no wider than its space`() throws {
        let raster = Picture.raster(try Raster(png: Self.file))
        #expect(raster.height(.points(10), within: .points(80)) == .points(10))
        #expect(raster.height(.points(10), within: .points(20)) == .points(5))
        let drawing = Picture.drawing(
            try Drawing(svg: "<svg viewBox='0 0 8 2'><path d='M0 0h1v1z'/></svg>")
        )
        #expect(drawing.height(.points(10), within: .points(20)) == .points(5))
        #expect(drawing.height(.points(10), within: .points(99)) == .points(10))
    }
}
