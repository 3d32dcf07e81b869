import Testing

@testable import Tokenizer

/// Every alternative of both expressions, and where one gives way to the next.
///
/// The pieces are what the expressions themselves find.
@Suite struct PieceSplitterTests {
    struct Example: CustomTestStringConvertible {
        let text: String
        let o200k: [String]
        let cl100k: [String]

        init(_ o200k: [String], cl100k: [String]? = nil) {
            text = o200k.joined()
            self.o200k = o200k
            self.cl100k = cl100k ?? o200k
        }

        var testDescription: String { text.debugDescription }
    }

    static let examples = [
        Example(["Hello", " world", "!"]),
        Example(["don't", " stop"], cl100k: ["don", "'t", " stop"]),
        Example(["HE'LL", " GO", ",", " WE'VE"], cl100k: ["HE", "'LL", " GO", ",", " WE", "'VE"]),
        Example(["it'\u{17f}", "x"], cl100k: ["it", "'\u{17f}", "x"]),
        Example(["it", "'x", " '", "l"]),
        Example(["camel", "Case", "HTTPServer"], cl100k: ["camelCaseHTTPServer"]),
        Example(["ABC\u{aa}", "DEF"], cl100k: ["ABC\u{aa}DEF"]),
        Example(["e\u{301}a"], cl100k: ["e", "\u{301}a"]),
        Example(["\u{301}", "A"], cl100k: ["\u{301}A"]),
        Example(["\u{301}\u{301}", " ", "1"]),
        Example(["123", "456", "7"]),
        Example(["\u{663}²\u{2167}", "4"]),
        Example([" ", "1"]),
        Example(["  ", " x"]),
        Example([" ...", " x"]),
        Example(["!!\n\n", "x"]),
        Example(["!/\n/", "x"], cl100k: ["!/\n", "/x"]),
        Example(["  \n\t\n", "  ", " x"]),
        Example(["  \n", "  "], cl100k: ["  \n  "]),
        Example(["\n", "x"]),
        Example(["\u{a0}x"]),
        Example(["\t", "\t", "!"]),
        Example(["\u{3000}", "\u{3000}中文"]),
        Example(["中文", "\u{ff0c}字"]),
        Example(["<|", "endoftext", "|>"]),
        Example(
            ["\u{1f3f3}\u{fe0f}", "\u{200d}\u{1f308}", " ok"],
            cl100k: ["\u{1f3f3}\u{fe0f}\u{200d}\u{1f308}", " ok"]
        ),
        Example(["a", "\u{85}b"]),
        Example(["\r\n \r\n"]),
    ]

    @Test(arguments: examples)
    func `text is cut as the expression cuts it`(_ example: Example) {
        #expect(Self.pieces(Array(example.text.utf8), .o200k) == example.o200k)
        #expect(Self.pieces(Array(example.text.utf8), .cl100k) == example.cl100k)
    }

    @Test(arguments: [VocabularyName.o200k, .cl100k])
    func `any bytes are cut, without a gap and to the end`(_ pattern: VocabularyName) {
        var random = SystemRandomNumberGenerator()
        for _ in 0..<2_000 {
            let bytes = (0..<Int.random(in: 0...40, using: &random)).map { _ in
                UInt8.random(in: .min ... .max, using: &random)
            }
            var splitter = PieceSplitter(bytes, as: pattern)
            var end = 0
            while let piece = splitter.next() {
                #expect(piece.lowerBound == end && !piece.isEmpty)
                end = piece.upperBound
            }
            #expect(end == bytes.count, "\(bytes)")
        }
    }

    @Test func `a piece beyond all languages is cut between characters`() {
        let text = Array(String(repeating: "\u{4e2d}", count: 50_000).utf8)
        var splitter = PieceSplitter(text, as: .o200k)
        #expect(splitter.next()?.count == 65_535)
        #expect(splitter.next()?.count == 65_535)
        #expect(splitter.next()?.count == 150_000 - 2 * 65_535)
        #expect(splitter.next() == nil)
    }

    @Test(arguments: [
        ("word", true), ("word ", true), ("word'", true), ("word x", true), ("12", true),
        ("\u{4e2d}", true),
    ])
    func `the last piece is open while more text could change it`(text: String, isOpen: Bool) {
        var splitter = PieceSplitter(Array(text.utf8), as: .o200k)
        while splitter.next() != nil {}
        #expect(splitter.isOpen == isOpen)
    }

    private static func pieces(_ bytes: [UInt8], _ pattern: VocabularyName) -> [String] {
        var splitter = PieceSplitter(bytes, as: pattern)
        var pieces: [String] = []
        while let piece = splitter.next() {
            pieces.append(String(decoding: bytes[piece], as: UTF8.self))
        }
        return pieces
    }
}
