import Ingress
import Schema
import Tokenizer

/// The `models` of a configuration file.
struct ModelSection {
    private let reader: ConfigurationReader
    private let upstreams: [String: Upstream]

    init(_ reader: ConfigurationReader, _ upstreams: [String: Upstream]) {
        self.reader = reader
        self.upstreams = upstreams
    }

    /// The routes, the most specific pattern first.
    func read(_ tree: JSONTree?) -> [ModelRoute] {
        let entries = reader.entries(tree, at: "models").sorted { $0.key < $1.key }
        return entries.compactMap { model($0.key, $0.value) }
            .sorted { $0.pattern.specificity > $1.pattern.specificity }
    }

    private func model(_ text: String, _ tree: JSONTree) -> ModelRoute? {
        let path = "models.\(text)"
        let fields = reader.object(
            tree,
            at: path,
            known: ["routes", "maxOutputTokens", "contextTokens", "holdSliceTokens", "vocabulary"]
        )
        guard let pattern = ModelPattern(text) else {
            reader.fault(path, "may have a * only at the end of its name")
            return nil
        }
        let routes = reader.list(fields["routes"], at: "\(path).routes")
        guard routes.count == 1 else {
            reader.fault("\(path).routes", "must have one route: this version tries no second")
            return nil
        }
        let routePath = "\(path).routes[0]"
        let route = reader.object(routes[0], at: routePath, known: ["upstream", "model"])
        let name = reader.requiredText(route["upstream"], at: "\(routePath).upstream")
        guard let name else { return nil }
        guard upstreams[name] != nil else {
            reader.fault("\(routePath).upstream", "there is no upstream \"\(name)\"")
            return nil
        }
        let range: ClosedRange<Int64> = 1...100_000_000
        return ModelRoute(
            pattern: pattern,
            upstream: name,
            upstreamModel: reader.text(route["model"], at: "\(routePath).model"),
            outputTokensMax: reader.integer(
                fields["maxOutputTokens"],
                at: "\(path).maxOutputTokens",
                in: range
            ),
            contextTokensMax: reader.integer(
                fields["contextTokens"],
                at: "\(path).contextTokens",
                in: range
            ),
            holdSliceTokens: reader.integer(
                fields["holdSliceTokens"],
                at: "\(path).holdSliceTokens",
                in: 256...range.upperBound
            ),
            vocabulary: reader.choice(
                fields["vocabulary"],
                at: "\(path).vocabulary",
                of: VocabularyName.self
            )
        )
    }
}
