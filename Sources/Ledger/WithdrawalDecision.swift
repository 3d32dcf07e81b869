import Schema

/// Decides how much of the credit that is to be withdrawn leaves the balance now.
///
/// What leases hold may be burned by calls that were admitted while the credit was live, so as
/// much of it stays, first of what burns first, and is kept from being leased again. After the
/// time in which every such call must have ended, all goes that no lease holds.
package struct WithdrawalDecision: Hashable, Sendable {
    /// A grant whose time is over, or that was voided.
    package struct Candidate: Hashable, Sendable {
        let grant: GrantID
        let rest: Pico
        /// Whether no call that was admitted on it can run any more.
        let isDrained: Bool

        package init(grant: GrantID, rest: Pico, isDrained: Bool) {
            self.grant = grant
            self.rest = rest
            self.isDrained = isDrained
        }
    }

    /// What becomes of a candidate.
    package struct Step: Hashable, Sendable {
        package let grant: GrantID
        package let removed: Pico
        package let kept: Pico
    }

    /// One for each candidate, in their order.
    package let steps: [Step]

    /// Takes candidates in the order in which they burn, and what parked events have reserved.
    package init(_ candidates: [Candidate], head: HeadSummary, parked: Pico) {
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
