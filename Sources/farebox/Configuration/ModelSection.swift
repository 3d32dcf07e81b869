import Ingress
import Schema
import Tokenizer

/// The `models` of a configuration file.
struct ModelSection {
    private static let tokens: ClosedRange<Int64> = 1...100_000_000

    private let reader: ConfigurationReader
    private let upstreams: [String: Upstream]

    init(_ reader: ConfigurationReader, _ upstreams: [String: Upstream]) {
        self.reader = reader
        self.upstreams = upstreams
    }

    func read(_ tree: JSONTree?) -> [OfferedModel] {
        let entries = reader.entries(tree, at: "models").sorted { $0.key < $1.key }
        let models = entries.compactMap { model($0.key, $0.value) }
        checkAliases(of: models, names: Set(entries.map(\.key)))
        return models
    }

    private func model(_ text: String, _ tree: JSONTree) -> OfferedModel? {
        let path = "models.\(text)"
        let fields = reader.object(
            tree,
            at: path,
            known: [
                "routes", "aliases", "strategy", "maxOutputTokens", "contextTokens",
                "maxImageTokens", "holdSliceTokens", "vocabulary",
            ]
        )
        guard let pattern = ModelPattern(text) else {
            reader.fault(path, "may have a * only at the end of its name")
            return nil
        }
        let list = reader.list(fields["routes"], at: "\(path).routes")
        if list.isEmpty { reader.fault("\(path).routes", "must have a route at least") }
        let routes = list.enumerated().compactMap { route($1, at: "\(path).routes[\($0)]") }
        guard !routes.isEmpty, routes.count == list.count else { return nil }
        var model = OfferedModel(pattern: pattern, routes: routes)
        model.aliases = aliases(fields["aliases"], of: pattern, at: "\(path).aliases")
        model.strategy =
            reader.choice(
                fields["strategy"],
                at: "\(path).strategy",
                of: RouteStrategy.self
            ) ?? model.strategy
        model.outputTokensMax = reader.integer(
            fields["maxOutputTokens"],
            at: "\(path).maxOutputTokens",
            in: Self.tokens
        )
        model.contextTokensMax = reader.integer(
            fields["contextTokens"],
            at: "\(path).contextTokens",
            in: Self.tokens
        )
        model.imageTokensMax = reader.integer(
            fields["maxImageTokens"],
            at: "\(path).maxImageTokens",
            in: Self.tokens
        )
        model.holdSliceTokens = reader.integer(
            fields["holdSliceTokens"],
            at: "\(path).holdSliceTokens",
            in: 256...Self.tokens.upperBound
        )
        model.vocabulary = reader.choice(
            fields["vocabulary"],
            at: "\(path).vocabulary",
            of: VocabularyName.self
        )
        return model
    }

    private func route(_ tree: JSONTree, at path: String) -> ModelRoute? {
        let fields = reader.object(
            tree,
            at: path,
            known: ["upstream", "model", "weight", "priority"]
        )
        let name = reader.requiredText(fields["upstream"], at: "\(path).upstream")
        guard let name else { return nil }
        guard upstreams[name] != nil else {
            reader.fault("\(path).upstream", "there is no upstream \"\(name)\"")
            return nil
        }
        var route = ModelRoute(
            upstream: name,
            upstreamModel: reader.text(fields["model"], at: "\(path).model")
        )
        if let model = route.upstreamModel, model.isEmpty || model.contains("*") {
            reader.fault("\(path).model", "must be the name of one model")
        }
        func integer(_ name: String, _ range: ClosedRange<Int64>) -> Int? {
            reader.integer(fields[name], at: "\(path).\(name)", in: range).map(Int.init)
        }
        route.weight = integer("weight", 0...1_000_000) ?? route.weight
        route.priority = integer("priority", 1...1_000) ?? route.priority
        return route
    }

    // MARK: aliases

    private func aliases(_ tree: JSONTree?, of pattern: ModelPattern, at path: String) -> [String] {
        let list = reader.list(tree, at: path)
        if !list.isEmpty, pattern.isPrefix {
            reader.fault(path, "need one model to stand for, not a pattern")
            return []
        }
        return list.enumerated().compactMap { index, tree in
            let name = reader.text(tree, at: "\(path)[\(index)]")
            guard let name else { return nil }
            guard ModelPattern(name)?.name != nil else {
                reader.fault("\(path)[\(index)]", "must be a name without a *")
                return nil
            }
            return name
        }
    }

    /// A name that means two models would be priced by chance.
    private func checkAliases(of models: [OfferedModel], names: Set<String>) {
        var taken = names
        for model in models {
            for (index, alias) in model.aliases.enumerated() where !taken.insert(alias).inserted {
                reader.fault(
                    "models.\(model.pattern).aliases[\(index)]",
                    "\"\(alias)\" is the name of a model already"
                )
            }
        }
    }
}
