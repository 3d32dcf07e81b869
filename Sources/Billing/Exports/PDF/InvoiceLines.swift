import Documents
import Schema

/// The lines of a document, project by project, and their sums by key.
struct InvoiceLines {
    private typealias Typography = InvoiceTypography

    private let invoice: InvoiceDocument

    init(_ invoice: InvoiceDocument) {
        self.invoice = invoice
    }

    var blocks: [Block] {
        guard !invoice.lines.isEmpty else {
            return [Typography.text("Nothing was used in this month.", Typography.soft)]
        }
        let table = Table(
            columns: [
                .init(.share(5)), .init(.share(4)), .init(.fit, .right), .init(.fit, .right),
                .init(.fit, .right),
            ],
            head: [head("Model", "Charged for", "Quantity", "Price", amountHeading)],
            rows: rows,
            columnGap: Typography.columnGap,
            rowPadding: Typography.rowPadding
        )
        return [.table(table)] + keys
    }

    private var amountHeading: String { "Amount, \(invoice.currency)" }

    private func head(_ names: String...) -> Table.Row {
        .init(names.map { .init($0, Typography.label) }, ruleBelow: Typography.line)
    }

    /// The lines of each project together, late ones of earlier months too, and their sum.
    private var rows: [Table.Row] {
        var rows: [Table.Row] = []
        let groups = projects.map { project in invoice.lines.filter { $0.project == project } }
        for (index, group) in groups.enumerated() {
            let project = projects[index]
            if !project.isEmpty { rows.append(title(project, isFirst: rows.isEmpty)) }
            rows += group.map(row)
            if !project.isEmpty { rows.append(sum(of: group, isLast: index == groups.count - 1)) }
        }
        return rows
    }

    /// In the order of their first lines.
    private var projects: [String] {
        var seen: Set<String> = []
        return invoice.lines.map(\.project).filter { seen.insert($0).inserted }
    }

    private func title(_ project: String, isFirst: Bool) -> Table.Row {
        .init(
            [.init(project, Typography.strong, span: 3)],
            spaceAbove: .points(isFirst ? 2 : 9),
            staysWithNext: true
        )
    }

    private func row(_ line: DocumentLine) -> Table.Row {
        .init(
            [
                .init(line.model, Typography.body),
                .init(LineText.subject(line, of: invoice), Typography.soft),
                .init(PrintedText.count(line.quantity), Typography.body),
                .init(LineText.price(line, in: invoice.currency), Typography.soft),
                .init(invoice.printed(line.amount), Typography.body),
            ],
            ruleBelow: Typography.hairline
        )
    }

    private func sum(of lines: [DocumentLine], isLast: Bool) -> Table.Row {
        let sum = lines.reduce(MinorUnits.zero) { $0 + $1.amount }
        return .init(
            [
                .init("Subtotal", Typography.soft, span: 4),
                .init(invoice.printed(sum), Typography.strong),
            ],
            // The last one takes what follows along.
            staysWithNext: isLast,
            staysWithPrevious: true
        )
    }

    /// What each key has used, where there are several.
    private var keys: [Block] {
        guard invoice.keySubtotals.count > 1 else { return [] }
        let rows = invoice.keySubtotals.map { key in
            Table.Row(
                [
                    .init(key.title ?? "", Typography.body), .init(key.name, Typography.soft),
                    .init(invoice.printed(key.amount), Typography.body),
                ],
                ruleBelow: Typography.hairline
            )
        }
        let table = Table(
            columns: [.init(.share(5)), .init(.share(6)), .init(.fit, .right)],
            head: [head("By key", "Identifier", amountHeading)],
            rows: rows,
            columnGap: Typography.columnGap,
            rowPadding: Typography.rowPadding
        )
        return [.gap(.points(22)), .table(table)]
    }
}
