import Schema

/// What an event means to the grants of its account.
package struct BurnDownEntry: Hashable, Sendable {
    enum Withdrawal: Hashable, Sendable {
        case expiry
        case void
    }

    enum Change: Hashable, Sendable {
        case nothing
        /// A charge, or a correction downwards, dated by the admission of its call.
        case taken(Pico, at: Instant)
        case granted(BurningGrant)
        case withdrawn(GrantID, Pico, Withdrawal)
        case chargedBack(GrantID, Pico)
        /// Money for what is unpaid; its surplus becomes such a grant.
        case paid(BurningGrant)
        /// More is unpaid, whatever the grants have left.
        case owed(Pico)
        case limited(Pico)
    }

    let version: Int64
    let occurredAt: Instant
    let change: Change

    init(version: Int64, occurredAt: Instant, change: Change) {
        self.version = version
        self.occurredAt = occurredAt
        self.change = change
    }

    package init(_ recorded: RecordedEvent) {
        version = recorded.version
        occurredAt = recorded.event.occurredAt
        change =
            switch recorded.event.body {
            case .usage(let usage): .taken(-recorded.amount, at: usage.admittedAt)
            case .creditGranted(let grant): .granted(BurningGrant(grant, recorded))
            case .creditExpired(let withdrawal):
                .withdrawn(withdrawal.grant, withdrawal.amount, .expiry)
            case .creditVoided(let withdrawal):
                .withdrawn(withdrawal.grant, withdrawal.amount, .void)
            case .creditChargedBack(let chargeback):
                .chargedBack(chargeback.grant, chargeback.amount)
            case .creditAdjusted(let adjustment):
                adjustment.amount > .zero
                    ? .granted(BurningGrant(correction: recorded))
                    : .taken(-adjustment.amount, at: recorded.event.occurredAt)
            case .creditLimitSet(let change): .limited(change.limit)
            case .leaseLost, .periodClosed: .nothing
            case .payment, .creditNote: .paid(BurningGrant(surplusOf: recorded))
            case .rounding(let rounding):
                rounding.amount > .zero
                    ? .paid(BurningGrant(surplusOf: recorded)) : .owed(-rounding.amount)
            }
    }
}

extension BurningGrant {
    init(_ grant: CreditGranted, _ recorded: RecordedEvent) {
        self.init(
            id: grant.grant,
            kind: grant.kind,
            priority: grant.priority,
            startsAt: recorded.event.occurredAt,
            expiresAt: grant.expiresAt,
            version: recorded.version,
            rest: grant.amount
        )
    }

    /// What a correction gives, named by its event: nobody paid for it.
    init(correction recorded: RecordedEvent) {
        self.init(namedBy: recorded, .promotional)
    }

    /// What a payment leaves over, named by its event.
    init(surplusOf recorded: RecordedEvent) {
        self.init(namedBy: recorded, .paid)
    }

    private init(namedBy recorded: RecordedEvent, _ kind: CreditGranted.Kind) {
        let event = recorded.event
        self.init(
            id: GrantID(high: event.id.high, low: event.id.low),
            kind: kind,
            startsAt: event.occurredAt,
            version: recorded.version,
            rest: recorded.amount
        )
    }
}
