import Documents
import Schema

/// What the lines come to, and what was taxed at which rate.
struct InvoiceTotals {
    private typealias Typography = InvoiceTypography

    private let invoice: InvoiceDocument

    init(_ invoice: InvoiceDocument) {
        self.invoice = invoice
    }

    var blocks: [Block] {
        let totals = Block.columns([Column(share: 1, []), Column(share: 1, [.table(table)])])
        return [.gap(.points(14)), .together([totals] + taxSummary)]
    }

    private var table: Table {
        let totals = invoice.totals
        var rows = [row("Subtotal", invoice.printed(totals.subtotal))]
        for credit in invoice.creditsApplied where credit.amount != .zero {
            rows.append(row(name(of: credit), "\u{2212}\(invoice.printed(credit.amount))"))
        }
        for debt in invoice.debts ?? [] where debt.amount != .zero {
            rows.append(row(debt.title, invoice.printed(debt.amount)))
        }
        for tax in invoice.taxes {
            rows.append(row(TaxText.name(tax), invoice.printed(tax.amount)))
        }
        let (total, due) = (invoice.printed(totals.total), invoice.printed(totals.due))
        rows.append(row("Total", total, Typography.strong, above: Typography.hairline))
        if invoice.kind == .invoice {
            rows.append(row("Amount due", due, Typography.strong, above: Typography.line))
        }
        return Table(
            columns: [.init(.share(1)), .init(.fit, .right)],
            head: [],
            rows: rows,
            columnGap: Typography.columnGap,
            rowPadding: .points(3)
        )
    }

    private func name(of credit: DocumentCredit) -> String {
        let name = credit.kind == .paid ? "Prepaid credit" : "Promotional credit"
        return credit.reference.map { "\(name), \($0)" } ?? name
    }

    private func row(
        _ name: String,
        _ amount: String,
        _ style: TextStyle = Typography.body,
        above rule: Rule? = nil
    ) -> Table.Row {
        .init(
            [.init(name, style), .init("\(amount) \(invoice.currency)", style)],
            ruleAbove: rule
        )
    }

    private var taxSummary: [Block] {
        guard !invoice.taxes.isEmpty else { return [] }
        let names = ["Tax summary", "Rate", "Taxable", "Tax"]
        let table = Table(
            columns: [
                .init(.share(1)), .init(.fit, .right), .init(.fit, .right), .init(.fit, .right),
            ],
            head: [.init(names.map { .init($0, Typography.label) }, ruleBelow: Typography.line)],
            rows: invoice.taxes.map(row),
            columnGap: Typography.columnGap * 2,
            rowPadding: Typography.rowPadding
        )
        return [.gap(.points(22)), .table(table)]
    }

    private func row(_ tax: DocumentTax) -> Table.Row {
        let values = [
            tax.exemptionReason ?? "VAT", "\(TaxText.percent(tax))\u{A0}%",
            invoice.printed(tax.base), invoice.printed(tax.amount),
        ]
        return .init(values.map { .init($0, Typography.body) }, ruleBelow: Typography.hairline)
    }
}
