import Postgres
import Schema

/// A grant as its table has it: its terms, and how far its withdrawal has come.
struct GrantRow: Sendable {
    let id: GrantID
    /// Of the event that posted it, or will.
    let event: EventID
    let kind: CreditGranted.Kind
    let amount: Pico
    let priority: Int32
    let startsAt: Instant?
    let expiresAt: Instant?
    let reference: String?
    let createdAt: Instant
    /// When it came into the balance; nil while it is scheduled.
    let postedAt: Instant?
    let voidedAt: Instant?
    /// When the last of it went back to whoever paid it.
    let chargedBackAt: Instant?
    let closedAt: Instant?
    /// What of it is reserved for calls that run since before its end.
    let kept: Pico
    /// What was taken of it unburned.
    let withdrawn: Pico
    /// What went back of it to whoever paid it after it was burned.
    let reclaimed: Pico

    init(_ row: Row) throws(PostgresError) {
        id = try row.get("grant_id")
        event = try row.get("event_id")
        kind = try row.get("kind")
        amount = try row.get("amount")
        priority = try row.get("priority")
        startsAt = try row.get("starts_at")
        expiresAt = try row.get("expires_at")
        reference = try row.get("reference")
        createdAt = try row.get("created_at")
        postedAt = try row.get("posted_at")
        voidedAt = try row.get("voided_at")
        chargedBackAt = try row.get("charged_back_at")
        closedAt = try row.get("closed_at")
        kept = try row.get("kept")
        withdrawn = try row.get("withdrawn")
        reclaimed = try row.get("reclaimed")
    }

    /// The grants of an account that a condition holds for.
    static func read(
        of account: AccountID,
        where condition: SQL,
        _ session: Session
    ) throws -> [GrantRow] {
        try session.execute(
            """
            SELECT * FROM grants WHERE account_id = \(account) AND \(condition)
            ORDER BY created_at, grant_id
            """
        ).map { try GrantRow($0) }
    }

    /// From when on no call is admitted on it; nil is never.
    var endsAt: Instant? {
        guard let voidedAt, let expiresAt else { return voidedAt ?? expiresAt }
        return min(voidedAt, expiresAt)
    }

    var granted: CreditGranted {
        CreditGranted(
            grant: id,
            kind: kind,
            amount: amount,
            reference: reference,
            priority: priority,
            expiresAt: expiresAt
        )
    }
}
