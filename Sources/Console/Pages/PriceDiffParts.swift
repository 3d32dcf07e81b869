import Billing
import Schema

/// A difference of prices, jumps first.
enum PriceDiffParts {
    private static let rowsMax = 200
    private static let namesMax = 100

    static func html(_ diff: PriceDiff) -> HTML {
        guard !diff.isEmpty else { return "<p class=\"quiet\">Nothing changes.</p>" }
        var table = HTMLTable(
            "Changed prices, tokens by the million",
            .text("Model"),
            .text("Price"),
            .number("Before"),
            .number("After"),
            .number("Moves by")
        )
        table.nothing = "No price of a model in both changes."
        table.rows = (diff.jumps + diff.changes.filter { !$0.isJump }).prefix(rowsMax).map {
            change in
            [
                "\(change.model)", "\(change.item.description)", "\(change.beforeText)",
                "\(change.afterText)",
                change.isJump
                    ? "<strong>\(change.movement ?? "a thousandfold")</strong>"
                    : "\(change.movement ?? "–")",
            ]
        }
        return """
            \(table.html)\(PricePages.more(diff.changes.count))
            \(names("Models that come", diff.added))\(names("Models that go", diff.removed))
            \(names("Models whose token limits change", diff.limitsChanged))
            """
    }

    private static func names(_ title: String, _ names: [String]) -> HTML {
        guard !names.isEmpty else { return .empty }
        let items = names.prefix(namesMax).map { "<li>\($0)</li>" as HTML }
        let rest: HTML? =
            names.count > namesMax
            ? "<li class=\"quiet\">and \(names.count - namesMax) more</li>" : nil
        return """
            <details><summary>\(title): \(names.count)</summary><ul>\(items)\(rest)</ul></details>
            """
    }
}
