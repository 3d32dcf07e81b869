import Schema

/// What an account's lease has set aside of caps, as the instance that holds it counts it.
///
/// A part of the account's `LeaseBook`, and pure like it. Its figures are never more than the
/// database's: they are lowered before anything is given back.
struct CapBook: Sendable {
    typealias Moment = ContinuousClock.Instant

    /// What is set aside for the admissions of one day.
    fileprivate struct Lease: Sendable {
        /// Tells it from every other of the book.
        let number: UInt64
        let startsAt: Instant
        let endsAt: Instant
        /// What the cap was when it was set aside.
        let limits: SpendLimits
        var granted = Pico.zero
        var settled = Pico.zero
        var held = Pico.zero
        var demand = LeaseBookDemand()
        var usedAt: Moment?

        var available: Pico { granted - settled - held }
    }

    /// Where a hold was taken from.
    struct Place: Hashable, Sendable {
        fileprivate let scope: CapScope
        fileprivate let number: UInt64

        /// As the call's event tells it.
        var capped: CappedScopes {
            switch scope {
            case .key: .key
            case .project: .project
            }
        }
    }

    private var leases: [CapScope: [Lease]] = [:]
    /// The limits that the latest calls came with.
    private var limits: [CapScope: SpendLimits] = [:]
    /// Scopes with leases from before their limits changed.
    private var changed: Set<CapScope> = []
    /// The caps as the database last said they were.
    private var figures: [CapScope: CapFigures] = [:]
    private var figuresAt: [CapScope: Moment] = [:]
    private var numbers: UInt64 = 0
    /// What the database could not restore of a day, and charges on their way to it still count on:
    /// it comes off what is set aside next.
    private var debts: [CapDay: Pico] = [:]

    // MARK: Holding

    /// Notes the limits that a call comes with: what was set aside under others is not used again.
    mutating func adopt(_ caps: [SpendCap]) {
        for cap in caps where limits[cap.scope] != cap.limits {
            limits[cap.scope] = cap.limits
            if leases[cap.scope] != nil { changed.insert(cap.scope) }
        }
    }

    /// What a call of these caps could hold at once.
    func available(_ caps: [SpendCap], at instant: Instant) -> Pico {
        caps.reduce(.balanceMax) { least, cap in
            min(least, lease(cap.scope, instant)?.available ?? .zero)
        }
    }

    /// Takes from every cap what was found to be there.
    mutating func take(
        _ amount: Pico,
        of caps: [SpendCap],
        at instant: Instant,
        now: Moment
    ) -> [Place] {
        var places: [Place] = []
        for cap in caps {
            guard let index = index(cap.scope, instant) else { continue }
            change(cap.scope, index) { lease in
                lease.held += amount
                lease.usedAt = now
                lease.demand.held(amount, leaving: lease.available)
                places.append(Place(scope: cap.scope, number: lease.number))
            }
        }
        return places
    }

    /// What is free of each day, whatever the limits were when it was set aside.
    var available: [CapDay: Pico] {
        var available: [CapDay: Pico] = [:]
        for (scope, leases) in leases {
            for lease in leases {
                let day = CapDay(scope: scope, startsAt: lease.startsAt)
                available[day, default: .zero] += lease.available
            }
        }
        return available
    }

    /// The most that a hold could be raised by.
    func growth(_ places: [Place]) -> Pico {
        places.reduce(.balanceMax) { least, place in
            let lease = leases[place.scope]?.first { $0.number == place.number }
            return min(least, lease?.available ?? .zero)
        }
    }

    mutating func grow(_ places: [Place], by amount: Pico) {
        for place in places { change(place) { $0.held += amount } }
    }

    mutating func settle(_ places: [Place], held: Pico, charge: Pico, now: Moment) {
        for place in places {
            change(place) { lease in
                lease.held -= held
                lease.settled += charge
                lease.usedAt = now
                lease.demand.settled(charge)
            }
        }
    }

    // MARK: The database's word

