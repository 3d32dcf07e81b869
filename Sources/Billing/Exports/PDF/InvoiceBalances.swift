import Documents
import Schema

/// How the account's balance came from one month's end to the next, exactly.
struct InvoiceBalances {
    private typealias Typography = InvoiceTypography

    private let invoice: InvoiceDocument

    init(_ invoice: InvoiceDocument) {
        self.invoice = invoice
    }

    var blocks: [Block] {
        guard let balances = invoice.balances else { return [] }
        let changes = balances.changes.map { row(Self.name(of: $0.kind), $0.amount) }
        let rows =
            [row("Opening balance", balances.opening)] + changes
            + [row("Closing balance", balances.closing, Typography.strong)]
        let table = Table(
            columns: [.init(.share(1)), .init(.fit, .right)],
            head: [
                .init(
                    [
                        .init("Balance of the account", Typography.label),
                        .init("Exact, \(invoice.currency)", Typography.label),
                    ],
                    ruleBelow: Typography.line
                )
            ],
            rows: rows,
            columnGap: Typography.columnGap,
            rowPadding: Typography.rowPadding
        )
        return [.gap(.points(22)), .together([.table(table)])]
    }

    private func row(
        _ name: String,
        _ amount: Pico,
        _ style: TextStyle = Typography.body
    ) -> Table.Row {
        .init(
            [
                .init(name, style), .init(PrintedText.amount(amount, invoice.currency), style),
            ],
            ruleBelow: Typography.hairline
        )
    }

    /// A kind of event in words: `Credit granted`.
    private static func name(of kind: String) -> String {
        let words = kind.split(separator: "_").joined(separator: " ")
        return words.prefix(1).uppercased() + words.dropFirst()
    }
}
