import Postgres
import Schema

/// What a database that was restored from a backup lacks of the events that somebody still has.
package struct LostEvents: Sendable {
    private let database: Database

    package init(_ database: Database) {
        self.database = database
    }

    /// Those of the events that are in no stream, in their order.
    package func missing(of events: [Event]) async throws(LedgerError) -> [Event] {
        let present = try await database.ledgerRead { session in
            let rows = try session.execute(
                """
                SELECT wanted.number FROM unnest(\(events.map(\.account)), \(events.map(\.id)))
                    WITH ORDINALITY AS wanted (account_id, event_id, number)
                WHERE EXISTS (SELECT FROM events WHERE events.account_id = wanted.account_id
                    AND events.event_id = wanted.event_id)
                """
            )
            return Set(try rows.map { try $0.get("number", as: Int64.self) })
        }
        return events.enumerated().filter { !present.contains(Int64($0.offset) + 1) }
            .map(\.element)
    }

    /// What an account has for events that come late.
    package struct Cover: Hashable, Sendable {
        /// What charges may take.
        package var free: Pico
        /// Before which usage is not charged any more, and needs none; nil where all is.
        package let chargedFrom: Instant?
    }

    /// What late charges may take of each account; nothing for an account that does not exist.
    package func cover(
        of accounts: [AccountID]
    ) async throws(LedgerError) -> [AccountID: Cover] {
        try await database.ledgerRead { session in
            let rows = try session.execute(
                """
                SELECT \(HeadSummary.columns), account_heads.charged_from FROM account_heads
                WHERE account_id = ANY(\(accounts))
                """
            )
            var covers: [AccountID: Cover] = [:]
            for row in rows {
                covers[try row.get("account_id")] = Cover(
                    free: try HeadSummary(row).free.clampedToZero,
                    chargedFrom: try row.get("charged_from")
                )
            }
            return covers
        }
    }

    package struct OpenLease: Hashable, Sendable {
        package let account: AccountID
        package let lease: LeaseID
        /// What it has set aside and not settled.
        package let left: Pico
    }

    /// The leases of an instance that this database takes for open.
    package func openLeases(
        of instance: InstanceID
    ) async throws(LedgerError) -> [OpenLease] {
        try await database.ledgerRead { session in
            let rows = try session.execute(
                """
                SELECT account_id, lease_id, granted - settled AS remainder FROM leases
                WHERE instance_id = \(instance) AND state = 'open'
                """
            )
            return try rows.map { row in
                OpenLease(
                    account: try row.get("account_id"),
                    lease: try row.get("lease_id"),
                    left: try row.get("remainder")
                )
            }
        }
    }
}
