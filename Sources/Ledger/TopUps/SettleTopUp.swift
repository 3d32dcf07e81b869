import Postgres
import Schema

extension TopUps {
    /// Credits a payment once, however often and by however many it is told.
    ///
    /// What the provider says is compared with what it was asked for: a payment of another amount,
    /// currency or page credits nothing. A page that had ended may still have been paid.
    package func settle(
        _ payment: ReceivedPayment,
        at instant: Instant
    ) async throws(LedgerError) -> PaymentEffect {
        let (grant, event) = (GrantID.make(at: instant), EventID.make(at: instant))
        return try await database.ledgerCommand { session in
            let reference = payment.reference
            let found = try TopUp.read(reference.topUp, of: reference.account, session)
            guard let slug = found?.slug, found?.provider == payment.provider else {
                return .unknown
            }
            let account = try AccountSummary.lock(slug: slug, session)
            guard let topUp = try TopUp.read(reference.topUp, of: account.id, session) else {
                return .unknown
            }
            if topUp.payment == payment.id { return .unchanged(topUp) }
            if let reason = refusal(of: payment, for: topUp) { return .refused(reason) }
            let known = try GrantRow.read(
                of: account.id,
                where: "reference = \(payment.id)",
                session
            ).first
            if let known {
                // By hand, before the provider told of it; or for another top-up.
                guard known.kind == .paid, known.amount == topUp.amount, known.postedAt != nil,
                    try Self.isFree(known.id, account.id, session)
                else { return .refused("the payment \(payment.id) was credited otherwise") }
            } else {
                var wanted = Credits.Grant(account: slug, amount: topUp.amount)
                wanted.reference = payment.id
                try Credits.insert(wanted, grant, event, account, at: instant, session)
            }
            try write(payment.id, known?.id ?? grant, of: topUp, at: instant, session)
            guard let settled = try TopUp.read(topUp.id, of: account.id, session) else {
                return .unknown
            }
            return known == nil ? .done(settled) : .unchanged(settled)
        }
    }

    private func refusal(of payment: ReceivedPayment, for topUp: TopUp) -> String? {
        if let other = topUp.payment {
            return "the top-up \(topUp.id) was paid by \(other), and \(payment.id) came as well"
        }
        if let page = payment.page, let known = topUp.page?.id, page != known {
            return "the payment \(payment.id) is of another page than the top-up \(topUp.id)"
        }
        guard payment.currency == topUp.currency, payment.total == topUp.total else {
            return "the payment \(payment.id) is of \(payment.currency.text(payment.total)), and"
                + " the top-up \(topUp.id) of \(topUp.currency.text(topUp.total))"
        }
        return nil
    }

    private static func isFree(
        _ grant: GrantID,
        _ account: AccountID,
        _ session: Session
    ) throws -> Bool {
        try session.execute(
            "SELECT FROM top_ups WHERE account_id = \(account) AND grant_id = \(grant)"
        ).isEmpty
    }

    private func write(
        _ payment: String,
        _ grant: GrantID,
        of topUp: TopUp,
        at instant: Instant,
        _ session: Session
    ) throws {
        // Asked soon once more: what was refunded before this was known is not told again.
        _ = try session.execute(
            """
            UPDATE top_ups SET payment_id = \(payment), paid_at = \(instant), grant_id = \(grant),
                ask_at = \(instant.adding(seconds: Self.askSecondsMin))
            WHERE account_id = \(topUp.account) AND top_up_id = \(topUp.id)
            """
        )
        try AlertOutbox(session).write(
            [.topUpCredited(topUp, payment: payment, grant: grant, at: instant)],
            slugs: [topUp.account: topUp.slug]
        )
    }
}
