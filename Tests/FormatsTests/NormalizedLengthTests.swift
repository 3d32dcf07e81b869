import Foundation
import Testing

@testable import Formats

@Suite struct NormalizedLengthTests {
    private func decomposedLength(_ text: String) -> Int64 {
        Int64(text.decomposedStringWithCompatibilityMapping.utf8.count)
    }

    @Test func `no character decomposes to more than its range admits`() {
        #expect(decomposedLength("\u{fdfa}") == 33)
        for value in UInt32(0)...0x10ffff where !(0xac00..<0xd7a4).contains(value) {
            guard let scalar = Unicode.Scalar(value) else { continue }
            let own = Int64(UTF8.width(scalar))
            let gain = decomposedLength(String(Character(scalar))) - own
            guard gain <= NormalizedLength.gain(of: value) else {
                Issue.record("U+\(String(value, radix: 16)) gains \(gain) bytes")
                return
            }
        }
    }

    @Test func `composition never lengthens, so decomposed lengths bound NFKC`() {
        for value in UInt32(0x80)...0x10ffff {
            guard let scalar = Unicode.Scalar(value) else { continue }
            let text = String(Character(scalar))
            guard text.precomposedStringWithCanonicalMapping.utf8.elementsEqual(text.utf8) else {
                continue
            }
            guard text.decomposedStringWithCanonicalMapping.utf8.count >= text.utf8.count else {
                Issue.record("U+\(String(value, radix: 16)) is longer than its parts")
                return
            }
        }
    }

    @Test func `a JSON text's gain bounds its NFKC, escaped or not`() throws {
        var generator = SeededGenerator(seed: 7)
        let pool: [UInt32] = [
            0x41, 0xe9, 0xbc, 0x323, 0x390, 0x439, 0xe33, 0x1f82, 0x2057, 0x3316, 0xac00, 0xd7a3,
            0xfdfa, 0xfdfb, 0x4e2d, 0xff76, 0x1d160, 0x1f600, 0x1f250, 0x301, 0x22, 0x5c,
        ]
        for _ in 0..<2_000 {
            let scalars = (0..<30).compactMap { _ in
                Unicode.Scalar(pool.randomElement(using: &generator) ?? 0x41)
            }
            let text = String(String.UnicodeScalarView(scalars))
            let plain = [UInt8](json: text)
            let escaped = bytes(
                "\""
                    + text.utf16.map {
                        let digits = String($0, radix: 16)
                        return "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
                    }.joined() + "\""
            )
            let normalized = Int64(text.precomposedStringWithCompatibilityMapping.utf8.count)
            for document in [plain, escaped] {
                let bound = Int64(document.count) + NormalizedLength.gain(ofJSON: document)
                #expect(normalized <= bound)
            }
        }
    }

    @Test func `ASCII, ideographs and Hangul gain nothing`() {
        #expect(NormalizedLength.gain(ofJSON: bytes(#""Hello \" \\u00bc \n 世界 한국어 😀""#)) == 0)
        #expect(NormalizedLength.gain(ofJSON: bytes(#""\ufdfa""#)) == 30)
        #expect(NormalizedLength.gain(ofJSON: bytes("\"\u{fdfa}\u{fdfa}\"")) == 60)
    }
}
