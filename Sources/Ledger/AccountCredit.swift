import Postgres
import Schema

/// What is due to the grants of one account, done with its head locked.
///
/// Everything it needs is in the database, so whoever locks the head next completes what a process
/// left undone: a runner, a command, another instance.
struct AccountCredit {
    private let session: Session
    private let account: AccountID
    private let now: Instant
    private let drainTime: Duration

    /// - Parameter drainTime: how long after its end a call that was admitted on a grant may still
    ///   settle.
    init(
        _ session: Session,
        _ account: AccountID,
        at now: Instant,
        drainTime: Duration = EscrowSettings().releaseAfter
    ) {
        self.session = session
        self.account = account
        self.now = now
        self.drainTime = drainTime
    }

    /// Posts what begins and withdraws what has ended; returns whether anything changed.
    ///
    /// A grant that is `newlyVoided` gets its event whatever is free of it, for from that event on
    /// no call burns it.
    @discardableResult
    func settleDue(newlyVoided: GrantID? = nil) throws -> Bool {
        let hasPosted = try postBeginning()
        let ended = try GrantRow.read(of: account, where: Self.hasEnded(by: now), session)
        guard !ended.isEmpty else { return hasPosted }
        let hasWithdrawn = try withdraw(ended, newlyVoided: newlyVoided)
        return hasPosted || hasWithdrawn
    }

    /// Which posted grants have ended and are not withdrawn to their end.
    ///
    /// An end that has begun goes on when a clock is set back before it: what is kept of the grant is
    /// out of reach for calls, and would be taken for what parked events have reserved.
    static func hasEnded(by now: Instant) -> SQL {
        """
        closed_at IS NULL AND posted_at IS NOT NULL
            AND (expires_at <= \(now) OR voided_at IS NOT NULL OR kept > 0)
        """
    }

    /// Which scheduled grants begin.
    static func begins(by now: Instant) -> SQL {
        "posted_at IS NULL AND closed_at IS NULL AND starts_at <= \(now)"
    }

    private func postBeginning() throws -> Bool {
        let beginning = try GrantRow.read(of: account, where: Self.begins(by: now), session)
        for grant in beginning {
            let startsAt = grant.startsAt ?? now
            let event = Event(
                account: account,
                id: grant.event,
                occurredAt: startsAt,
                body: .creditGranted(grant.granted)
            )
            _ = try AppendTransaction(session).runOne(event)
            _ = try session.execute(
                """
                UPDATE grants SET posted_at = \(startsAt)
                WHERE account_id = \(account) AND grant_id = \(grant.id)
                """
            )
        }
        return !beginning.isEmpty
    }

    // MARK: withdrawal

    private func withdraw(_ ended: [GrantRow], newlyVoided: GrantID?) throws -> Bool {
        let head = try HeadSummary(
            session.execute(
                """
                SELECT \(HeadSummary.columns) FROM account_heads WHERE account_id = \(account)
                """
            ).single()
        )
        let burnDown = try BurnDownStore(session).read(account, at: head.version)
        let rows = Dictionary(uniqueKeysWithValues: ended.map { ($0.id, $0) })
        let keptBefore = ended.reduce(into: Pico.zero) { $0 += $1.kept }
        let decision = WithdrawalDecision(
            candidates(rows, in: burnDown),
            head: head,
            parked: (head.reserved - keptBefore).clampedToZero
        )
        var hasChanged = false
        for step in decision.steps {
            guard let row = rows[step.grant] else { continue }
            let mustTell = step.grant == newlyVoided || step.removed > .zero
            if mustTell { try append(step, of: row) }
            if mustTell || step.kept != row.kept || step.kept == .zero {
                try write(step, of: row)
                hasChanged = true
            }
        }
        let keptAfter = decision.steps.reduce(into: Pico.zero) { $0 += $1.kept }
        if keptAfter != keptBefore { try move(reserved: keptAfter - keptBefore) }
        return hasChanged
    }

    /// What has something left in the order in which it burns, then what has nothing.
    private func candidates(
        _ rows: [GrantID: GrantRow],
        in burnDown: GrantBurnDown
    ) -> [WithdrawalDecision.Candidate] {
        let burning = burnDown.grants.filter { rows[$0.id] != nil }
        let ids = burning.map(\.id)
        let usedUp = rows.keys.filter { !ids.contains($0) }.sorted()
        return (ids + usedUp).map { id in
            let end = rows[id]?.endsAt ?? now
            return WithdrawalDecision.Candidate(
                grant: id,
                rest: burnDown.rest(of: id),
                isDrained: now >= end.adding(seconds: drainTime.components.seconds)
            )
        }
    }

    private func append(_ step: WithdrawalDecision.Step, of row: GrantRow) throws {
        let body = CreditWithdrawn(grant: row.id, amount: step.removed, kept: step.kept)
        let isFirst = row.withdrawn == .zero && row.kept == .zero
        let expiry = isFirst ? row.expiresAt : nil
        let event = Event(
            account: account,
            id: .make(at: now),
            occurredAt: row.voidedAt == nil ? expiry ?? now : now,
            body: row.voidedAt == nil ? .creditExpired(body) : .creditVoided(body)
        )
        _ = try AppendTransaction(session).runOne(event)
    }

    private func write(_ step: WithdrawalDecision.Step, of row: GrantRow) throws {
        let closedAt = step.kept == .zero ? now : nil
        _ = try session.execute(
            """
            UPDATE grants SET kept = \(step.kept), withdrawn = withdrawn + \(step.removed),
                closed_at = \(closedAt)
            WHERE account_id = \(account) AND grant_id = \(row.id)
            """
        )
    }

    private func move(reserved amount: Pico) throws {
        _ = try session.execute(
            """
            UPDATE account_heads SET reserved = reserved + \(amount)
            WHERE account_id = \(account)
            """
        )
    }
}
