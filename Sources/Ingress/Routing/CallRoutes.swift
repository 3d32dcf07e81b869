import Formats
import Tokenizer

/// One upstream that a call can go to, and what it is there.
final class RoutedCall {
    let offered: OfferedModel
    let state: UpstreamState
    let upstreamModel: String
    /// What the model's tokens are counted with if the upstream does not report them; nil when
    /// they are not to be counted, or cannot be.
    let vocabulary: Vocabulary?
    /// What the model's tokens are counted with before the call, where its bound must be tight.
    let promptVocabulary: Vocabulary?
    /// The call in the upstream's format; nil where that is the client's own.
    let translated: TranslatedCall?

    init(
        offered: OfferedModel,
        state: UpstreamState,
        upstreamModel: String,
        vocabulary: Vocabulary?,
        promptVocabulary: Vocabulary?,
        translated: TranslatedCall?
    ) {
        self.offered = offered
        self.state = state
        self.upstreamModel = upstreamModel
        self.vocabulary = vocabulary
        self.promptVocabulary = promptVocabulary
        self.translated = translated
    }

    var upstream: Upstream { state.upstream }
}

/// Where a call can go, in the order in which it is tried.
struct CallRoutes {
    /// What the customer pays for: the model's name, also where the client used an alias.
    let model: String
    let first: RoutedCall
    /// Empty for a model with one route, so that nothing is allocated for it.
    let others: [RoutedCall]

    var count: Int { others.count + 1 }

    subscript(index: Int) -> RoutedCall { index == 0 ? first : others[index - 1] }

    var offered: OfferedModel { first.offered }

    /// The facts of the call in every form that it may leave in.
    func allFacts(_ call: ParsedCall) -> [CallFacts] {
        (0..<count).map { self[$0].translated?.facts ?? call.facts }
    }
}
