import Schema
import Tokenizer

/// One entry of `models`: a name or a pattern ending in `*`, and where its calls go.
package struct OfferedModel: Sendable {
    package var pattern: ModelPattern
    /// Other names for the model: a call by one of them is a call of the model in everything, its
    /// price and its permission included.
    package var aliases: [String] = []
    /// At least one.
    package var routes: [ModelRoute]
    package var strategy = RouteStrategy.weighted
    /// Overrides the price file's limit.
    package var outputTokensMax: Int64?
    /// Overrides the price file's limit.
    package var contextTokensMax: Int64?
    /// The most tokens that the model takes an image for; nil for the dearest of any model.
    package var imageTokensMax: Int64?
    /// How much output a stream holds money for at a time; nil to hold its whole cap from the
    /// beginning, as is right for a model that reasons unseen.
    package var holdSliceTokens: Int64?
    /// What the model's tokens are counted with; nil for what it is known to have.
    package var vocabulary: VocabularyName?

    package init(pattern: ModelPattern, routes: [ModelRoute]) {
        self.pattern = pattern
        self.routes = routes.map { route in
            var route = route
            route.knowVocabulary(of: pattern)
            return route
        }
    }
}

/// One of the upstreams that serve a model.
package struct ModelRoute: Sendable {
    package var upstream: String
    /// The name that the upstream knows the model by; nil when it is the client's.
    package var upstreamModel: String?
    /// Its share of the calls among the routes of one priority; 0 for a mere reserve.
    package var weight = 1
    /// Routes with a lower number go first.
    package var priority = 1
    /// What the model is known to have, found once where the route leads to one model.
    private var knownVocabulary: VocabularyName?
    private var isOneModel = false

    package init(upstream: String, upstreamModel: String? = nil) {
        self.upstream = upstream
        self.upstreamModel = upstreamModel
    }

    fileprivate mutating func knowVocabulary(of pattern: ModelPattern) {
        let model = upstreamModel ?? pattern.name
        isOneModel = model != nil
        knownVocabulary = model.flatMap(VocabularyName.init(model:))
    }

    fileprivate func vocabulary(of upstreamModel: String) -> VocabularyName? {
        isOneModel ? knownVocabulary : VocabularyName(model: upstreamModel)
    }
}

extension OfferedModel {
    /// The vocabulary of one of the models behind a route; nil when it is not known.
    func vocabulary(_ route: ModelRoute, of upstreamModel: String) -> VocabularyName? {
        vocabulary ?? route.vocabulary(of: upstreamModel)
    }
}

/// The models that a configuration offers, found by the names that clients use.
package struct ModelCatalogue: Sendable {
    /// The most specific pattern first.
    package let models: [OfferedModel]
    /// Each alias with the place and the name of its model.
    private let aliases: [String: (place: Int, name: String)]

    package init(_ models: [OfferedModel]) {
        self.models = models.sorted { $0.pattern.specificity > $1.pattern.specificity }
        var aliases: [String: (place: Int, name: String)] = [:]
        for (place, model) in self.models.enumerated() {
            guard let name = model.pattern.name else { continue }
            for alias in model.aliases { aliases[alias] = (place, name) }
        }
        self.aliases = aliases
    }

    /// The model that a client means, and the name that it has here; nil when there is none.
    func find(_ asked: String) -> (model: OfferedModel, name: String)? {
        if !aliases.isEmpty, let alias = aliases[asked] { return (models[alias.place], alias.name) }
        return models.first { $0.pattern.matches(asked) }.map { ($0, asked) }
    }

    /// The names that can be listed: those of single models, and their aliases.
    var names: [String] { models.compactMap(\.pattern.name) + aliases.keys }
}
