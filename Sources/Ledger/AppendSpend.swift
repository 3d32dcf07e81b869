import Postgres
import Schema

/// Counts usage in the days of its admission, for what is capped; a part of an append.
///
/// The heads of the accounts are locked: nobody else changes the days, the caps or the leases. So
/// what is read at first holds to the end, and all is read once and each row is written once.
struct AppendSpend {
    private let session: Session

    init(_ session: Session) {
        self.session = session
    }

    /// Adds what the events took from the balance, late charges too: they post even above a cap.
    ///
    /// - Returns: what was added to which days.
    func count(
        _ placed: [PlacedEvent],
        cappedAccounts: Set<AccountID>
    ) throws -> [CountedDay] {
        let parts = parts(of: placed, cappedAccounts)
        guard !parts.isEmpty else { return [] }
        let days = try CappedDays(session).covering(Set(parts.keys.map(\.moment)))
        var counted: [CapDayKey: CountedDay] = [:]
        var settled: [LeasePart: Part] = [:]
        for (place, part) in parts {
            guard let day = days[place.moment] else { continue }
            let key = CapDayKey(place.moment, day.bounds)
            counted[key, default: CountedDay(place.moment, day)].charged += part.charged
            guard let lease = place.lease else { continue }
            settled[LeasePart(lease: lease, day: key), default: Part()].add(part)
        }
        try add(counted)
        try settle(settled)
        return Array(counted.values)
    }

    /// Where a charge counts: in one scope and quarter of an hour, and in one lease's part of it;
    /// without a lease, for calls that took nothing from such a part.
    private struct Place: Hashable {
        let moment: CapMoment
        let lease: LeaseID?
    }

    /// What a lease has set aside of one day.
    private struct LeasePart: Hashable {
        let lease: LeaseID
        let day: CapDayKey
    }

    /// What became of what was set aside there.
    private struct Part {
        var charged = Pico.zero
        var released = Pico.zero

        mutating func add(_ other: Part) {
            charged += other.charged
            released += other.released
        }
    }

    private func parts(
        of placed: [PlacedEvent],
        _ cappedAccounts: Set<AccountID>
    ) -> [Place: Part] {
        guard !cappedAccounts.isEmpty else { return [:] }
        var parts: [Place: Part] = [:]
        for event in placed {
            let (account, effect) = (event.hashed.event.account, event.effect)
            guard case .usage(let usage) = event.hashed.event.body,
                effect.amount < .zero || effect.released > .zero,
                cappedAccounts.contains(account)
            else { continue }
            let quarter = SpendDay.quarter(of: usage.admittedAt)
            for scope in [CapScope.key(usage.key), .project(usage.project)] {
                let place = Place(
                    moment: CapMoment(account: account, scope: scope.id, quarter: quarter),
                    lease: usage.hasTaken(from: scope) ? usage.lease : nil
                )
                parts[place, default: Part()]
                    .add(Part(charged: -effect.amount, released: effect.released))
            }
        }
        return parts
    }

    private func add(_ counted: [CapDayKey: CountedDay]) throws {
        let charged = counted.filter { $0.value.charged > .zero }
        guard !charged.isEmpty else { return }
        _ = try session.executePrepared(
            """
            UPDATE spend_days SET spent = spend_days.spent + charge.amount
            FROM unnest(\(charged.map(\.key.account)), \(charged.map(\.key.scope)),
                    \(charged.map(\.key.startsAt)), \(charged.map(\.value.charged)))
                AS charge (account_id, scope_id, starts_at, amount)
            WHERE spend_days.account_id = charge.account_id
                AND spend_days.scope_id = charge.scope_id
                AND spend_days.starts_at = charge.starts_at
            """
        )
    }

    /// Takes the charges from what their leases have set aside of the caps, as far as that goes,
    /// and frees there what was set aside for charges that came too late to be taken.
    private func settle(_ parts: [LeasePart: Part]) throws {
        guard !parts.isEmpty else { return }
        _ = try session.executePrepared(
            """
            UPDATE cap_leases SET settled = least(granted, settled + part.charged),
                granted = greatest(least(granted, settled + part.charged),
                    granted - part.released)
            FROM unnest(\(parts.map(\.key.day.account)), \(parts.map(\.key.lease)),
                    \(parts.map(\.key.day.scope)), \(parts.map(\.key.day.startsAt)),
                    \(parts.map(\.value.charged)), \(parts.map(\.value.released)))
                AS part (account_id, lease_id, scope_id, starts_at, charged, released)
            WHERE cap_leases.account_id = part.account_id
                AND cap_leases.lease_id = part.lease_id
                AND cap_leases.scope_id = part.scope_id
                AND cap_leases.day_starts_at = part.starts_at
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
