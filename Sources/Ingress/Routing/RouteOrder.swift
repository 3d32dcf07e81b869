import Schema

/// How the routes of a model share its calls.
package enum RouteStrategy: String, CaseIterable, Sendable {
    /// At random, in proportion to their weights.
    case weighted
    /// What costs the operator least.
    case cheapest
    /// What has the fewest calls running, for its weight.
    case leastBusy = "least-busy"
}

/// In which order the routes of a model are tried for a call.
///
/// A lower priority number goes before a higher one whatever the strategy; the strategy orders
/// those of one priority, and what it leaves equal is drawn by weight. Pure: chance is a
/// parameter.
enum RouteOrder {
    struct Candidate: Hashable, Sendable {
        var priority = 1
        /// Zero: only when all others of its priority have failed.
        var weight = 1
        /// What the call is likely to cost the operator; nil when that is not known, which goes
        /// last.
        var cost: Pico?
        var inFlight = 0
    }

    /// The candidates' indices, the first to be tried first.
    static func order(
        _ candidates: [Candidate],
        by strategy: RouteStrategy,
        random: inout some RandomNumberGenerator
    ) -> [Int] {
        var ranked: [(index: Int, turn: Int)] = []
        for (turn, index) in drawn(candidates, &random).enumerated() {
            ranked.append((index, turn))
        }
        ranked.sort { left, right in
            let (one, other) = (candidates[left.index], candidates[right.index])
            if one.priority != other.priority { return one.priority < other.priority }
            if let isBefore = isBefore(one, other, by: strategy) { return isBefore }
            return left.turn < right.turn
        }
        return ranked.map(\.index)
    }

    /// Nil where the strategy makes no difference between them.
    private static func isBefore(
        _ one: Candidate,
        _ other: Candidate,
        by strategy: RouteStrategy
    ) -> Bool? {
        switch strategy {
        case .weighted: return nil
        case .cheapest:
            guard one.cost != other.cost else { return nil }
            guard let left = one.cost else { return false }
            guard let right = other.cost else { return true }
            return left < right
        case .leastBusy:
            // In-flight calls by weight, compared without a division.
            let left = one.inFlight * max(1, other.weight)
            let right = other.inFlight * max(1, one.weight)
            return left == right ? nil : left < right
        }
    }

    /// All indices, drawn one after the other in proportion to their weights.
    private static func drawn(
        _ candidates: [Candidate],
        _ random: inout some RandomNumberGenerator
    ) -> [Int] {
        var left = Array(candidates.indices)
        var drawn: [Int] = []
        while !left.isEmpty {
            let total = left.reduce(0) { $0 + candidates[$1].weight }
            guard total > 0 else { return drawn + left }
            var ticket = Int.random(in: 0..<total, using: &random)
            let place = left.firstIndex { index in
                ticket -= candidates[index].weight
                return ticket < 0
            }
            drawn.append(left.remove(at: place ?? 0))
        }
        return drawn
    }
}
