import Testing

@testable import Tokenizer

@Suite struct VocabularyTests {
    @Test func `tokens of all lengths are found by their bytes, and nothing else is`() throws {
        var random = SystemRandomNumberGenerator()
        let bytes = (UInt8.min...UInt8.max).map { [$0] }
        // NUL bytes and common beginnings: what a comparison of words could mistake.
        let others =
            (2...40).map { [UInt8](repeating: 0, count: $0) }
            + (2...40).map { [UInt8](repeating: 7, count: $0 - 1) + [8] }
        let tokens = bytes + others.shuffled(using: &random)
        let vocabulary = try Toy.vocabulary(tokens)
        #expect(vocabulary.count == tokens.count)
        for (rank, token) in tokens.enumerated() {
            // With and without eight more bytes behind it.
            #expect(vocabulary.tokens.rank(token, 0..<token.count) == UInt32(rank))
            let inside = [7] + token + [UInt8](repeating: 7, count: 9)
            #expect(vocabulary.tokens.rank(inside, 1..<token.count + 1) == UInt32(rank))
        }
        for length in 2...50 {
            let absent = [UInt8](repeating: 9, count: length)
            #expect(vocabulary.tokens.rank(absent, 0..<length) == TokenTable.none)
        }
    }

    @Test(arguments: [
        ("", "it is empty"),
        ("IQ== 1\n", "line 1: the rank is out of order"),
        ("IQ== 0\nIg== 2\n", "line 2: the rank is out of order"),
        ("I%== 0\n", "line 1: not base64"),
        (" 0\n", "line 1: a token of 0 bytes"),
        ("IQ== x\n", "line 1: not a rank"),
        ("IQ==", "line 1: not a rank"),
        ("IQ== 0\n", "the byte 0 is no token of it"),
    ])
    func `what is no vocabulary is refused with its line`(text: String, reason: String) {
        let error = #expect(throws: VocabularyError.self) {
            try Vocabulary(Array(text.utf8), name: .o200k)
        }
        #expect(error?.description == reason)
    }
}
