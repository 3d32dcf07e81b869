import Testing

@testable import Tokenizer

@Suite struct TokenCounterTests {
    /// Lengths on both sides of the border between searching pairs and keeping them in a heap.
    @Test(arguments: [1, 2, 7, 40, 95, 96, 97, 200, 400])
    func `pairs are joined as the definition says`(length: Int) throws {
        var random = SystemRandomNumberGenerator()
        for _ in 0..<20 {
            let tokens = Toy.tokens(60, alphabet: "abc", using: &random)
            let vocabulary = try Toy.vocabulary(tokens)
            let text = (0..<length).map { _ in Array("abc".utf8).randomElement() ?? 0 }
            #expect(vocabulary.count(text) == Int64(Toy.encode(text, tokens).count))
        }
    }

    @Test func `a text has the sum of its pieces' tokens`() throws {
        var random = SystemRandomNumberGenerator()
        let tokens = Toy.tokens(80, alphabet: "ab '", using: &random)
        let vocabulary = try Toy.vocabulary(tokens)
        let text = Array("abba ab'a baab  a 'b, \u{e4}b".utf8)
        var splitter = PieceSplitter(text, as: .o200k)
        var sum = 0
        while let piece = splitter.next() { sum += Toy.encode(Array(text[piece]), tokens).count }
        #expect(vocabulary.count(text) == Int64(sum))
        #expect(vocabulary.count([]) == 0)
    }

    @Test func `text in parts counts as the whole, wherever it is cut`() throws {
        var random = SystemRandomNumberGenerator()
        let vocabulary = try Toy.vocabulary(Toy.tokens(300, alphabet: "abcd '", using: &random))
        let words = [
            "abcd", "DCBA", "'s", "'", "l", " ", "  ", "\n", "\r\n", "123", "\u{e9}", "\u{4e2d}",
            "\u{1f469}\u{200d}\u{1f680}", "e\u{301}", "//", String(repeating: "a", count: 300),
        ]
        for _ in 0..<10 {
            let text = (0..<12_000).flatMap { _ in Array((words.randomElement() ?? "").utf8) }
            var counter = TokenCounter(vocabulary)
            var start = 0
            while start < text.count {
                let end = min(text.count, start + .random(in: 1...5_000))
                counter.append(text[start..<end])
                if counter.isFull { counter.settle() }
                start = end
            }
            #expect(counter.finish() == vocabulary.count(text))
            #expect(counter.finish() == 0)
        }
    }

    /// What a hostile prompt would look like: quadratic work would take hours.
    @Test(.timeLimit(.minutes(1)), arguments: [" ", "a", "\n", "!", "\u{301}", "\u{ff}"])
    func `a long run of one character takes no more time than other text`(
        _ character: String
    ) throws {
        var random = SystemRandomNumberGenerator()
        let vocabulary = try Toy.vocabulary(Toy.tokens(40, alphabet: "a! \n", using: &random))
        let run = Array(String(repeating: character, count: 1 << 18).utf8)
        var counter = TokenCounter(vocabulary)
        for start in stride(from: 0, to: run.count, by: 1_024) {
            counter.append(run[start..<start + 1_024])
            if counter.isFull { counter.settle() }
        }
        #expect(counter.finish() == vocabulary.count(run))
    }
}
