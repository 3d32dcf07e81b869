import Postgres
import Schema

extension TopUps {
    /// Takes back what was refunded or disputed of a payment, and gives back what a won dispute or
    /// a failed refund returned; each once, in whatever order it is told.
    package func apply(
        _ standing: PaymentStanding,
        at instant: Instant
    ) async throws(LedgerError) -> PaymentEffect {
        let found = try await paid(standing.payment, by: standing.provider)
        guard let found else { return .unknown }
        guard standing.currency == found.currency else {
            return .refused("\(standing.payment) is told in another currency than it was paid in")
        }
        // Most of a long stream is folded before the head is locked.
        try await database.catchUpBurnDown(of: found.account)
        let ids = standing.clawbacks.map { _ in
            (grant: GrantID.make(at: instant), event: EventID.make(at: instant))
        }
        let effect = try await database.ledgerCommand { session in
            let account = try AccountSummary.lock(slug: found.slug, session)
            guard let topUp = try TopUp.read(found.id, of: account.id, session) else {
                return PaymentEffect.unknown
            }
            let reversal = TopUpReversal(
                session: session,
                account: account,
                topUp: topUp,
                instant: instant
            )
            var changes: Set<TopUpReversal.Change> = []
            for (clawback, ids) in zip(standing.clawbacks, ids) {
                changes.insert(try reversal.apply(clawback, grant: ids.grant, event: ids.event))
            }
            if standing.clawbacks.contains(where: { $0.kind == .refund }) {
                try reversal.noteRefunded()
            }
            guard let changed = try TopUp.read(found.id, of: account.id, session) else {
                return PaymentEffect.unknown
            }
            if changes.contains(.refundFailed) { return .refundFailed(changed) }
            return changes.contains(.moved) ? .done(changed) : .unchanged(changed)
        }
        switch effect {
        case .done(let topUp), .refundFailed(let topUp):
            await database.recallLeases(of: topUp.account)
        case .unchanged, .unknown, .refused: break
        }
        return effect
    }

    /// The top-up that became a payment; nil when none is known here.
    package func paid(
        _ payment: String,
        by provider: String
    ) async throws(LedgerError) -> TopUp? {
        try await database.ledgerRead { session in
            try session.execute(
                "\(TopUp.query) WHERE payment_id = \(payment) AND provider = \(provider)"
            ).first.map { try TopUp($0) }
        }
    }
}

/// What goes back of one payment, in the transaction that has its account's head locked.
///
/// Of its credit as much has to leave the balance as went back of the money. What left it by hand
/// or at the credit's end counts: who voids a grant and then refunds it takes it once.
private struct TopUpReversal {
    enum Change {
        case nothing
        case moved
        case refundFailed
    }

    let session: Session
    let account: AccountSummary
    let topUp: TopUp
    let instant: Instant

    /// Takes back what a clawback took, or gives back what it returned.
    func apply(_ clawback: PaymentClawback, grant: GrantID, event: EventID) throws -> Change {
        guard clawback.isWithdrawn || clawback.isReturned, clawback.amount > .zero else {
            return .nothing
        }
        let known = try session.execute(
            """
            SELECT taken, returned_at FROM payment_clawbacks
            WHERE account_id = \(account.id) AND clawback_id = \(clawback.id)
            """
        ).first
        guard let known else {
            try begin(clawback)
            return change(by: clawback)
        }
        let isOver = try known.get("returned_at", as: Instant?.self) != nil
        guard clawback.isReturned, !isOver else { return .nothing }
        let taken = try known.get("taken", as: Pico?.self) ?? .zero
        try giveBack(taken, of: clawback, grant, event)
        return change(by: clawback)
    }

    private func change(by clawback: PaymentClawback) -> Change {
        clawback.kind == .refund && clawback.isReturned ? .refundFailed : .moved
    }

    /// One that is over when it is first told of took nothing from the balance.
    private func begin(_ clawback: PaymentClawback) throws {
        let taken =
            clawback.isReturned
            ? nil : try take(until: owed(with: clawback), reason: clawback.reason(topUp))
        _ = try session.execute(
            """
            INSERT INTO payment_clawbacks (account_id, clawback_id, kind, top_up_id, amount,
                told_at, taken, returned_at)
            VALUES (\(account.id), \(clawback.id), \(clawback.kind.rawValue), \(topUp.id),
                \(clawback.amount), \(instant), \(taken),
                \(clawback.isReturned ? instant : nil))
            """
        )
        if clawback.isReturned { try tell(of: clawback, returned: .zero) }
    }