    mutating func note(_ grant: CapGrant, now: Moment) {
        let cap = grant.figures
        figures[cap.scope] = cap
        figuresAt[cap.scope] = now
        let granted = pay(grant)
        guard granted > .zero else { return }
        let limits = limits[cap.scope] ?? .none
        let known = leases[cap.scope]?.firstIndex {
            $0.startsAt == cap.dayStartsAt && $0.limits == limits
        }
        if let known {
            change(cap.scope, known) { lease in
                lease.granted += granted
                lease.usedAt = now
            }
            return
        }
        numbers += 1
        var lease = Lease(
            number: numbers,
            startsAt: cap.dayStartsAt,
            endsAt: cap.dayEndsAt,
            limits: limits
        )
        lease.granted = granted
        lease.usedAt = now
        leases[cap.scope, default: []].append(lease)
    }

    /// What a grant leaves when the day's debt is paid of it.
    private mutating func pay(_ grant: CapGrant) -> Pico {
        let day = CapDay(scope: grant.figures.scope, startsAt: grant.figures.dayStartsAt)
        guard let debt = debts[day] else { return grant.granted }
        let paid = min(debt, grant.granted)
        debts[day] = paid == debt ? nil : debt - paid
        return grant.granted - paid
    }

    /// Forgets all: the lease that it belonged to is closed.
    mutating func close() {
        leases = [:]
        debts = [:]
    }

    /// What a cap has free for further leases, as far as is known.
    func free(_ scope: CapScope, at instant: Instant) -> Pico {
        figures[scope].flatMap { $0.contains(instant) ? $0.free : nil } ?? .zero
    }

    /// The window of one of the caps that could not cover an amount even with nothing running.
    ///
    /// By what the database has said of the cap this very moment: the answer to a question that did
    /// not name the cap proves nothing of it, for it may have been raised since.
    func exhausted(
        _ caps: [SpendCap],
        by amount: Pico,
        at instant: Instant,
        now: Moment
    ) -> CapShortage? {
        for cap in caps where figuresAt[cap.scope] == now {
            if let figures = figures[cap.scope], figures.contains(instant),
                let window = figures.exhausted(by: amount)
            {
                return CapShortage(scope: cap.scope, window: window)
            }
        }
        return nil
    }

    /// The cap that keeps a call waiting; nil when none does.
    func shortage(_ caps: [SpendCap], of amount: Pico, at instant: Instant) -> CapShortage? {
        for cap in caps where (lease(cap.scope, instant)?.available ?? .zero) < amount {
            if let window = figures[cap.scope]?.tightest {
                return CapShortage(scope: cap.scope, window: window)
            }
        }
        return nil
    }

    // MARK: Asking for more

    /// What is there for a call, by the lease that it would come from; nil without one.
    func supply(_ scope: CapScope, at instant: Instant) -> (number: UInt64, available: Pico)? {
        lease(scope, instant).map { ($0.number, $0.available) }
    }

    /// Counts that so much is about to be asked for, and returns what to ask for ahead of need.
    mutating func ahead(
        _ scope: CapScope,
        at instant: Instant,
        need: Pico,
        now: Moment,
        settings: EscrowSettings
    ) -> Pico {
        guard let index = index(scope, instant) else { return .zero }
        let free = free(scope, at: instant)
        var ahead = Pico.zero
        change(scope, index) { lease in
            lease.demand.acquiring(need, at: now, growthInterval: settings.growthInterval)
            ahead = lease.demand.ahead(free: free, divisor: settings.freeCreditDivisor)
        }
        return ahead
    }

    // MARK: Giving back

    /// What is to go back.
    enum Surplus {
        /// What was set aside under other limits.
        case outdated
        /// That, and what nobody has touched.
        case idle
        /// All of some scopes: too little for anyone who waits here, but together with what other
        /// instances have it may be enough.
        case scraps(Set<CapScope>)
    }

    /// Lowers the figures of a surplus, and returns what the database is to have back.
    mutating func takeReturns(
        _ surplus: Surplus,
        now: Moment,
        settings: EscrowSettings
    ) -> [CapReturn] {
        let scopes =
            switch surplus {
            case .outdated: Array(changed)
            case .idle: Array(leases.keys)
            case .scraps(let scopes): Array(scopes)
            }
        changed.subtract(scopes)
        var returns: [CapReturn] = []
        for scope in scopes {
            for index in leases[scope, default: []].indices {
                let free = free(scope, at: leases[scope, default: []][index].startsAt)
                let current = limits[scope]
                change(scope, index) { lease in
                    var amount = lease.available
                    if case .idle = surplus, lease.limits == current {
                        amount = lease.idle(free: free, now: now, settings: settings)
                    } else if case .outdated = surplus, lease.limits == current {
                        amount = .zero
                    }
                    guard amount > .zero else { return }
                    lease.granted -= amount
                    lease.demand.gaveBack(amount)
                    let day = CapDay(scope: scope, startsAt: lease.startsAt)
                    returns.append(CapReturn(day: day, amount: amount))
                }
            }
            leases[scope]?.removeAll { $0.available == .zero && $0.held == .zero }
            if leases[scope]?.isEmpty == true { leases[scope] = nil }
        }
        return returns
    }

