import Postgres
import Schema

/// The statements on what a lease has set aside of caps, inside of an operation on the lease.
struct CapLeases {
    private let session: Session
    private let account: AccountID
    private let lease: LeaseID
    private let opSequence: Int64

    init(_ session: Session, _ account: AccountID, _ lease: LeaseID, opSequence: Int64) {
        self.session = session
        self.account = account
        self.lease = lease
        self.opSequence = opSequence
    }

    /// Sets more aside, and keeps the bounds of the days from now on.
    func grant(_ amounts: [CapDay: Pico], figures: some Collection<CapFigures>) throws {
        var granted: [(cap: CapFigures, amount: Pico)] = []
        for cap in figures {
            guard let amount = amounts[cap.day], amount > .zero else { continue }
            granted.append((cap, amount))
        }
        guard !granted.isEmpty else { return }
        _ = try session.executePrepared(
            """
            INSERT INTO spend_days (account_id, scope_id, starts_at, ends_at, month_starts_at)
            SELECT \(account), * FROM unnest(\(granted.map(\.cap.scope.id)),
                \(granted.map(\.cap.dayStartsAt)), \(granted.map(\.cap.dayEndsAt)),
                \(granted.map(\.cap.monthStartsAt)))
            ON CONFLICT DO NOTHING
            """
        )
        _ = try session.executePrepared(
            """
            INSERT INTO cap_leases
                (account_id, lease_id, scope_id, day_starts_at, granted, op_seq, op_result)
            SELECT \(account), \(lease), scope_id, day_starts_at, amount, \(opSequence), amount
            FROM unnest(\(granted.map(\.cap.scope.id)), \(granted.map(\.cap.dayStartsAt)),
                \(granted.map(\.amount))) AS more (scope_id, day_starts_at, amount)
            ON CONFLICT (account_id, lease_id, scope_id, day_starts_at) DO UPDATE
                SET granted = cap_leases.granted + excluded.granted,
                    op_seq = excluded.op_seq, op_result = excluded.op_result
            """
        )
    }

    /// What the operation of this number has granted, for the answer to its repeat.
    func recorded(_ figures: some Collection<CapFigures>) throws -> [CapDay: Pico] {
        let rows = try session.executePrepared(
            """
            SELECT scope_id, day_starts_at, op_result FROM cap_leases
            WHERE account_id = \(account) AND lease_id = \(lease) AND op_seq = \(opSequence)
            """
        )
        var results: [CapDay: Pico] = [:]
        for row in rows {
            let scope = try row.get("scope_id", as: Identifier<CapScope>.self)
            let startsAt = try row.get("day_starts_at", as: Instant.self)
            guard let cap = figures.first(where: { $0.scope.id == scope }) else { continue }
            results[CapDay(scope: cap.scope, startsAt: startsAt)] = try row.get("op_result")
        }
        return results
    }

    /// What the lease has left of each day.
    func remainders() throws -> [CapDay: Pico] {
        let rows = try session.executePrepared(
            """
            SELECT key_id, project_id, day_starts_at, granted - settled AS remainder
            FROM cap_leases JOIN spend_caps USING (account_id, scope_id)
            WHERE account_id = \(account) AND lease_id = \(lease)
            """
        )
        return try rows.reduce(into: [:]) { days, row in
            let key = try row.get("key_id", as: KeyID?.self)
            let scope = try key.map(CapScope.key) ?? .project(row.get("project_id"))
            let day = CapDay(scope: scope, startsAt: try row.get("day_starts_at"))
            days[day] = try row.get("remainder")
        }
    }

    /// Sets what the lease has left of some days to what was decided.
    func reclaim(_ decided: CapReclaim, figures: some Collection<CapFigures>) throws {
        let days = figures.filter { decided.changes[$0.day] != nil }
        try grant(
            Dictionary(
                days.map { ($0.day, max(decided.changes[$0.day] ?? .zero, .zero)) },
                uniquingKeysWith: { first, _ in first }
            ),
            figures: days
        )
        try giveBack(
            decided.changes.filter { $0.value < .zero }.map {
                CapReturn(day: $0.key, amount: -$0.value)
            }
        )
        // A repeat is told what is left, whatever was changed.
        _ = try session.executePrepared(
            """
            UPDATE cap_leases SET op_seq = \(opSequence), op_result = granted - settled
            WHERE account_id = \(account) AND lease_id = \(lease)
            """
        )
    }

    /// Takes back parts that the instance no longer counts as its own.
    func giveBack(_ returns: [CapReturn]) throws {
        guard !returns.isEmpty else { return }
        _ = try session.executePrepared(
            """
            UPDATE cap_leases SET granted = cap_leases.granted - amount,
                op_seq = \(opSequence), op_result = amount
            FROM unnest(\(returns.map(\.day.scope.id)), \(returns.map(\.day.startsAt)),
                \(returns.map(\.amount))) AS less (scope_id, starts_at, amount)
            WHERE account_id = \(account) AND lease_id = \(lease)
                AND cap_leases.scope_id = less.scope_id AND day_starts_at = less.starts_at
            """
        )
    }

    /// Ends them with their lease.
    func close() throws {
        _ = try session.executePrepared(
            "DELETE FROM cap_leases WHERE account_id = \(account) AND lease_id = \(lease)"
        )
    }
}
