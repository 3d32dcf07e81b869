import Billing
import Schema
import Shapes

/// A month rated anew, for people and for programs.
struct PreviewText {
    let preview: PricePreview

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
        let total = preview.total
        table.rows.append([
            "total", "", String(total.calls), text(total.before), text(total.after),
            text(total.difference),
        ])
        return CommandResult(text: table.text, json: .preview(preview))
    }

    private func text(_ amount: Pico) -> String {
        amount.decimal(fractionDigitsMin: preview.version.currency.exponent)
    }
}
