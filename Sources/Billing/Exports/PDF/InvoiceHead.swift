import Documents
import Schema

/// What stands above a document's lines: the parties, the facts, and the one figure that everybody
/// looks for.
struct InvoiceHead {
    private typealias Typography = InvoiceTypography

    private let invoice: InvoiceDocument
    private let logo: Picture?

    init(_ invoice: InvoiceDocument, logo: Picture?) {
        self.invoice = invoice
        self.logo = logo
    }

    var blocks: [Block] {
        let parties = Block.columns([
            Column(share: 10, party("BILLED TO", invoice.customer)),
            Column(share: 1, []),
            Column(share: 10, party("FROM", invoice.issuer)),
            Column(share: 1, []),
            Column(share: 11, [label("DETAILS"), .gap(.points(3)), facts]),
        ])
        return [
            masthead, .gap(.points(28)), parties, .gap(.points(24)),
            .rule(Typography.hairline), .gap(.points(11)), callout, .gap(.points(11)),
            .rule(Typography.hairline), .gap(.points(26)),
        ]
    }

    private var masthead: Block {
        let title = Table.Cell(invoice.title, Typography.title)
        if let logo {
            return .columns([
                Column(share: 3, [.picture(logo, height: Typography.logoHeight)]),
                Column(share: 2, [Typography.text(title.text, title.style, .right)]),
            ])
        }
        return .table(
            Table(
                columns: [.init(.share(3)), .init(.share(2), .right)],
                head: [],
                rows: [.init([.init(invoice.issuer.legalName, Typography.issuer), title])],
                columnGap: Typography.columnGap,
                rowPadding: .zero
            )
        )
    }

    private func label(_ text: String) -> Block { Typography.text(text, Typography.label) }

    private func party(_ title: String, _ party: DocumentParty) -> [Block] {
        var blocks = [
            label(title), .gap(.points(5)), Typography.text(party.legalName, Typography.strong),
        ]
        let city = [party.postalCode, party.city].compactMap(\.self).joined(separator: " ")
        let lines = (party.address + [city, party.country ?? ""]).filter { !$0.isEmpty }
        if !lines.isEmpty { blocks.append(Typography.text(lines.joined(separator: "\n"))) }
        if let taxID = party.taxIdentifier {
            blocks += [.gap(.points(2)), Typography.text("VAT ID \(taxID)", Typography.soft)]
        }
        return blocks
    }

    // MARK: - Facts

    private var facts: Block {
        .table(
            Table(
                columns: [.init(.fit), .init(.share(1))],
                head: [],
                rows: factTexts.map { name, value in
                    .init([.init(name, Typography.soft), .init(value, Typography.body)])
                },
                columnGap: Typography.columnGap,
                rowPadding: .tenths(8)
            )
        )
    }

    private var factTexts: [(String, String)] {
        let facts: [(String, String?)] = [
            ("Number", invoice.number),
            ("Date", invoice.issueDate.map(PrintedText.date)),
            ("Corrects", invoice.corrects?.number),
            ("Dated", invoice.corrects.map { PrintedText.date($0.issueDate) }),
            ("Reason", invoice.reason),
            ("Period", invoice.period.map { PrintedText.month($0.month) }),
            ("Paid", invoice.payment.map { PrintedText.date($0.date) }),
            ("Payment", invoice.payment?.reference),
            ("Due", invoice.dueDate.map(PrintedText.date)),
            ("Account", invoice.account),
        ]
        return facts.compactMap { name, value in value.map { (name, $0) } }
    }

    // MARK: - The figure

    private var callout: Block {
        let (name, amount) =
            switch invoice.kind {
            case .invoice: ("Amount due", invoice.totals.due)
            case .statement: ("Used in the month", invoice.totals.subtotal)
            case .receipt: ("Amount paid", invoice.totals.total)
            case .creditNote: ("Amount credited", invoice.totals.total)
            }
        var caption = [Typography.text(name, Typography.strong)]
        if let due = invoice.dueDate {
            caption.append(Typography.text("by \(PrintedText.date(due))", Typography.soft))
        }
        let figure = "\(invoice.printed(amount)) \(invoice.currency)"
        return .columns([
            Column(share: 1, caption),
            Column(share: 1, [Typography.text(figure, Typography.figure, .right)]),
        ])
    }
}
