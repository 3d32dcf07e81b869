import Schema

/// What an acquire asks for, so that holds that wait can be served.
struct AcquirePlan {
    /// For holds without caps; zero when there are none.
    private(set) var want = Pico.zero
    private(set) var least = Pico.zero
    /// For holds under caps, in the order in which the first of each came.
    private(set) var capped: [CappedNeed] = []

    init(want: Pico, least: Pico) {
        self.want = max(want, least)
        self.least = least
    }

    /// Asks for what the waiters miss, each counting on what those before it leave.
    ///
    /// - Parameter available: what the lease has free.
    init(_ waiters: [LeaseBookQueue.Waiter], available: Pico, caps: CapBook) {
        var shortfall = Shortfall(available: available, caps: caps)
        for waiter in waiters {
            if waiter.caps.isEmpty {
                let lack = shortfall.take(waiter)
                if least == .zero { least = max(lack.least, Pico(1)) }
                want += lack.want
            } else {
                add(waiter, &shortfall)
            }
        }
        want = max(want, least)
        capped.removeAll { need in
            need.want == .zero && need.parts.allSatisfy { $0.want == .zero }
        }
        // Nothing is missing but the database's word, as after a lapse of validity.
        if want == .zero, capped.isEmpty { (want, least) = (Pico(1), Pico(1)) }
    }

    /// What it asks of the account.
    var total: Pico { capped.reduce(want) { $0 + $1.want } }

    /// Asks the account for so much at least, together with the first of what is asked for.
    mutating func raise(to amount: Pico) {
        if want > .zero {
            want = max(want, amount)
        } else if !capped.isEmpty, capped[0].want > .zero {
            capped[0].want = max(capped[0].want, amount)
        }
    }

    /// Asks caps that are busy for more than is missing.
    mutating func askAhead(
        of caps: inout CapBook,
        now: ContinuousClock.Instant,
        settings: EscrowSettings
    ) {
        for need in capped.indices {
            let at = capped[need].at
            for index in capped[need].parts.indices where capped[need].parts[index].want > .zero {
                let part = capped[need].parts[index]
                let ahead = caps.ahead(
                    part.scope,
                    at: at,
                    need: part.want,
                    now: now,
                    settings: settings
                )
                capped[need].parts[index].want = max(part.want, ahead)
            }
        }
    }

    /// Joins a waiter to those under the same caps; one quarter of an hour is one day.
    private mutating func add(_ waiter: LeaseBookQueue.Waiter, _ shortfall: inout Shortfall) {
        let at = SpendDay.quarter(of: waiter.admittedAt)
        let lack = shortfall.take(waiter)
        let lacks = waiter.caps.map { (scope: $0.scope, lack: shortfall.take(waiter, from: $0)) }
        let known = capped.firstIndex { need in
            need.at == at && need.parts.map(\.scope) == waiter.caps.map(\.scope)
        }
        guard let known else {
            capped.append(
                CappedNeed(
                    at: at,
                    want: lack.want,
                    least: lack.least,
                    parts: lacks.map { scope, lack in
                        CappedNeed.Part(scope: scope, want: lack.want, least: lack.least)
                    }
                )
            )
            return
        }
        capped[known].want += lack.want
        for (index, (_, lack)) in lacks.enumerated() {
            capped[known].parts[index].want += lack.want
        }
    }
}

/// Counts down what the lease and the caps have, waiter by waiter.
private struct Shortfall {
    private var available: Pico
    private let caps: CapBook
    /// What is left of the leases of caps, by their numbers.
    private var left: [UInt64: Pico] = [:]

    init(available: Pico, caps: CapBook) {
        self.available = available
        self.caps = caps
    }

    /// What the account's lease lacks of a waiter's want and of its least.
    mutating func take(_ waiter: LeaseBookQueue.Waiter) -> (want: Pico, least: Pico) {
        Self.take(waiter, from: &available)
    }

    mutating func take(
        _ waiter: LeaseBookQueue.Waiter,
        from cap: SpendCap
    ) -> (want: Pico, least: Pico) {
        guard let supply = caps.supply(cap.scope, at: waiter.admittedAt) else {
            return (waiter.want, waiter.least)
        }
        return Self.take(waiter, from: &left[supply.number, default: supply.available])
    }

    private static func take(
        _ waiter: LeaseBookQueue.Waiter,
        from supply: inout Pico
    ) -> (want: Pico, least: Pico) {
        let lack = (
            want: (waiter.want - supply).clampedToZero, least: (waiter.least - supply).clampedToZero
        )
        supply = (supply - waiter.want).clampedToZero
        return lack
    }
}
