import Ledger
import Schema

/// `spend_caps`, `spend_days` and `cap_leases` of one account, whose days are those of UTC.
package struct ModelCaps: Hashable, Sendable {
    /// A row of `spend_days`.
    package struct Day: Hashable, Sendable {
        package let startsAt: Instant
        package let endsAt: Instant
        package let monthStartsAt: Instant
        package internal(set) var spent = Pico.zero

        /// The day that an instant lies in.
        package init(covering instant: Instant) {
            let length: Int64 = 86_400_000_000
            let (whole, rest) = instant.microseconds.quotientAndRemainder(dividingBy: length)
            let number = rest < 0 ? whole - 1 : whole
            startsAt = Instant(microseconds: number * length)
            endsAt = Instant(microseconds: (number + 1) * length)
            let first = number - CalendarDate(daysSince1970: number).day + 1
            monthStartsAt = Instant(microseconds: first * length)
        }
    }

    /// A row of `cap_leases`.
    package struct Lease: Hashable, Sendable {
        package internal(set) var granted: Pico
        package internal(set) var settled: Pico
        package internal(set) var opSequence: Int64
        package internal(set) var opResult: Pico

        package var remaining: Pico { granted - settled }

        package init(granted: Pico, settled: Pico, opSequence: Int64, opResult: Pico) {
            self.granted = granted
            self.settled = settled
            self.opSequence = opSequence
            self.opResult = opResult
        }
    }

    package internal(set) var limits: [CapScope: SpendLimits] = [:]
    package var days: [CapDay: Day] = [:]
    package var leases: [LeaseID: [CapDay: Lease]] = [:]

    package init() {}

    /// `CapFigures.read`.
    package func figures(
        of scope: CapScope,
        at instant: Instant,
        isOpen: (LeaseID) -> Bool
    ) -> CapFigures? {
        guard let limits = limits[scope] else { return nil }
        let day = Day(covering: instant)
        // No month is longer than 31 days, and none as short as half of that.
        let inNextMonth = day.monthStartsAt.adding(seconds: 31 * 86_400)
        let month = day.monthStartsAt..<Day(covering: inNextMonth).monthStartsAt
        func isIn(_ found: CapDay, _ period: CapPeriod) -> Bool {
            guard found.scope == scope else { return false }
            return switch period {
            case .day: found.startsAt == day.startsAt
            case .month: month.contains(found.startsAt)
            case .total: true
            }
        }
        func window(_ period: CapPeriod) -> CapFigures.Window? {
            guard let limit = limits[period] else { return nil }
            var (spent, escrowed) = (Pico.zero, Pico.zero)
            for (key, day) in days where isIn(key, period) { spent += day.spent }
            for (lease, parts) in leases where isOpen(lease) {
                for (key, part) in parts where isIn(key, period) { escrowed += part.remaining }
            }
            return .init(period: period, limit: limit, spent: spent, escrowed: escrowed)
        }
        return CapFigures(
            scope: scope,
            dayStartsAt: day.startsAt,
            dayEndsAt: day.endsAt,
            monthStartsAt: day.monthStartsAt,
            windows: CapPeriod.allCases.compactMap(window)
        )
    }

    // MARK: Counting

    /// `AppendSpend.count`, of one event.
    mutating func count(_ event: Event, _ effect: EventEffect) {
        let charge = -effect.amount
        guard case .usage(let usage) = event.body, charge > .zero || effect.released > .zero
        else { return }
        for scope in [CapScope.key(usage.key), .project(usage.project)]
        where limits[scope] != nil {
            let day = add(charge, to: scope, admittedAt: usage.admittedAt)
            guard usage.hasTaken(from: scope), let lease = usage.lease,
                let part = leases[lease]?[day]
            else { continue }
            let settled = min(part.granted, part.settled + charge)
            leases[lease]?[day]?.settled = settled
            leases[lease]?[day]?.granted = max(settled, part.granted - effect.released)
        }
    }

    /// `SpendCapChange.beginCounting`: a scope that is capped for the first time has a past.
    mutating func beginCounting(_ scope: CapScope, in stream: [RecordedEvent]) {
        limits[scope] = SpendLimits.none
        for recorded in stream where recorded.amount < .zero {
            guard case .usage(let usage) = recorded.event.body,
                [.key(usage.key), .project(usage.project)].contains(scope)
            else { continue }
            _ = add(-recorded.amount, to: scope, admittedAt: usage.admittedAt)
        }
    }

    private mutating func add(
        _ charge: Pico,
        to scope: CapScope,
        admittedAt instant: Instant
    ) -> CapDay {
        let day = Day(covering: instant)
        let key = CapDay(scope: scope, startsAt: day.startsAt)
        days[key, default: day].spent += charge
        return key
    }

    // MARK: Leasing

    /// `CapLeases.grant`.
    mutating func grant(_ amounts: [CapDay: Pico], to lease: LeaseID, opSequence: Int64) {
        for (day, amount) in amounts where amount > .zero {
            if days[day] == nil { days[day] = Day(covering: day.startsAt) }
            let known = leases[lease]?[day]
            leases[lease, default: [:]][day] = Lease(
                granted: (known?.granted ?? .zero) + amount,
                settled: known?.settled ?? .zero,
                opSequence: opSequence,
                opResult: amount
            )
        }
    }

    /// `CapLeases.recorded`.
    func recorded(_ lease: LeaseID, opSequence: Int64) -> [CapDay: Pico] {
        (leases[lease] ?? [:]).filter { $0.value.opSequence == opSequence }.mapValues(\.opResult)
    }

    /// `LeaseStep.giveBackCaps`.
    mutating func giveBack(_ request: GiveBackRequest) throws(LedgerError) {
        if request.closes {
            leases[request.lease] = nil
        } else {
            try giveBack(request.caps, of: request.lease, opSequence: request.opSequence)
        }
    }

    private mutating func giveBack(
        _ returns: [CapReturn],
        of lease: LeaseID,
        opSequence: Int64
    ) throws(LedgerError) {
        for part in returns {
            guard var row = leases[lease]?[part.day] else { continue }
            row.granted -= part.amount
            row.opSequence = opSequence
            row.opResult = part.amount
            guard row.opResult >= .zero, row.settled <= row.granted else {
                throw LedgerError(.refused, "cap_leases_check")
            }
            leases[lease]?[part.day] = row
        }
    }

    /// `CapLeases.reclaim`.
    mutating func reclaim(_ decided: CapReclaim, of lease: LeaseID, opSequence: Int64) {
        grant(decided.changes, to: lease, opSequence: opSequence)
        for (day, change) in decided.changes where change < .zero {
            leases[lease]?[day]?.granted += change
        }
        for (day, part) in leases[lease] ?? [:] {
            leases[lease]?[day]?.opSequence = opSequence
            leases[lease]?[day]?.opResult = part.remaining
        }
    }
}
