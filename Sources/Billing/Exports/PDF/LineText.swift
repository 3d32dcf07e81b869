import Schema

/// How a line is written on paper.
enum LineText {
    /// What was counted, beside the model: `Output tokens, priority, used in September 2026`.
    static func subject(_ line: DocumentLine, of document: InvoiceDocument) -> String {
        let title = line.item.title
        var parts = [title.prefix(1).uppercased() + title.dropFirst()]
        if line.serviceTier != .standard { parts.append(line.serviceTier.rawValue) }
        if line.contextThreshold > 0 {
            parts.append("prompts above \(PrintedText.count(Int64(line.contextThreshold)))")
        }
        if let month = line.serviceMonth, month != document.period?.month {
            parts.append("used in \(PrintedText.month(month))")
        }
        if line.uncharged > .zero {
            parts.append("less \(document.currency.text(line.uncharged)) not charged")
        }
        return parts.joined(separator: ", ")
    }

    /// `2.50 per M`; empty where the amount is no product.
    static func price(_ line: DocumentLine, in currency: Currency) -> String {
        guard let price = line.unitPrice else { return "" }
        let decimal = PrintedText.amount(price, currency)
        return line.priceQuantity > 1 ? "\(decimal) per M" : decimal
    }
}