    private func giveBack(
        _ amount: Pico,
        of clawback: PaymentClawback,
        _ grant: GrantID,
        _ event: EventID
    ) throws {
        if amount > .zero {
            var wanted = Credits.Grant(account: account.slug, amount: amount)
            wanted.reference = clawback.id
            try Credits.insert(wanted, grant, event, account, at: instant, session)
        }
        _ = try session.execute(
            """
            UPDATE payment_clawbacks SET returned_at = \(instant),
                return_grant_id = \(amount > .zero ? grant : nil)
            WHERE account_id = \(account.id) AND clawback_id = \(clawback.id)
            """
        )
        try tell(of: clawback, returned: amount)
    }

    /// Who has refunded believes that the money is with whoever paid, until somebody says otherwise.
    private func tell(of clawback: PaymentClawback, returned: Pico) throws {
        guard clawback.kind == .refund else { return }
        try AlertOutbox(session).write(
            [.refundFailed(clawback, of: topUp, returned: returned, at: instant)],
            slugs: [account.id: account.slug]
        )
    }

    /// Notes what refunds come to that have not failed.
    func noteRefunded() throws {
        let sum = min(try refunded(), topUp.total)
        guard sum != topUp.refunded else { return }
        _ = try session.execute(
            """
            UPDATE top_ups SET refunded = \(sum)
            WHERE account_id = \(account.id) AND top_up_id = \(topUp.id)
            """
        )
    }

    // MARK: What has to leave the balance

    /// The credit that has to have left the balance once a clawback is known.
    ///
    /// Refunds are summed up before their part is reckoned, so that many come to the whole.
    private func owed(with clawback: PaymentClawback) throws -> Pico {
        switch clawback.kind {
        case .refund: try topUp.credit(for: refunded() + clawback.amount) + taken()
        case .dispute:
            try topUp.credit(for: refunded()) + topUp.credit(for: clawback.amount) + taken()
        }
    }

    /// The sum of the refunds that have not failed.
    private func refunded() throws -> Pico {
        try session.execute(
            """
            SELECT coalesce(sum(amount), 0)::numeric(38,0) AS amount FROM payment_clawbacks
            WHERE account_id = \(account.id) AND top_up_id = \(topUp.id)
                AND kind = 'refund' AND returned_at IS NULL
            """
        ).single().get("amount")
    }

    /// What disputes and refunds that failed have taken so far, also those that gave it back in
    /// another grant.
    private func taken() throws -> Pico {
        try session.execute(
            """
            SELECT coalesce(sum(taken), 0)::numeric(38,0) AS taken FROM payment_clawbacks
            WHERE account_id = \(account.id) AND top_up_id = \(topUp.id)
                AND (kind = 'dispute' OR returned_at IS NOT NULL)
            """
        ).single().get("taken")
    }

    /// Takes what is missing until a sum has left the balance, and returns how much that was: no
    /// more than there is of the payment.
    private func take(until sum: Pico, reason: String) throws -> Pico {
        let grants = try grants()
        var missing = sum - grants.reduce(.zero) { $0 + $1.withdrawn + $1.reclaimed }
        var taken = Pico.zero
        for grant in grants where missing > .zero {
            let part = try PaymentReversal(session: session, account: account, instant: instant)
                .run(missing, of: grant, reason: reason)
            missing -= part
            taken += part
        }
        return taken
    }

    /// The grant that the payment became, then those that gave something back of it.
    private func grants() throws -> [GrantRow] {
        let returned = try session.execute(
            """
            SELECT return_grant_id FROM payment_clawbacks
            WHERE account_id = \(account.id) AND top_up_id = \(topUp.id)
                AND return_grant_id IS NOT NULL
            ORDER BY returned_at, clawback_id
            """
        ).map { try $0.get("return_grant_id", as: GrantID.self) }
        return try ([topUp.grant].compactMap(\.self) + returned).flatMap { id in
            try GrantRow.read(of: account.id, where: "grant_id = \(id)", session)
        }
    }
}

extension PaymentClawback {
    fileprivate func reason(_ topUp: TopUp) -> String {
        switch kind {
        case .refund: "refund of \(topUp.payment ?? id)"
        case .dispute: "dispute \(id)"
        }
    }
}
