import Schema

/// Reads Farebox's own price file: JSON for people, prices as decimals per million tokens.
///
/// Unlike a community file it is refused as a whole for anything that is not understood: whoever
/// wrote it can mend it. The format is described in docs/prices.md.
package struct FareboxPrices: Sendable {
    /// The value of the member `format`.
    package static let format = "farebox-prices/1"

    package private(set) var sheet: PriceSheet

    package init(parsing bytes: [UInt8]) throws(PriceFileError) {
        let document: JSONTree
        do { document = try JSONTree(parsing: bytes) } catch { throw .notJSON(error) }
        try self.init(document)
    }

    init(_ document: JSONTree) throws(PriceFileError) {
        var reader = FareboxPriceReader()
        sheet = try reader.sheet(document)
    }
}

private struct FareboxPriceReader {
    mutating func sheet(_ document: JSONTree) throws(PriceFileError) -> PriceSheet {
        let members = try object(
            document,
            at: "the document",
            known: ["format", "purpose", "currency", "models"]
        )
        guard members["format"]?.string == FareboxPrices.format else {
            throw .shape("format must be “\(FareboxPrices.format)”")
        }
        guard let code = members["currency"]?.string, let currency = Currency(code) else {
            throw .shape("currency must be three upper-case letters")
        }
        var sheet = PriceSheet(source: try source(members["purpose"]), currency: currency)
        for member in document["models"]?.members ?? [] {
            let path = "models.\(member.name)"
            guard ModelPattern(member.name) != nil else {
                throw .shape("\(path): a model is a name, or a prefix and “*”")
            }
            sheet.models[member.name] = try model(member.value, at: path)
        }
        guard !sheet.models.isEmpty else { throw .shape("models is missing or empty") }
        return sheet
    }

    /// Whether the prices are the customers', as they are by default, or the upstreams'.
    private func source(_ value: JSONTree?) throws(PriceFileError) -> PriceSource {
        guard let value else { return .farebox }
        switch value.string {
        case "sale": return .farebox
        case "cost": return .cost
        default: throw .shape("purpose must be “sale” or “cost”")
        }
    }

    private func model(_ value: JSONTree, at path: String) throws(PriceFileError) -> ModelPrices {
        let members = try object(
            value,
            at: path,
            known: ["context", "maxOutput", "fees", "tiers", "above"] + Self.classNames
        )
        var prices = ModelPrices()
        prices.inputTokensMax = try limit(members["context"], at: "\(path).context")
        prices.outputTokensMax = try limit(members["maxOutput"], at: "\(path).maxOutput")
        try takeFees(members["fees"], into: &prices, at: "\(path).fees")
        try takeTier(value, .base, into: &prices, at: path)
        for member in try optionalObject(members["above"], at: "\(path).above") {
            let inner = "\(path).above.\(member.name)"
            guard let threshold = Int32(member.name), threshold > 0 else {
                throw .shape("\(inner): a threshold is a whole number of tokens")
            }
            _ = try object(member.value, at: inner, known: ["tiers"] + Self.classNames)
            try takeTier(member.value, ContextTier(threshold: threshold), into: &prices, at: inner)
        }
        if let defect = prices.defect { throw .shape("\(path): \(defect)") }
        return prices
    }

    /// Takes the standard prices of one context tier and those under `tiers`.
    private func takeTier(
        _ value: JSONTree,
        _ context: ContextTier,
        into prices: inout ModelPrices,
        at path: String
    ) throws(PriceFileError) {
        try takeClasses(value, .standard, context, into: &prices, at: path)
        for member in try optionalObject(value["tiers"], at: "\(path).tiers") {
            let inner = "\(path).tiers.\(member.name)"
            guard let tier = ServiceTier(rawValue: member.name), tier != .standard else {
                throw .shape("\(inner): a tier is flex, priority or batch")
            }
            _ = try object(member.value, at: inner, known: Self.classNames)
            try takeClasses(member.value, tier, context, into: &prices, at: inner)
        }
    }

    private func takeClasses(
        _ value: JSONTree,
        _ tier: ServiceTier,
        _ context: ContextTier,
        into prices: inout ModelPrices,
        at path: String
    ) throws(PriceFileError) {
        for tokenClass in TokenClass.allCases {
            guard let text = value[tokenClass.rawValue] else { continue }
            let decimal = try decimal(text, at: "\(path).\(tokenClass.rawValue)")
            do throws(DecimalText.Failure) {
                prices.tokenPrices[PriceKey(tokenClass, tier, context)] =
                    try decimal.picoPerTokenFromMillion()
            } catch {
                throw .shape("\(path).\(tokenClass.rawValue): \(error.explanation)")
            }
        }
    }

    private func takeFees(
        _ value: JSONTree?,
        into prices: inout ModelPrices,
        at path: String
    ) throws(PriceFileError) {
        for member in try optionalObject(value, at: path) {
            guard let kind = FeeKind(rawValue: member.name) else {
                throw .shape("\(path).\(member.name): a fee is request or web_search")
            }
            let decimal = try decimal(member.value, at: "\(path).\(member.name)")
            do throws(DecimalText.Failure) { prices.fees[kind] = try decimal.picoPerToken() } catch
            {
                throw .shape("\(path).\(member.name): \(error.explanation)")
            }
        }
    }

    private static let classNames = TokenClass.allCases.map(\.rawValue)

    private func decimal(_ value: JSONTree, at path: String) throws(PriceFileError) -> DecimalText {
        guard let text = value.string ?? value.number, let decimal = try? DecimalText(text) else {
            throw .shape("\(path): not a decimal")
        }
        return decimal
    }

    private func limit(_ value: JSONTree?, at path: String) throws(PriceFileError) -> Int64? {
        guard let value else { return nil }
        guard let text = value.number, let tokens = Int64(text),
            (1...TokenUsage.countMax).contains(tokens)
        else { throw .shape("\(path): not a whole number of tokens") }
        return tokens
    }

    private func optionalObject(
        _ value: JSONTree?,
        at path: String
    ) throws(PriceFileError) -> [JSONTree.Member] {
        guard let value else { return [] }
        guard let members = value.members else { throw .shape("\(path): not an object") }
        return members
    }

    private func object(
        _ value: JSONTree,
        at path: String,
        known: [String]
    ) throws(PriceFileError) -> [String: JSONTree] {
        guard let members = value.members else { throw .shape("\(path): not an object") }
        for member in members where !known.contains(member.name) {
            throw .shape("\(path): “\(member.name)” is not known here")
        }
        return Dictionary(uniqueKeysWithValues: members.map { ($0.name, $0.value) })
    }
}
