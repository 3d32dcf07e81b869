import Schema

extension PriceSheet {
    /// This sheet as Farebox's own price file, sorted, so that equal sheets are equal texts.
    package var fareboxText: String {
        var writer = FareboxPriceWriter()
        writer.open("{")
        writer.line("\"format\": \(quoted(FareboxPrices.format)),")
        if source == .cost { writer.line("\"purpose\": \"cost\",") }
        writer.line("\"currency\": \(quoted(currency.code)),")
        writer.open("\"models\": {")
        let sorted = models.sorted { $0.key < $1.key }
        for (index, entry) in sorted.enumerated() {
            writer.model(entry.key, entry.value, isLast: index == sorted.count - 1)
        }
        writer.close("}")
        writer.close("}")
        return writer.text
    }
}

/// Writes lines of JSON with two spaces for each level.
private struct FareboxPriceWriter {
    private(set) var text = ""
    private var depth = 0

    mutating func line(_ content: String) {
        text += String(repeating: "  ", count: depth) + content + "\n"
    }

    mutating func open(_ content: String) {
        line(content)
        depth += 1
    }

    mutating func close(_ content: String) {
        depth -= 1
        line(content)
    }

    mutating func model(_ name: String, _ prices: ModelPrices, isLast: Bool) {
        var parts: [String] = []
        if let limit = prices.inputTokensMax { parts.append("\"context\": \(limit)") }
        if let limit = prices.outputTokensMax { parts.append("\"maxOutput\": \(limit)") }
        parts += tier(prices, .base)
        let thresholds = Set(prices.tokenPrices.keys.map(\.contextTier)).subtracting([.base])
        let above = thresholds.sorted().map { context in
            "\(quoted(String(context.threshold))): \(braced(tier(prices, context)))"
        }
        if !above.isEmpty { parts.append("\"above\": \(braced(above))") }
        let fees = FeeKind.allCases.compactMap { kind in
            prices.fees[kind].map { "\(quoted(kind.rawValue)): \(quoted($0.description))" }
        }
        if !fees.isEmpty { parts.append("\"fees\": \(braced(fees))") }
        open("\(quoted(name)): {")
        for (index, part) in parts.enumerated() {
            line(part + (index == parts.count - 1 ? "" : ","))
        }
        close(isLast ? "}" : "},")
    }

    /// The members of one context tier: its standard prices, then `tiers`.
    private func tier(_ prices: ModelPrices, _ context: ContextTier) -> [String] {
        var parts = classes(prices, .standard, context)
        let tiers = ServiceTier.allCases.filter { $0 != .standard }.compactMap { tier in
            let inner = classes(prices, tier, context)
            return inner.isEmpty ? nil : "\(quoted(tier.rawValue)): \(braced(inner))"
        }
        if !tiers.isEmpty { parts.append("\"tiers\": \(braced(tiers))") }
        return parts
    }

    private func classes(
        _ prices: ModelPrices,
        _ tier: ServiceTier,
        _ context: ContextTier
    ) -> [String] {
        TokenClass.allCases.compactMap { tokenClass in
            guard let price = prices.tokenPrices[PriceKey(tokenClass, tier, context)] else {
                return nil
            }
            // At most 10¹⁵ pico a token, so a million tokens stay far inside Int128.
            let perMillion = Pico(price.units * 1_000_000)
            return "\(quoted(tokenClass.rawValue)): \(quoted(perMillion.description))"
        }
    }

    private func braced(_ parts: [String]) -> String { "{ " + parts.joined(separator: ", ") + " }" }
}

/// A JSON string.
private func quoted(_ text: String) -> String {
    var result = "\""
    for scalar in text.unicodeScalars {
        switch scalar {
        case "\"": result += "\\\""
        case "\\": result += "\\\\"
        case "\u{0}"..<"\u{20}":
            let digits = String(scalar.value, radix: 16)
            result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
        default: result.unicodeScalars.append(scalar)
        }
    }
    return result + "\""
}
