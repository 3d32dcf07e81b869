/// The vocabularies that are known: each has one published file and one way to cut text.
package enum VocabularyName: String, CaseIterable, Sendable {
    case cl100k = "cl100k_base"
    case o200k = "o200k_base"

    /// The SHA-256 of its file, in hexadecimal, as tiktoken has it too.
    package var digest: String {
        switch self {
        case .cl100k: "223921b76ee99bde995b7ff738513eef100fb51d18c93597a113bcffe865b2a7"
        case .o200k: "446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d"
        }
    }

    /// The vocabulary of a model that is known by its name; nil for all others.
    ///
    /// A provider's prefix does not matter: `openai/gpt-4o` is `gpt-4o`. Names that go on are
    /// versions: `gpt-4o-2024-08-06` and `gpt-4o-mini` have what `gpt-4o` has.
    package init?(model: String) {
        let name = model.split(separator: "/").last.map(String.init) ?? model
        let found = Self.models.first { family, _ in
            guard name.hasPrefix(family) else { return false }
            let next = name.dropFirst(family.count).first
            return next.map { "-.:".contains($0) } ?? true
        }
        guard let found else { return nil }
        self = found.vocabulary
    }

    private static let models: [(family: String, vocabulary: Self)] = [
        ("gpt-5", .o200k), ("gpt-4.5", .o200k), ("gpt-4.1", .o200k), ("gpt-4o", .o200k),
        ("chatgpt-4o", .o200k), ("o1", .o200k), ("o3", .o200k), ("o4", .o200k),
        // Its other special tokens are a matter of the template.
        ("gpt-oss", .o200k),
        ("gpt-4", .cl100k), ("gpt-3.5", .cl100k), ("gpt-35", .cl100k),
        ("text-embedding-3", .cl100k), ("text-embedding-ada-002", .cl100k),
        ("davinci-002", .cl100k), ("babbage-002", .cl100k),
        ("ft:gpt-4o", .o200k), ("ft:gpt-4.1", .o200k), ("ft:gpt-4", .cl100k),
        ("ft:gpt-3.5", .cl100k),
    ]
}
