import Schema

/// Imports `model_prices_and_context_window.json`, the price file that the LiteLLM project keeps.
///
/// Its rules, in the order of what they protect: nothing is dropped without a line in the report;
/// nothing that costs money becomes free; what cannot be charged as the file says is charged
/// dearer or not offered, never cheaper. See docs/prices.md.
package struct LiteLLMPrices: Sendable {
    package private(set) var sheet: PriceSheet
    package private(set) var report = ImportReport()

    /// Reads the whole file, whose prices are US dollars although it doesn't say so.
    package init(parsing bytes: [UInt8]) throws(PriceFileError) {
        let document: JSONTree
        do { document = try JSONTree(parsing: bytes) } catch { throw .notJSON(error) }
        try self.init(document)
    }

    init(_ document: JSONTree) throws(PriceFileError) {
        guard let entries = document.members else { throw .shape("the document is not an object") }
        sheet = PriceSheet(source: .litellm, currency: .usd)
        for entry in entries { importModel(entry.name, entry.value) }
        guard !sheet.models.isEmpty else { throw .shape("no model in it has a price per token") }
    }

    private mutating func importModel(_ name: String, _ value: JSONTree) {
        var model = LiteLLMModel(name: name)
        do throws(SkipReason) {
            let prices = try model.read(value)
            sheet.models[name] = prices
            report.importedCount += 1
            report.adjusted += model.notes.map { ImportReport.Adjustment(model: name, note: $0) }
            for key in model.unpricedKeys { report.unpricedKeys[key, default: 0] += 1 }
        } catch {
            report.skipped.append(ImportReport.Skip(model: name, reason: error))
        }
    }
}

/// Why a price file as a whole was refused.
package enum PriceFileError: Error, Hashable, Sendable, CustomStringConvertible {
    case notJSON(JSONTree.Failure)
    /// JSON, but not a price file; with the path of what is wrong.
    case shape(String)

    package var description: String {
        switch self {
        case .notJSON(let failure): "not JSON: \(failure)"
        case .shape(let text): text
        }
    }
}

extension SkipReason: Error {}

/// One entry of the file on its way to prices.
private struct LiteLLMModel {
    /// Modes of the file that Farebox has, or will have, an endpoint for.
    private static let modes: Set<String> = ["chat", "responses", "completion", "embedding"]

    let name: String
    private(set) var notes: [String] = []
    private(set) var unpricedKeys: [String] = []
    private var prices = ModelPrices()
    private var reasoning: [PriceKey: Pico] = [:]
    private var tokensMax: Int64?

    init(name: String) {
        self.name = name
    }

    mutating func read(_ value: JSONTree) throws(SkipReason) -> ModelPrices {
        guard let members = value.members, name != "sample_spec", let mode = value["mode"]?.string
        else { throw .notAModel }
        guard Self.modes.contains(mode) else { throw .mode(mode) }
        guard let pattern = ModelPattern(name), !pattern.isPrefix else {
            throw .defect("not a name: overlong, or a “*” would make it a pattern")
        }
        for member in members { try take(member.name, member.value, in: nil) }
        takeReasoning()
        dropZeroCachePrices()
        raiseInvertedTiers()
        if mode == "embedding" {
            prices.tokenPrices[PriceKey(.output)] = prices.tokenPrices[PriceKey(.output)] ?? .zero
        }
        if alwaysSearches(provider: value["litellm_provider"]?.string) { chargeSearchByRequest() }
        prices.outputTokensMax = prices.outputTokensMax ?? tokensMax
        guard let input = prices.tokenPrices[PriceKey(.input)] else { throw .noTokenPrice }
        if let defect = prices.defect { throw .defect(defect) }
        guard !prices.isFree else { throw .free }
        if mode != "embedding", input > .zero, prices.tokenPrices[PriceKey(.output)] == .zero {
            throw .defect("the prompt costs and the answer does not")
        }
        return prices
    }

    /// Models that search in every call, and whose usage does not say so.
    private func alwaysSearches(provider: String?) -> Bool {
        provider == "perplexity" || name.contains("-search-preview") || name.contains("-search-api")
    }

    private mutating func chargeSearchByRequest() {
        guard let search = prices.fees[.webSearch] else { return }
        prices.fees[.request] = max(search, prices.fees[.request] ?? .zero)
        notes.append("every call is charged a web search, which its usage does not report")
    }

