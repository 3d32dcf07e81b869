import Postgres
import Schema

/// Takes money of a paid grant out of the balance that went back to whoever had paid it, by a
/// refund or a chargeback.
///
/// It always posts, for the money is gone: first from what is left of the grant, then from whatever
/// else there is. What is not covered makes the account overdrawn.
struct PaymentReversal {
    let session: Session
    /// With its head locked.
    let account: AccountSummary
    let instant: Instant

    /// Takes an amount, or with nil all that has not gone back yet, and returns how much it was: no
    /// more than the payment.
    func run(_ wanted: Pico?, of grant: GrantRow, reason: String) throws -> Pico {
        // What expiry, void and earlier reversals took is not in the balance any more.
        let left = grant.amount - grant.withdrawn - grant.reclaimed
        let amount = min(wanted ?? left, left)
        guard amount > .zero else { return .zero }
        let version = try session.execute(
            "SELECT version FROM account_heads WHERE account_id = \(account.id)"
        ).single().get("version", as: Int64.self)
        let rest = try BurnDownStore(session).read(account.id, at: version).rest(of: grant.id)
        let body = CreditChargedBack(grant: grant.id, amount: amount, reason: reason)
        let event = Event(
            account: account.id,
            id: .make(at: instant),
            occurredAt: instant,
            body: .creditChargedBack(body)
        )
        _ = try AppendTransaction(session).runOne(event)
        try write(grant, amount, unburned: min(rest, amount), rest: rest, isWhole: amount == left)
        return amount
    }

    private func write(
        _ grant: GrantRow,
        _ amount: Pico,
        unburned: Pico,
        rest: Pico,
        isWhole: Bool
    ) throws {
        let end = isWhole ? instant : nil
        let kept = isWhole ? .zero : min(grant.kept, rest - unburned)
        _ = try session.execute(
            """
            UPDATE grants SET charged_back_at = \(end ?? grant.chargedBackAt),
                closed_at = \(end ?? grant.closedAt), kept = \(kept),
                withdrawn = withdrawn + \(unburned), reclaimed = reclaimed + \(amount - unburned),
                returned = returned + \(amount)
            WHERE account_id = \(account.id) AND grant_id = \(grant.id)
            """
        )
        _ = try session.execute(
            """
            UPDATE account_heads SET reserved = reserved - \(grant.kept - kept)
            WHERE account_id = \(account.id)
            """
        )
    }
}