    /// Begins a new third of the idle time where the current one is over.
    mutating func rotate(now: Moment, settings: EscrowSettings) {
        for scope in leases.keys {
            for index in leases[scope, default: []].indices {
                change(scope, index) { lease in
                    lease.demand.rotate(
                        available: lease.available,
                        at: now,
                        idleAfter: settings.idleAfter,
                        growthInterval: settings.growthInterval
                    )
                }
            }
        }
    }

    // MARK: Reclaiming

    /// What the database must have set aside of each day.
    ///
    /// Which cap's charges are not in the stream yet is not known, so each counts all of them: that
    /// sets aside too much rather than too little, until the lease closes.
    func remainders(unshipped: Pico) -> [CapRemainder] {
        var amounts: [CapDay: Pico] = [:]
        for (scope, leases) in leases {
            for lease in leases {
                let day = CapDay(scope: scope, startsAt: lease.startsAt)
                amounts[day, default: unshipped] += lease.granted - lease.settled
            }
        }
        return amounts.map { CapRemainder(day: $0.key, amount: $0.value.clampedToZero) }
    }

    /// Lowers what the database could not restore in full: what is free first, then what running
    /// calls have held, for what they leave of it is not set aside for anybody.
    mutating func reclaimed(_ caps: [CapRemainder], asked: [CapRemainder]) {
        let found = Dictionary(
            caps.map { ($0.day, $0.amount) },
            uniquingKeysWith: { first, _ in first }
        )
        for part in asked {
            var missing = part.amount - (found[part.day] ?? .zero)
            lower(part.day, &missing) { $0.available.clampedToZero }
            lower(part.day, &missing) { $0.held }
            if missing > .zero { debts[part.day, default: .zero] += missing }
        }
    }

    /// Lowers a day's leases by what is missing, each by as much as is said of it.
    private mutating func lower(
        _ day: CapDay,
        _ missing: inout Pico,
        by most: (Lease) -> Pico
    ) {
        for index in leases[day.scope, default: []].indices {
            change(day.scope, index) { lease in
                guard lease.startsAt == day.startsAt, missing > .zero else { return }
                let lowered = min(missing, most(lease))
                lease.granted -= lowered
                missing -= lowered
            }
        }
    }

    // MARK: Finding

    private func index(_ scope: CapScope, _ instant: Instant) -> Int? {
        leases[scope]?.firstIndex {
            $0.startsAt <= instant && instant < $0.endsAt && $0.limits == limits[scope]
        }
    }

    private func lease(_ scope: CapScope, _ instant: Instant) -> Lease? {
        index(scope, instant).flatMap { leases[scope]?[$0] }
    }

    private mutating func change(_ scope: CapScope, _ index: Int, _ body: (inout Lease) -> Void) {
        guard var lease = leases[scope]?[index] else { return }
        body(&lease)
        leases[scope]?[index] = lease
    }

    private mutating func change(_ place: Place, _ body: (inout Lease) -> Void) {
        guard let index = leases[place.scope]?.firstIndex(where: { $0.number == place.number })
        else { return }
        change(place.scope, index, body)
    }
}

extension CapBook.Lease {
    /// What no hold has touched in the idle time; all of it when nothing has happened since.
    fileprivate func idle(
        free: Pico,
        now: ContinuousClock.Instant,
        settings: EscrowSettings
    ) -> Pico {
        if usedAt.map({ now - $0 >= settings.idleAfter }) ?? true { return available }
        let keepMax = Pico(free.units / settings.freeCreditDivisor)
        let idle = demand.idle(available: available, keepMax: keepMax)
        return idle.units * 4 >= (granted - settled).units ? idle : .zero
    }
}
