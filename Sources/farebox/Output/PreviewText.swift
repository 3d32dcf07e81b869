import Billing
import Schema

/// A month rated anew, for people and for programs.
struct PreviewText {
    let preview: PricePreview
    let month: String

    var result: CommandResult {
        let currency = preview.version.currency
        var table = Table(
            .left("ACCOUNT"),
            .left("MODEL"),
            .right("CALLS"),
            .right("BEFORE \(currency)"),
            .right("AFTER"),
            .right("DIFFERENCE")
        )
        table.rows = preview.rows.map { row in
            [
                row.account, row.model, String(row.calls), text(row.before),
                row.after.map(text) ?? "no price", row.difference.map(text) ?? "",
            ]
        }
        table.rows.append([
            "total", "", String(preview.rows.reduce(0) { $0 + $1.calls }), text(before),
            text(after), text(difference),
        ])
        return CommandResult(text: table.text, json: node)
    }

    private var before: Pico { preview.rows.reduce(.zero) { $0 + $1.before } }
    private var after: Pico { preview.rows.reduce(.zero) { $0 + ($1.after ?? .zero) } }
    /// Of what can be rated: a model that has no price any more is not money saved.
    private var difference: Pico { preview.rows.reduce(.zero) { $0 + ($1.difference ?? .zero) } }

    private func text(_ amount: Pico) -> String {
        amount.decimal(fractionDigitsMin: preview.version.currency.exponent)
    }

    private var node: JSONNode {
        let rows = preview.rows.map { row in
            JSONNode.object([
                ("account", .text(row.account)), ("model", .text(row.model)),
                ("calls", .integer(row.calls)), ("before", .text(text(row.before))),
                ("after", .optional(row.after.map(text))),
                ("difference", .optional(row.difference.map(text))),
            ])
        }
        return .object([
            ("version", .integer(preview.version.version.number)), ("month", .text(month)),
            ("currency", .text(preview.version.currency.code)),
            ("effective_at", .text(preview.version.effectiveAt.description)),
            ("rows", .array(rows)),
            (
                "total",
                .object([
                    ("before", .text(text(before))), ("after", .text(text(after))),
                    ("difference", .text(text(difference))),
                ])
            ),
        ])
    }
}
