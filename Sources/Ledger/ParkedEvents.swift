import Digest
import Postgres
import Schema

/// The events that are set aside, and what a person may do about them.
package struct ParkedEvents: Sendable {
    private let database: Database

    package init(_ database: Database) {
        self.database = database
    }

    package struct Entry: Hashable, Sendable {
        package let account: AccountID
        package let event: EventID
        package let reason: ParkReason
        package let message: String
        /// What stays reserved for it.
        package let reserved: Pico
        package let parkedAt: Instant
        /// The canonical bytes, which `EventEncoding` reads.
        package let payload: [UInt8]
    }

    /// What is not resolved, oldest first, at most a thousand.
    package func list() async throws(LedgerError) -> [Entry] {
        try await database.ledgerRead { session in
            try session.execute(
                """
                SELECT account_id, event_id, reason, message, reserved, parked_at, payload
                FROM parked_events WHERE resolved_at IS NULL
                ORDER BY parked_at, account_id, event_id LIMIT 1000
                """
            ).map { row in
                Entry(
                    account: try row.get("account_id"),
                    event: try row.get("event_id"),
                    reason: try row.get("reason"),
                    message: try row.get("message"),
                    reserved: try row.get("reserved"),
                    parkedAt: try row.get("parked_at"),
                    payload: try row.get("payload")
                )
            }
        }
    }

    /// Appends a parked event after all, out of what was reserved for it.
    ///
    /// - Throws: `.refused` when it would be parked again; `.notFound`.
    package func append(_ entry: Entry) async throws(LedgerError) -> AppendOutcome {
        try await database.ledgerCommand { session in
            let event: Event
            do {
                event = try EventEncoding.decode(entry.payload)
            } catch {
                throw LedgerError(.corrupt, "the parked event cannot be read: \(error)")
            }
            try resolve(entry, as: "appended", session)
            let outcome = try AppendTransaction(session).run([HashedEvent(event)])[0]
            if case .parked(let reason) = outcome {
                throw LedgerError(.refused, "it would be parked again: \(reason.rawValue)")
            }
            return outcome
        }
    }

    /// Gives a parked event up: it stays recorded, and what was reserved for it is free again.
    package func dismiss(_ entry: Entry) async throws(LedgerError) {
        try await database.ledgerCommand { session in
            try resolve(entry, as: "dismissed", session)
        }
    }

    /// Marks an entry and frees its money, with the head locked.
    private func resolve(_ entry: Entry, as resolution: String, _ session: Session) throws {
        let hash = SHA256.hash(entry.payload)
        _ = try session.execute(
            "SELECT FROM account_heads WHERE account_id = \(entry.account) FOR UPDATE"
        )
        let rows = try session.execute(
            """
            UPDATE parked_events SET resolved_at = clock_timestamp(), resolution = \(resolution)
            WHERE account_id = \(entry.account) AND event_id = \(entry.event)
                AND content_hash = \(hash) AND resolved_at IS NULL
            RETURNING reserved
            """
        )
        guard let row = rows.first else {
            let known = try session.execute(
                """
                SELECT FROM parked_events WHERE account_id = \(entry.account)
                    AND event_id = \(entry.event) AND content_hash = \(hash)
                    AND resolution = \(resolution)
                """
            )
            // Its own earlier attempt, whose answer was lost.
            if !known.isEmpty { return }
            throw LedgerError(.notFound, "no unresolved parked event \(entry.event)")
        }
        _ = try session.execute(
            """
            UPDATE account_heads SET reserved = reserved - \(try row.get("reserved", as: Pico.self))
            WHERE account_id = \(entry.account)
            """
        )
    }
}

extension ParkReason: PostgresRepresentable {}
