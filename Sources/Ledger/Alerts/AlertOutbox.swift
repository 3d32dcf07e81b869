import Postgres
import Schema

/// Writes alerts inside of the transaction of their cause: they are told if it commits, and only
/// then.
package struct AlertOutbox {
    private let session: Session

    package init(_ session: Session) {
        self.session = session
    }

    /// Writes the alerts, and a delivery for every endpoint that wants one.
    ///
    /// What is written while no endpoint wants it is kept all the same, and can be sent by hand.
    ///
    /// - Parameter slugs: those of all accounts of the alerts, where the caller knows them.
    package func write(_ alerts: [Alert], slugs known: [AccountID: String]? = nil) throws {
        guard !alerts.isEmpty else { return }
        let slugs = try known ?? readSlugs(alerts.compactMap(\.account))
        let ids = alerts.map { AlertID.make(at: $0.at) }
        let bodies = alerts.map { alert in
            alert.body(account: alert.account.flatMap { slugs[$0] })
        }
        _ = try session.executePrepared(
            """
            WITH message AS (
                INSERT INTO webhook_messages (account_id, message_id, kind, body, created_at)
                SELECT * FROM unnest(\(alerts.map(\.place)), \(ids),
                    \(alerts.map(\.kind.rawValue)), \(bodies), \(alerts.map(\.at)))
                RETURNING account_id, message_id, kind, created_at
            )
            INSERT INTO webhook_deliveries (account_id, message_id, endpoint_id, began_at, due_at)
            SELECT message.account_id, message.message_id, endpoint.endpoint_id,
                message.created_at, message.created_at
            FROM message CROSS JOIN webhook_endpoints AS endpoint
            WHERE endpoint.state <> 'deleted'
                AND (endpoint.sees_account_id IS NULL
                    OR endpoint.sees_account_id = message.account_id)
                AND (endpoint.kinds = '{}' OR message.kind = ANY(endpoint.kinds))
            """
        )
    }

    /// Writes alerts whose cause is no change of the database, in a transaction of their own.
    package static func write(
        _ alerts: [Alert],
        in database: Database
    ) async throws(LedgerError) {
        guard !alerts.isEmpty else { return }
        try await database.ledgerCommand { session in try AlertOutbox(session).write(alerts) }
    }

    private func readSlugs(_ accounts: [AccountID]) throws -> [AccountID: String] {
        var slugs: [AccountID: String] = [:]
        let rows = try session.execute(
            "SELECT account_id, slug FROM accounts WHERE account_id = ANY(\(accounts))"
        )
        for row in rows { slugs[try row.get("account_id")] = try row.get("slug") }
        return slugs
    }
}