    /// Takes one member; `range` is the context tier of a `tiered_pricing` element around it.
    private mutating func take(
        _ key: String,
        _ value: JSONTree,
        in range: ContextTier?
    ) throws(SkipReason) {
        switch LiteLLMKey(key) {
        case .token(let priceKey):
            let placed = PriceKey(
                priceKey.tokenClass,
                priceKey.serviceTier,
                range ?? priceKey.contextTier
            )
            let price = try price(key, value)
            // Two keys of one meaning: the dearer, so that their order does not matter.
            prices.tokenPrices[placed] = max(price, prices.tokenPrices[placed] ?? price)
        case .reasoning(let tier, let context):
            reasoning[PriceKey(.output, tier, range ?? context)] = try price(key, value)
        case .fee(let kind): prices.fees[kind] = try price(key, value)
        case .webSearch: try takeWebSearch(key, value)
        case .tieredPricing: try takeTiers(key, value)
        case .inputTokensMax: prices.inputTokensMax = limit(value)
        case .outputTokensMax: prices.outputTokensMax = limit(value)
        case .tokensMax: tokensMax = limit(value)
        case .unpriceable: if try price(key, value) != .zero { throw .unpriceable(key: key) }
        case .unpriced: unpricedKeys.append(key)
        case .information: break
        }
    }

    private func price(_ key: String, _ value: JSONTree) throws(SkipReason) -> Pico {
        guard let text = value.number else {
            throw .price(key: key, text: "no number", .notANumber)
        }
        do throws(DecimalText.Failure) { return try DecimalText(text).picoPerToken() } catch {
            throw .price(key: key, text: text, error)
        }
    }

    /// A limit in tokens; zero is how the file says that it does not know.
    private func limit(_ value: JSONTree) -> Int64? {
        guard let text = value.number, let decimal = try? DecimalText(text),
            let tokens = try? decimal.scaled(byPowerOfTen: 0, atMost: Int128(TokenUsage.countMax))
        else { return nil }
        return tokens > 0 ? Int64(tokens) : nil
    }

    /// Usage does not say how much a search looked at, so every search costs the dearest price.
    private mutating func takeWebSearch(_ key: String, _ value: JSONTree) throws(SkipReason) {
        var found: Set<Pico> = []
        for member in value.members ?? [] { found.insert(try price(key, member.value)) }
        guard let dearest = found.max(), dearest > .zero else { return }
        prices.fees[.webSearch] = dearest
        if found.count > 1 { notes.append("web searches are charged at their dearest price") }
    }

    private mutating func takeTiers(_ key: String, _ value: JSONTree) throws(SkipReason) {
        guard case .array(let tiers) = value else { throw .defect("\(key) is not a list") }
        for tier in tiers {
            guard case .array(let range) = tier["range"], let text = range.first?.number,
                let decimal = try? DecimalText(text),
                let lower = try? decimal.scaled(byPowerOfTen: 0, atMost: Int128(Int32.max))
            else { throw .defect("\(key) has an element without a range") }
            let context = ContextTier(threshold: Int32(lower))
            for member in tier.members ?? [] where member.name != "range" {
                try take(member.name, member.value, in: context)
            }
        }
    }

    /// Reasoning is counted inside output and has no class: where it is dearer, output costs that.
    private mutating func takeReasoning() {
        for (key, price) in reasoning.sorted(by: { $0.key < $1.key }) {
            let output = prices.tokenPrices[key]
            guard output == nil || price != output else { continue }
            if let output, price < output {
                notes.append("\(key): reasoning is charged as output, which is dearer")
            } else {
                prices.tokenPrices[key] = price
                notes.append("\(key): charged as reasoning, which is dearer")
            }
        }
    }

    /// A cache price of zero beside a prompt that costs says “unknown”; the fallback applies.
    private mutating func dropZeroCachePrices() {
        guard let input = prices.tokenPrices[PriceKey(.input)], input > .zero else { return }
        let classes: Set<TokenClass> = [.cacheRead, .cacheWriteShort, .cacheWriteLong]
        for (key, price) in prices.tokenPrices.sorted(by: { $0.key < $1.key })
        where price == .zero && classes.contains(key.tokenClass) {
            prices.tokenPrices[key] = nil
            notes.append("\(key): a price of zero is taken as unknown")
        }
    }
    /// A long prompt is never cheaper a token than a short one; where the file says so it errs.
    private mutating func raiseInvertedTiers() {
        var dearest: [PriceKey: Pico] = [:]
        for (key, price) in prices.tokenPrices.sorted(by: { $0.key < $1.key }) {
            let line = PriceKey(key.tokenClass, key.serviceTier)
            if let before = dearest[line], price < before {
                prices.tokenPrices[key] = before
                notes.append("\(key): raised to the price of shorter prompts")
            }
            dearest[line] = max(price, dearest[line] ?? price)
        }
    }
}
