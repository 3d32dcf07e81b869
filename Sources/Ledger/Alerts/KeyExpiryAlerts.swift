import Postgres
import Schema

/// Tells of keys that end soon, once for each end: a tenth of a key's life before, at most a week.
///
/// Any number of processes may look at the same time: who marks a key as told tells of it.
package struct KeyExpiryAlerts: Sendable {
    private static let pageSize: Int64 = 500
    package static let noticeSecondsMax: Int64 = 7 * 86_400

    private let database: Database

    package init(_ database: Database) {
        self.database = database
    }

    /// Tells of all that is due.
    ///
    /// - Returns: of how many keys.
    @discardableResult
    package func tell(at now: Instant) async throws(LedgerError) -> Int {
        var count = 0
        while true {
            let page = try await database.ledgerCommand { session in
                let alerts = try Self.mark(at: now, session)
                    .map { try Self.alert(of: $0, at: now, session) }
                try AlertOutbox(session).write(alerts)
                return alerts.count
            }
            count += page
            if page < Int(Self.pageSize) { return count }
        }
    }

    /// Marks what is due as told, and returns what nobody else has marked.
    private static func mark(at now: Instant, _ session: Session) throws -> [KeyID] {
        try session.execute(
            """
            INSERT INTO told_expiries (account_id, key_id, expires_at)
            SELECT account_id, key_id, expires_at FROM api_keys
            WHERE revoked_at IS NULL AND expires_at > \(now)
                AND expires_at <= \(now.adding(seconds: noticeSecondsMax))
                AND expires_at - (expires_at - created_at) / 10 <= \(now)
                AND NOT EXISTS (SELECT FROM told_expiries AS told
                    WHERE told.account_id = api_keys.account_id
                        AND told.key_id = api_keys.key_id
                        AND told.expires_at = api_keys.expires_at)
            ORDER BY expires_at LIMIT \(pageSize)
            ON CONFLICT DO NOTHING RETURNING key_id
            """
        ).map { try $0.get("key_id") }
    }

    private static func alert(
        of id: KeyID,
        at now: Instant,
        _ session: Session
    ) throws -> Alert {
        let key = try KeySummary.read(id, session)
        return Alert(
            .keyExpiring,
            of: key.account,
            at: now,
            data: [
                ("key", .text(key.id.description)), ("prefix", .text(key.prefix)),
                ("name", .text(key.name)), ("project", .text(key.projectSlug)),
                ("expires_at", .optional(key.expiresAt?.description)),
            ]
        )
    }
}
