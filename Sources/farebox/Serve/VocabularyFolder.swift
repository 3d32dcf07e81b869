import Digest
import Foundation
import Ingress
import Tokenizer

/// The folder with the vocabularies' files: `o200k_base.tiktoken`, `cl100k_base.tiktoken`.
struct VocabularyFolder {
    private let path: String?

    /// - Parameter path: nil for none.
    init(_ path: String?) {
        self.path = path
    }

    /// Reads every vocabulary that is there, and says which.
    ///
    /// - Throws: when a file is another than was published, or when the configuration names a
    ///   vocabulary that is not there: a wrong count would be a wrong charge.
    func read(for configuration: GatewayConfiguration, _ log: Log) throws -> Vocabularies {
        var found: [VocabularyName: Vocabulary] = [:]
        for name in VocabularyName.allCases {
            found[name] = try read(name)
        }
        for model in configuration.models.models {
            guard let name = model.vocabulary, found[name] == nil else { continue }
            throw CommandFailure(
                "models.\(model.pattern).vocabulary is \(name.rawValue), and FAREBOX_VOCABULARY"
                    + " names no folder with \(name.rawValue).tiktoken"
            )
        }
        guard configuration.policy.missingUsage == .count else { return Vocabularies() }
        if found.isEmpty {
            log.warning(
                "no vocabulary: tokens are estimated where an upstream reports none;"
                    + " FAREBOX_VOCABULARY names their folder"
            )
        } else {
            let names = found.keys.map(\.rawValue).sorted().joined(separator: ", ")
            log.info("tokens are counted where an upstream reports none", ["with": .text(names)])
        }
        return Vocabularies(found)
    }

    /// One vocabulary; nil when its file is not there.
    private func read(_ name: VocabularyName) throws -> Vocabulary? {
        guard let path else { return nil }
        let file = URL(filePath: path).appending(path: "\(name.rawValue).tiktoken")
        guard FileManager.default.fileExists(atPath: file.path()) else { return nil }
        let bytes = try [UInt8](Data(contentsOf: file))
        guard SHA256.hash(bytes).hexadecimal == name.digest else {
            throw CommandFailure("\(file.path()) is not \(name.rawValue) as it was published")
        }
        do {
            return try Vocabulary(bytes, name: name)
        } catch {
            throw CommandFailure("\(file.path()): \(error)")
        }
    }
}
