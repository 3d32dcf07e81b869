import Tokenizer

/// The vocabularies that are at hand, to count tokens where an upstream reports none.
package struct Vocabularies: Sendable {
    private let cl100k: Vocabulary?
    private let o200k: Vocabulary?

    package init(_ vocabularies: [VocabularyName: Vocabulary] = [:]) {
        cl100k = vocabularies[.cl100k]
        o200k = vocabularies[.o200k]
    }

    package subscript(name: VocabularyName) -> Vocabulary? {
        switch name {
        case .cl100k: cl100k
        case .o200k: o200k
        }
    }

    /// The vocabulary of the model behind a route: the one that its configuration names, or that
    /// the model is known to have; nil when it is not known or not at hand.
    func vocabulary(
        _ model: OfferedModel,
        _ route: ModelRoute,
        upstreamModel: String
    ) -> Vocabulary? {
        if cl100k == nil, o200k == nil { return nil }
        return model.vocabulary(route, of: upstreamModel).flatMap { self[$0] }
    }
}
