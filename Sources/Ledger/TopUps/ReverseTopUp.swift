import Postgres
import Schema

extension TopUps {
    /// Takes back what was refunded or disputed of a payment, and gives back what a won dispute
    /// returned; each once, in whatever order it is told.
    package func apply(
        _ standing: PaymentStanding,
        at instant: Instant
    ) async throws(LedgerError) -> PaymentEffect {
        guard let found = try await paid(standing) else { return .unknown }
        guard standing.currency == found.currency else {
            return .refused("\(standing.payment) is told in another currency than it was paid in")
        }
        // Most of a long stream is folded before the head is locked.
        try await database.catchUpBurnDown(of: found.account)
        let grants = standing.disputes.map { _ in
            (GrantID.make(at: instant), EventID.make(at: instant))
        }
        let effect = try await database.ledgerCommand { session in
            let account = try AccountSummary.lock(slug: found.slug, session)
            guard let topUp = try TopUp.read(found.id, of: account.id, session) else {
                return PaymentEffect.unknown
            }
            var reversal = TopUpReversal(
                session: session,
                account: account,
                topUp: topUp,
                refunded: topUp.refunded,
                instant: instant
            )
            var isChanged = try reversal.refund(to: standing.refunded)
            for (dispute, ids) in zip(standing.disputes, grants) {
                let isNew = try reversal.dispute(dispute, grant: ids.0, event: ids.1)
                isChanged = isChanged || isNew
            }
            guard let changed = try TopUp.read(found.id, of: account.id, session) else {
                return PaymentEffect.unknown
            }
            return isChanged ? .done(changed) : .unchanged(changed)
        }
        if case .done(let topUp) = effect { await database.recallLeases(of: topUp.account) }
        return effect
    }

    private func paid(_ standing: PaymentStanding) async throws(LedgerError) -> TopUp? {
        try await database.ledgerRead { session in
            try session.execute(
                """
                \(TopUp.query) WHERE payment_id = \(standing.payment)
                    AND provider = \(standing.provider)
                """
            ).first.map { try TopUp($0) }
        }
    }
}

/// What goes back of one payment, in the transaction that has its account's head locked.
///
/// Of its credit as much has to leave the balance as went back of the money. What left it by hand
/// or at the credit's end counts: who voids a grant and then refunds it takes it once.
private struct TopUpReversal {
    let session: Session
    let account: AccountSummary
    let topUp: TopUp
    /// The sum of all refunds that are known.
    var refunded: Pico
    let instant: Instant

    /// Takes back what the sum of all refunds has grown by.
    mutating func refund(to sum: Pico) throws -> Bool {
        let sum = min(sum, topUp.total)
        guard sum > refunded else { return false }
        refunded = sum
        _ = try take(
            until: topUp.credit(for: refunded) + disputed(),
            reason: "refund of \(topUp.payment ?? "")"
        )
        _ = try session.execute(
            """
            UPDATE top_ups SET refunded = \(sum)
            WHERE account_id = \(account.id) AND top_up_id = \(topUp.id)
            """
        )
        return true
    }

    /// Takes back what a dispute took, or gives back what it returned.
    func dispute(_ dispute: PaymentDispute, grant: GrantID, event: EventID) throws -> Bool {
        guard dispute.isWithdrawn || dispute.isReturned else { return false }
        let known = try session.execute(
            """
            SELECT taken, returned_at FROM payment_disputes
            WHERE account_id = \(account.id) AND dispute_id = \(dispute.id)
            """
        ).first
        guard let known else {
            try begin(dispute)
            return true
        }
        let isOver = try known.get("returned_at", as: Instant?.self) != nil
        guard dispute.isReturned, !isOver else { return false }
        let taken = try known.get("taken", as: Pico?.self) ?? .zero
        try giveBack(taken, of: dispute, grant, event)
        return true
    }

    /// One that is over when it is first told of took nothing from the balance.
    private func begin(_ dispute: PaymentDispute) throws {
        var taken: Pico?
        if !dispute.isReturned {
            let credit = topUp.credit(for: refunded) + topUp.credit(for: dispute.amount)
            taken = try take(until: credit + disputed(), reason: "dispute \(dispute.id)")
        }
        _ = try session.execute(
            """
            INSERT INTO payment_disputes (account_id, dispute_id, top_up_id, told_at, taken,
                returned_at)
            VALUES (\(account.id), \(dispute.id), \(topUp.id), \(instant), \(taken),
                \(dispute.isReturned ? instant : nil))
            """
        )
    }

    private func giveBack(
        _ amount: Pico,
        of dispute: PaymentDispute,
        _ grant: GrantID,
        _ event: EventID
    ) throws {
        if amount > .zero {
            var wanted = Credits.Grant(account: account.slug, amount: amount)
            wanted.reference = dispute.id
            try Credits.insert(wanted, grant, event, account, at: instant, session)
        }
        _ = try session.execute(
            """
            UPDATE payment_disputes SET returned_at = \(instant),
                return_grant_id = \(amount > .zero ? grant : nil)
            WHERE account_id = \(account.id) AND dispute_id = \(dispute.id)
            """
        )
    }

    /// What disputes have taken so far, also those that gave it back in another grant.
    private func disputed() throws -> Pico {
        try session.execute(
            """
            SELECT coalesce(sum(taken), 0)::numeric(38,0) AS taken FROM payment_disputes
            WHERE account_id = \(account.id) AND top_up_id = \(topUp.id)
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

    /// The grant that the payment became, then those that won disputes gave back of it.
    private func grants() throws -> [GrantRow] {
        let returned = try session.execute(
            """
            SELECT return_grant_id FROM payment_disputes
            WHERE account_id = \(account.id) AND top_up_id = \(topUp.id)
                AND return_grant_id IS NOT NULL
            ORDER BY returned_at, dispute_id
            """
        ).map { try $0.get("return_grant_id", as: GrantID.self) }
        return try ([topUp.grant].compactMap(\.self) + returned).flatMap { id in
            try GrantRow.read(of: account.id, where: "grant_id = \(id)", session)
        }
    }
}
