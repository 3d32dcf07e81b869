import Ledger
import Schema

/// A row of `grants`, as far as its end needs it; none of them is scheduled.
package struct ModelGrant: Hashable, Sendable {
    package let expiresAt: Instant?
    package internal(set) var voidedAt: Instant?
    /// What of it is reserved for calls that run since before its end.
    package internal(set) var kept = Pico.zero
    /// What was taken of it unburned.
    package internal(set) var withdrawn = Pico.zero
    package internal(set) var closedAt: Instant?

    package init(expiresAt: Instant?) { self.expiresAt = expiresAt }

    /// From when on no call is admitted on it; nil is never.
    package var endsAt: Instant? {
        guard let voidedAt, let expiresAt else { return voidedAt ?? expiresAt }
        return min(voidedAt, expiresAt)
    }

    fileprivate func isDue(at now: Instant) -> Bool {
        closedAt == nil
            && (voidedAt != nil || kept > .zero || expiresAt.map { $0 <= now } ?? false)
    }
}

extension ModelDatabase {
    /// `Credits.insert`.
    package mutating func grant(
        _ grant: CreditGranted,
        to account: AccountID,
        event: EventID,
        at now: Instant
    ) throws(LedgerError) {
        let event = Event(
            account: account,
            id: event,
            occurredAt: now,
            body: .creditGranted(grant)
        )
        _ = try append([event])
        accounts[account]?.grants[grant.grant] = ModelGrant(expiresAt: grant.expiresAt)
    }

    /// `Credits.void`; returns the events that it has appended.
    package mutating func void(
        _ grant: GrantID,
        of account: AccountID,
        at now: Instant,
        makeID: () -> EventID
    ) throws(LedgerError) -> [Event] {
        guard let known = accounts[account]?.grants[grant] else {
            throw LedgerError(.notFound, "no grant \(grant)")
        }
        if known.voidedAt != nil { return [] }
        guard burnDown(of: account).rest(of: grant) > .zero else {
            throw LedgerError(.refused, "nothing is left of the grant \(grant)")
        }
        let before = self
        accounts[account]?.grants[grant]?.voidedAt = now
        do {
            return try settleDue(account, at: now, newlyVoided: grant, makeID: makeID).events
        } catch {
            self = before
            throw error
        }
    }

    /// `AccountCredit.settleDue`; returns whether anything changed, and the events.
    package mutating func settleDue(
        _ account: AccountID,
        at now: Instant,
        newlyVoided: GrantID? = nil,
        makeID: () -> EventID
    ) throws(LedgerError) -> (hasChanged: Bool, events: [Event]) {
        let head = try lockHead(account)
        let rows = (accounts[account]?.grants ?? [:]).filter { $0.value.isDue(at: now) }
        guard !rows.isEmpty else { return (false, []) }
        let keptBefore = rows.values.reduce(Pico.zero) { $0 + $1.kept }
        let decision = WithdrawalDecision(
            candidates(rows, of: account, at: now),
            head: head,
            parked: (head.reserved - keptBefore).clampedToZero
        )
        var changed = rows
        var events: [Event] = []
        for step in decision.steps {
            guard let row = rows[step.grant] else { continue }
            let mustTell = step.grant == newlyVoided || step.removed > .zero
            if mustTell {
                events.append(withdrawal(step, of: row, account, at: now, id: makeID()))
            }
            guard mustTell || step.kept != row.kept || step.kept == .zero else { continue }
            changed[step.grant]?.kept = step.kept
            changed[step.grant]?.withdrawn += step.removed
            changed[step.grant]?.closedAt = step.kept == .zero ? now : nil
        }
        _ = try append(events)
        accounts[account]?.grants.merge(changed) { $1 }
        let keptAfter = decision.steps.reduce(Pico.zero) { $0 + $1.kept }
        accounts[account]?.head.reserved += keptAfter - keptBefore
        return (changed != rows || !events.isEmpty, events)
    }

    /// What the stream leaves of each grant, folded on from where it was.
    @discardableResult
    package mutating func burnDown(of account: AccountID) -> GrantBurnDown {
        guard let known = accounts[account] else { return GrantBurnDown() }
        var burnDown = known.burnDown
        if burnDown.version == known.head.version { return burnDown }
        for recorded in known.stream[Int(burnDown.version)...] {
            burnDown.apply(BurnDownEntry(recorded))
        }
        accounts[account]?.burnDown = burnDown
        return burnDown
    }

    /// `AccountCredit.candidates`.
    private mutating func candidates(
        _ rows: [GrantID: ModelGrant],
        of account: AccountID,
        at now: Instant
    ) -> [WithdrawalDecision.Candidate] {
        let burnDown = burnDown(of: account)
        let burning = burnDown.grants.map(\.id).filter { rows[$0] != nil }
        let usedUp = rows.keys.filter { !burning.contains($0) }.sorted()
        return (burning + usedUp).map { id in
            let end = rows[id]?.endsAt ?? now
            return WithdrawalDecision.Candidate(
                grant: id,
                rest: burnDown.rest(of: id),
                isDrained: now >= end.adding(seconds: releaseAfter.components.seconds)
            )
        }
    }

    /// `AccountCredit.append`.
    private func withdrawal(
        _ step: WithdrawalDecision.Step,
        of row: ModelGrant,
        _ account: AccountID,
        at now: Instant,
        id: EventID
    ) -> Event {
        let body = CreditWithdrawn(grant: step.grant, amount: step.removed, kept: step.kept)
        let expiry = row.withdrawn == .zero && row.kept == .zero ? row.expiresAt : nil
        return Event(
            account: account,
            id: id,
            occurredAt: row.voidedAt == nil ? expiry ?? now : now,
            body: row.voidedAt == nil ? .creditExpired(body) : .creditVoided(body)
        )
    }
}
