import Foundation
import Testing

@testable import Tokenizer

/// Farebox's counts against those of tiktoken, for strings of many scripts and kinds.
///
/// `scripts/test` makes the strings, with `Tests/tokenizer/make_cases.py`, and sets the variables.
@Suite(.enabled(if: ReferenceCases.path != nil))
struct ReferenceTests {
    @Test func `every count is tiktoken's`() throws {
        let cl100k = try Self.vocabulary(.cl100k)
        let o200k = try Self.vocabulary(.o200k)
        var cases = ReferenceCases(try Self.read(#require(ReferenceCases.path)))
        var count = 0
        while let next = cases.next() {
            count += 1
            let counts = (cl100k.count(next.text), o200k.count(next.text))
            guard counts != (next.cl100k, next.o200k) else { continue }
            Issue.record(
                """
                \(counts) instead of \((next.cl100k, next.o200k)) tokens: \
                \(String(decoding: next.text, as: UTF8.self).debugDescription)
                """
            )
        }
        #expect(count > 0)
    }

    private static func vocabulary(_ name: VocabularyName) throws -> Vocabulary {
        let folder = try #require(ProcessInfo.processInfo.environment["FAREBOX_VOCABULARY"])
        return try Vocabulary(read("\(folder)/\(name.rawValue).tiktoken"), name: name)
    }

    private static func read(_ path: String) throws -> [UInt8] {
        try [UInt8](Data(contentsOf: URL(filePath: path)))
    }
}

/// The file of `Tests/tokenizer/make_cases.py`.
struct ReferenceCases: IteratorProtocol {
    static let path = ProcessInfo.processInfo.environment["FAREBOX_TOKENIZER_CASES"]

    let file: [UInt8]
    private var index = 0

    init(_ file: [UInt8]) {
        self.file = file
    }

    mutating func next() -> (text: [UInt8], cl100k: Int64, o200k: Int64)? {
        guard index < file.count else { return nil }
        let length = Int(number())
        let text = Array(file[index..<index + length])
        index += length
        return (text, number(), number())
    }

    private mutating func number() -> Int64 {
        defer { index += 4 }
        return (0..<4).reduce(0) { $0 | Int64(file[index + $1]) << (8 * Int64($1)) }
    }
}
