import Postgres
import Schema

/// An instance as the database knows it.
package struct InstanceSummary: Hashable, Sendable {
    package let id: InstanceID
    package let label: String
    package let epoch: Int64
    package let renewedAt: Instant
    /// When the database looked.
    package let asOf: Instant
    /// How long it must be silent until no call of it can be running.
    package let releaseAfter: Duration
    package let state: InstanceState
    package let openLeases: Int64
    /// What its open leases have left, by currency.
    package let escrowed: [CurrencySum]
    /// Calls under way, by its last heartbeat.
    package let runningCalls: Int64
    /// What those hold, by its last heartbeat.
    ///
    /// Nil when its leases are of several currencies, for then it is no sum.
    package let held: Pico?

    package var silence: Duration { .microseconds(asOf.microseconds - renewedAt.microseconds) }
}

/// An amount in one currency.
package struct CurrencySum: Hashable, Sendable {
    package let currency: Currency
    package let amount: Pico
}

/// The instances, for those who operate them.
package struct Instances: Sendable {
    let database: Database
    private let settings: EscrowSettings

    package init(_ database: Database, settings: EscrowSettings = EscrowSettings()) {
        self.database = database
        self.settings = settings
    }

    /// All that ever registered, the last renewed first.
    package func list() async throws(LedgerError) -> [InstanceSummary] {
        try await read("true")
    }

    /// - Throws: `.notFound`.
    package func show(_ id: InstanceID) async throws(LedgerError) -> InstanceSummary {
        guard let found = try await read("instances.instance_id = \(id)").first else {
            throw LedgerError(.notFound, "no instance \(id)")
        }
        return found
    }

    /// Closes what an instance left open, and returns how many leases that were.
    ///
    /// - Parameter isForced: its process is known to be dead and its journal to be lost, so that
    ///   nothing is to be waited for but late heartbeats.
    /// - Throws: `.refused` while it may still run calls, with when that ends; `.notFound`.
    package func release(_ id: InstanceID, isForced: Bool) async throws(LedgerError) -> Int {
        let found = try await show(id)
        let silence = isForced ? settings.heartbeatSilenceMax : found.releaseAfter
        guard found.silence > silence || found.openLeases == 0 else {
            throw LedgerError(.refused, refusal(found, isForced: isForced))
        }
        return try await LostLeases(database).close(of: id, silentFor: silence)
    }

    private func refusal(_ instance: InstanceSummary, isForced: Bool) -> String {
        let safeAt = instance.renewedAt.adding(seconds: instance.releaseAfter.components.seconds)
        switch instance.state {
        case .live, .stopped:
            return "it renewed its leases \(instance.silence.components.seconds) s ago, so it is"
                + " alive: stop it, and it gives them back"
        case .silent, .lost:
            return "it fell silent at \(instance.renewedAt), but may run calls until \(safeAt):"
                + " then its leases are closed by themselves; if its process is dead and its"
                + " journal lost, --force closes them now"
        }
    }

    private func read(_ condition: SQL) async throws(LedgerError) -> [InstanceSummary] {
        let settings = settings
        return try await database.ledgerRead { session in
            try session.execute(
                """
                SELECT instances.*, clock_timestamp() AS clock, coalesce(open.count, 0) AS leases,
                    coalesce(open.currencies, '{}') AS currencies,
                    coalesce(open.amounts, '{}') AS amounts
                FROM instances LEFT JOIN LATERAL (
                    SELECT sum(count)::bigint AS count,
                        array_agg(currency ORDER BY currency) AS currencies,
                        array_agg(amount ORDER BY currency) AS amounts
                    FROM (
                        SELECT accounts.currency, count(*) AS count,
                            sum(leases.granted - leases.settled) AS amount
                        FROM leases JOIN accounts USING (account_id)
                        WHERE leases.instance_id = instances.instance_id AND state = 'open'
                        GROUP BY accounts.currency
                    ) AS sums
                ) AS open ON true
                WHERE \(condition)
                ORDER BY renewed_at DESC, instance_id
                """
            ).map { try InstanceSummary($0, settings: settings) }
        }
    }
}

extension InstanceSummary {
    fileprivate init(_ row: Row, settings: EscrowSettings) throws {
        let renewedAt = try row.get("renewed_at", as: Instant.self)
        let clock = try row.get("clock", as: Instant.self)
        let currencies = try row.get("currencies", as: [Currency].self)
        let amounts = try row.get("amounts", as: [Pico].self)
        let releaseAfter = try row.get("release_after_seconds", as: Int64.self)
        self.init(
            id: try row.get("instance_id"),
            label: try row.get("label"),
            epoch: try row.get("epoch"),
            renewedAt: renewedAt,
            asOf: clock,
            releaseAfter: .seconds(releaseAfter),
            state: InstanceState(
                silence: .microseconds(clock.microseconds - renewedAt.microseconds),
                isStopped: try row.get("stopped_at", as: Instant?.self) != nil,
                releaseAfter: .seconds(releaseAfter),
                settings: settings
            ),
            openLeases: try row.get("leases"),
            escrowed: zip(currencies, amounts).map { CurrencySum(currency: $0, amount: $1) },
            runningCalls: try row.get("running_calls"),
            held: currencies.count > 1 ? nil : try row.get("held")
        )
    }
}
