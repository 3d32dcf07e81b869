import Billing

/// A difference of prices for people.
enum PriceDiffText {
    static let needsForce = "It would need --force: prices move a thousandfold."

    /// Longer lists are counted, not shown; `--json` has them whole.
    private static let linesMax = 40

    /// One line a model that came or went and a price that changed, behind a line of counts.
    static func lines(_ diff: PriceDiff) -> [String] {
        let lines =
            diff.jumps.map { "! \($0)" } + diff.added.map { "+ \($0)" }
            + diff.removed.map { "- \($0)" }
            + diff.changes.filter { !$0.isJump }.map { "~ \($0)" }
            + diff.limitsChanged.map { "~ \($0): token limits" }
        let rest = lines.count - linesMax
        let counts =
            "\(diff.added.count) models added, \(diff.removed.count) removed,"
            + " \(diff.changes.count) prices changed (per million tokens, fees per call)"
        return [counts] + lines.prefix(linesMax) + (rest > 0 ? ["… and \(rest) more"] : [])
    }
}
