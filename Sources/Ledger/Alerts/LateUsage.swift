import Schema

/// What of a batch came too long after its month was closed, and is not charged: one account's.
struct LateUsage {
    private(set) var calls: Int64 = 0
    /// What they would have cost.
    private(set) var charge = Pico.zero
    /// When the first of them occurred.
    private(set) var firstAt = Instant(microseconds: .max)
    /// The newest of them.
    private(set) var version: Int64 = 0
    /// Before which usage is not charged any more.
    let chargedFrom: Instant?

    static func sums(_ append: AppendDecision) -> [AccountID: LateUsage] {
        var sums: [AccountID: LateUsage] = [:]
        for placed in append.placed where placed.effect.isTooLate {
            let event = placed.hashed.event
            guard case .usage(let usage) = event.body else { continue }
            let known = LateUsage(chargedFrom: append.chargedFrom[event.account])
            sums[event.account, default: known].add(usage, event.occurredAt, placed.version)
        }
        return sums
    }

    private init(chargedFrom: Instant?) {
        self.chargedFrom = chargedFrom
    }

    private mutating func add(_ usage: Usage, _ instant: Instant, _ version: Int64) {
        calls += 1
        charge += usage.charge
        firstAt = min(firstAt, instant)
        self.version = version
    }

    func alert(of account: AccountID, _ currency: Currency?, at instant: Instant) -> Alert {
        Alert(
            .usageLate,
            of: account,
            at: instant,
            data: [
                ("currency", .optional(currency?.code)), ("calls", .integer(calls)),
                ("charge", .text(charge.description)), ("first_at", .text(firstAt.description)),
                ("charged_from", .optional(chargedFrom?.description)),
                ("version", .integer(version)),
            ]
        )
    }
}
