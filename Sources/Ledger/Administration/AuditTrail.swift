import Postgres
import Schema

/// Everything that was done by hand, which nobody can change.
package struct AuditTrail: Sendable {
    package enum EntryEntity {}
    package typealias EntryID = Identifier<EntryEntity>

    /// One row that an act made or changed.
    package struct Entry: Hashable, Sendable {
        package let id: EntryID
        package let recordedAt: Instant
        package let actor: String
        package let token: AdminTokenID?
        package let act: String
        /// The table of the row.
        package let subject: String
        /// The account's slug; nil for what belongs to none.
        package let account: String?
        /// The row as JSON, without secrets; nil when it did not exist before.
        package let before: String?
        package let after: String?
    }

    private let database: Database

    package init(_ database: Database) {
        self.database = database
    }

    /// The latest entries before another one, newest first; none when there is no such other.
    package func list(
        before cursor: EntryID? = nil,
        limit: Int
    ) async throws(LedgerError) -> [Entry] {
        let place: SQL =
            cursor.map { cursor in
                """
                (recorded_at, entry_id) <
                    (SELECT recorded_at, entry_id FROM audit_entries WHERE entry_id = \(cursor))
                """
            } ?? "true"
        return try await database.ledgerRead { session in
            try session.execute(
                """
                SELECT entry_id, recorded_at, actor, token_id, act, subject, slug, before, after
                FROM audit_entries LEFT JOIN accounts ON accounts.account_id = about_account_id
                WHERE \(place) ORDER BY recorded_at DESC, entry_id DESC LIMIT \(Int64(limit))
                """
            ).map { try Entry($0) }
        }
    }
}

extension AuditTrail.Entry {
    fileprivate init(_ row: Row) throws(PostgresError) {
        id = try row.get("entry_id")
        recordedAt = try row.get("recorded_at")
        actor = try row.get("actor")
        token = try row.get("token_id")
        act = try row.get("act")
        subject = try row.get("subject")
        account = try row.get("slug")
        before = try row.get("before", as: JSONText?.self)?.text
        after = try row.get("after", as: JSONText?.self)?.text
    }
}

/// A change of an account's head by an event of hand, which no trigger sees.
///
/// Appends are too many to ask each whether somebody's hand made it.
package struct HeadAct {
    private let session: Session
    private let account: AccountID
    private let before: JSONText

    /// Notes the head before the event; it must be locked.
    package init(_ account: AccountID, _ session: Session) throws {
        self.session = session
        self.account = account
        before = try Self.head(account, session)
    }

    /// Notes the head after the event.
    package func record() throws {
        _ = try session.execute(
            """
            SELECT record_act('account_heads', \(account), \(before),
                \(try Self.head(account, session)))::text
            """
        )
    }

    private static func head(_ account: AccountID, _ session: Session) throws -> JSONText {
        try session.execute(
            """
            SELECT to_jsonb(account_heads) AS head FROM account_heads
            WHERE account_id = \(account)
            """
        ).single().get("head")
    }
}
