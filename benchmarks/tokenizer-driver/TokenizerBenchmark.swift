import Foundation
import Tokenizer

/// Counts the tokens of files with each vocabulary and prints how fast, as lines of JSON.
///
///     tokenizer-benchmark VOCABULARY-FOLDER FILE...
@main
struct TokenizerBenchmark {
    private static let rounds = 7

    static func main() throws {
        let arguments = CommandLine.arguments.dropFirst()
        guard let folder = arguments.first, arguments.count > 1 else {
            print("usage: tokenizer-benchmark VOCABULARY-FOLDER FILE...")
            exit(2)
        }
        for name in VocabularyName.allCases {
            let file = try read("\(folder)/\(name.rawValue).tiktoken")
            let vocabulary = try Vocabulary(file, name: name)
            for path in arguments.dropFirst() {
                try measure(vocabulary, name, path)
            }
        }
    }

    private static func measure(
        _ vocabulary: Vocabulary,
        _ name: VocabularyName,
        _ path: String
    ) throws {
        let text = try read(path)
        var tokens: Int64 = 0
        let best =
            (0..<rounds).map { _ in
                ContinuousClock().measure { tokens = vocabulary.count(text) }
            }.min() ?? .zero
        let seconds = best / .seconds(1)
        let file = URL(filePath: path).lastPathComponent
        print(
            """
            {"vocabulary": "\(name.rawValue)", "text": "\(file)", "bytes": \(text.count), \
            "tokens": \(tokens), "seconds": \(seconds)}
            """
        )
    }

    private static func read(_ path: String) throws -> [UInt8] {
        try [UInt8](Data(contentsOf: URL(filePath: path)))
    }
}
