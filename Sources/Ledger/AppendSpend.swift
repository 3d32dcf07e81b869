import Postgres
import Schema

/// Counts usage in the days of its admission, for what is capped; a part of an append.
///
/// The heads of the accounts are locked: nobody else changes the days, the caps or the leases.
struct AppendSpend {
    private let session: Session

    init(_ session: Session) {
        self.session = session
    }

    /// What of one scope was charged to one lease's part of it, admitted in one quarter of an hour;
    /// without a lease, what was charged by calls that took nothing from such a part.
    private struct Place: Hashable {
        let account: AccountID
        let scope: Identifier<CapScope>
        let quarter: Instant
        let lease: LeaseID?
    }

    /// Adds what the events took from the balance, late charges too: they post even above a cap.
    ///
    /// - Returns: what was added to which days.
    func count(
        _ placed: [PlacedEvent],
        cappedAccounts: Set<AccountID>
    ) throws -> [CapAlerts.Counted: Pico] {
        let parts = parts(of: placed, cappedAccounts)
        guard !parts.isEmpty else { return [:] }
        let places = Array(parts.keys)
        let days = try findDays(places)
        guard !days.isEmpty else { return [:] }
        let counted = days.map { (place: places[$0.index], day: $0.day) }
        let amounts = counted.map { parts[$0.place]?.charged ?? .zero }
        try add(amounts, to: counted)
        try settle(amounts, of: counted)
        try release(counted.map { parts[$0.place]?.released ?? .zero }, of: counted)
        return zip(counted, amounts).reduce(into: [:]) { sums, part in
            let ((place, day), amount) = part
            let key = CapAlerts.Counted(account: place.account, scope: place.scope, day: day)
            sums[key, default: .zero] += amount
        }
    }

    /// What became of what was set aside there.
    private struct Part {
        var charged = Pico.zero
        var released = Pico.zero

        mutating func add(_ effect: EventEffect) {
            charged -= effect.amount
            released += effect.released
        }
    }

    private func parts(
        of placed: [PlacedEvent],
        _ cappedAccounts: Set<AccountID>
    ) -> [Place: Part] {
        var parts: [Place: Part] = [:]
        for event in placed {
            guard case .usage(let usage) = event.hashed.event.body,
                event.effect.amount < .zero || event.effect.released > .zero,
                cappedAccounts.contains(event.hashed.event.account)
            else { continue }
            for scope in [CapScope.key(usage.key), .project(usage.project)] {
                let place = Place(
                    account: event.hashed.event.account,
                    scope: scope.id,
                    quarter: SpendDay.quarter(of: usage.admittedAt),
                    lease: usage.hasTaken(from: scope) ? usage.lease : nil
                )
                parts[place, default: Part()].add(event.effect)
            }
        }
        return parts
    }

    /// The days of those places whose scope has a cap.
    private func findDays(_ places: [Place]) throws -> [(index: Int, day: SpendDay)] {
        let rows = try session.executePrepared(
            """
            SELECT wanted.n, day.starts_at, day.ends_at, day.month_starts_at
            FROM unnest(\(places.map(\.account)), \(places.map(\.scope)),
                    \(places.map(\.quarter))) WITH ORDINALITY AS wanted (account_id, scope_id, at, n)
            JOIN spend_caps ON spend_caps.account_id = wanted.account_id
                AND spend_caps.scope_id = wanted.scope_id
            JOIN accounts ON accounts.account_id = wanted.account_id
            CROSS JOIN LATERAL (\(SpendDay.covering)) AS day
            """
        )
        return try rows.map {
            (Int(try $0.get("n", as: Int64.self)) - 1, try SpendDay($0))
        }
    }

    private func add(
        _ amounts: [Pico],
        to counted: [(place: Place, day: SpendDay)]
    ) throws {
        _ = try session.executePrepared(
            """
            INSERT INTO spend_days
                (account_id, scope_id, starts_at, ends_at, month_starts_at, spent)
            SELECT account_id, scope_id, starts_at, ends_at, month_starts_at, sum(amount)
            FROM unnest(\(counted.map(\.place.account)), \(counted.map(\.place.scope)),
                    \(counted.map(\.day.startsAt)), \(counted.map(\.day.endsAt)),
                    \(counted.map(\.day.monthStartsAt)), \(amounts))
                AS charge (account_id, scope_id, starts_at, ends_at, month_starts_at, amount)
            GROUP BY account_id, scope_id, starts_at, ends_at, month_starts_at
            ON CONFLICT (account_id, scope_id, starts_at)
                DO UPDATE SET spent = spend_days.spent + excluded.spent
            """
        )
    }

    /// Takes the charges from what their leases have set aside of the caps, as far as that goes.
    private func settle(
        _ amounts: [Pico],
        of counted: [(place: Place, day: SpendDay)]
    ) throws {
        _ = try session.executePrepared(
            """
            UPDATE cap_leases SET settled = least(granted, settled + charge.amount)
            FROM (
                SELECT account_id, lease_id, scope_id, starts_at, sum(amount) AS amount
                FROM unnest(\(counted.map(\.place.account)), \(counted.map(\.place.lease)),
                        \(counted.map(\.place.scope)), \(counted.map(\.day.startsAt)), \(amounts))
                    AS charge (account_id, lease_id, scope_id, starts_at, amount)
                GROUP BY account_id, lease_id, scope_id, starts_at
            ) AS charge
            WHERE cap_leases.account_id = charge.account_id
                AND cap_leases.lease_id = charge.lease_id
                AND cap_leases.scope_id = charge.scope_id
                AND cap_leases.day_starts_at = charge.starts_at
            """
        )
    }

    /// Frees what leases have set aside of the caps for charges that came too late to be taken.
    private func release(
        _ amounts: [Pico],
        of counted: [(place: Place, day: SpendDay)]
    ) throws {
        guard amounts.contains(where: { $0 > .zero }) else { return }
        _ = try session.executePrepared(
            """
            UPDATE cap_leases SET granted = greatest(settled, granted - released.amount)
            FROM (
                SELECT account_id, lease_id, scope_id, starts_at, sum(amount) AS amount
                FROM unnest(\(counted.map(\.place.account)), \(counted.map(\.place.lease)),
                        \(counted.map(\.place.scope)), \(counted.map(\.day.startsAt)), \(amounts))
                    AS released (account_id, lease_id, scope_id, starts_at, amount)
                GROUP BY account_id, lease_id, scope_id, starts_at
            ) AS released
            WHERE cap_leases.account_id = released.account_id
                AND cap_leases.lease_id = released.lease_id
                AND cap_leases.scope_id = released.scope_id
                AND cap_leases.day_starts_at = released.starts_at
            """
        )
    }
}

extension Usage {
    /// Whether the call's hold was taken from this cap too.
    ///
    /// A call from before the cap, or from while it was lifted, was not: its charge counts, and
    /// leaves to others what they have set aside.
    package func hasTaken(from scope: CapScope) -> Bool {
        switch scope {
        case .key(let key): key == self.key && capped.contains(.key)
        case .project(let project): project == self.project && capped.contains(.project)
        }
    }
}
