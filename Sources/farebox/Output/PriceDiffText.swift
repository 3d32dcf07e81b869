import Billing
import Schema

/// A difference of prices for people and for programs.
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

    static func fields(_ diff: PriceDiff) -> [(String, JSONNode)] {
        [
            ("added", .array(diff.added.map(JSONNode.text))),
            ("removed", .array(diff.removed.map(JSONNode.text))),
            ("changed", .array(diff.changes.map { .text($0.description) })),
            ("jumps", .array(diff.jumps.map { .text($0.description) })),
        ]
    }
}
