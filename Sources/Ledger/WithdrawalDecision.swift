import Schema

/// Decides how much of the credit that is to be withdrawn leaves the balance now.
///
/// What leases hold may be burned by calls that were admitted while the credit was live, so as
/// much of it stays, first of what burns first, and is kept from being leased again. After the
/// time in which every such call must have ended, all goes that no lease holds.
struct WithdrawalDecision: Hashable, Sendable {
    /// A grant whose time is over, or that was voided.
    struct Candidate: Hashable, Sendable {
        let grant: GrantID
        let rest: Pico
        /// Whether no call that was admitted on it can run any more.
        let isDrained: Bool
    }

    /// What becomes of a candidate.
    struct Step: Hashable, Sendable {
        let grant: GrantID
        let removed: Pico
        let kept: Pico
    }

    /// One for each candidate, in their order.
    let steps: [Step]

    /// Takes candidates in the order in which they burn, and what parked events have reserved.
    init(_ candidates: [Candidate], head: HeadSummary, parked: Pico) {
        let held = head.escrowed + parked
        var toKeep = held
        var removable = (head.balance + head.creditLimit - held).clampedToZero
        steps = candidates.map { candidate in
            let needed = candidate.isDrained ? .zero : min(candidate.rest, toKeep)
            toKeep -= needed
            let removed = min(candidate.rest - needed, removable)
            removable -= removed
            return Step(grant: candidate.grant, removed: removed, kept: candidate.rest - removed)
        }
    }
}
