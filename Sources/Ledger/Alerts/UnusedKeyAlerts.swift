import Postgres
import Schema

/// Tells of keys that nobody uses, each once until it is used again; a part of a look at an account.
struct UnusedKeyAlerts {
    private static let daySeconds: Int64 = 86_400

    private let session: Session

    init(_ session: Session) {
        self.session = session
    }

    /// The alerts of keys that work, are as old as `days`, and were not used since.
    func alerts(of account: AccountID, unusedFor days: Int64, at now: Instant) throws -> [Alert] {
        let since = now.adding(seconds: -days * Self.daySeconds)
        let used = try used(account, since: since, until: now)
        _ = try session.execute(
            """
            DELETE FROM told_unused_keys WHERE account_id = \(account) AND key_id = ANY(\(used))
            """
        )
        return try mark(account, but: used, since: since, at: now).map { key in
            Alert(
                .keyUnused,
                of: account,
                at: now,
                data: [
                    ("key", .text(key.id.description)), ("prefix", .text(key.prefix)),
                    ("name", .text(key.name)), ("project", .text(key.projectSlug)),
                    ("created_at", .text(key.createdAt.description)),
                    ("threshold_days", .integer(days)),
                ]
            )
        }
    }

    private func used(
        _ account: AccountID,
        since: Instant,
        until now: Instant
    ) throws -> [KeyID] {
        let query = UsageReportQuery(
            account: account,
            from: since,
            to: now,
            filter: .all,
            basis: .projection
        )
        return try session.execute(query.sql(by: [.key])).compactMap { row in
            try row.get("groups", as: [String].self).first.flatMap { KeyID($0) }
        }
    }

    /// Marks those that nobody has marked as told, and returns them.
    private func mark(
        _ account: AccountID,
        but used: [KeyID],
        since: Instant,
        at now: Instant
    ) throws -> [KeySummary] {
        let marked = try session.execute(
            """
            INSERT INTO told_unused_keys (account_id, key_id, told_at)
            SELECT account_id, key_id, \(now) FROM api_keys
            WHERE account_id = \(account) AND revoked_at IS NULL AND created_at <= \(since)
                AND coalesce(expires_at > \(now), true) AND key_id <> ALL(\(used))
            ORDER BY key_id
            ON CONFLICT DO NOTHING RETURNING key_id
            """
        )
        return try marked.map { try KeySummary.read($0.get("key_id"), session) }
    }
}
