import Schema

/// A document's lines as comma-separated values: a record for each.
struct LinesCSV {
    private static let names = [
        "document", "line", "project", "model", "item", "service_tier",
        "context_threshold", "service_month", "price_version", "quantity", "price_quantity",
        "unit_price", "exact", "amount", "currency",
    ]

    let text: String

    init(_ document: InvoiceDocument) {
        var csv = CSVText(names: Self.names)
        for (index, line) in document.lines.enumerated() {
            let month = line.serviceMonth ?? document.period?.month
            csv.append([
                document.number ?? "", String(index + 1), line.project, line.model, line.item.name,
                line.serviceTier.rawValue,
                String(line.contextThreshold), month?.description ?? "",
                line.priceVersion.map { String($0) } ?? "", String(line.quantity),
                String(line.priceQuantity), line.unitPrice?.description ?? "",
                line.exact.description, line.amount.decimal(in: document.currency),
                document.currency.code,
            ])
        }
        text = csv.text
    }
}
