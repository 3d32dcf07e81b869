/// One fact about an account, as its producer states it, before it has a place in the stream.
package struct Event: Hashable, Sendable {
    package let account: AccountID
    /// Minted by the producer; appending the same event twice changes nothing.
    package let id: EventID
    /// When it happened; for usage, the instant of settlement.
    package let occurredAt: Instant
    package let body: EventBody

    package init(account: AccountID, id: EventID, occurredAt: Instant, body: EventBody) {
        self.account = account
        self.id = id
        self.occurredAt = occurredAt
        self.body = body
    }
}

/// What happened.
package enum EventBody: Hashable, Sendable {
    case usage(Usage)
    case creditGranted(CreditGranted)
    case creditExpired(CreditWithdrawn)
    case creditVoided(CreditWithdrawn)
    case creditChargedBack(CreditChargedBack)
    case creditAdjusted(CreditAdjusted)
    case creditLimitSet(CreditLimitSet)
    case payment(Payment)
    case creditNote(CreditNote)
    case rounding(InvoiceRounding)
    case leaseLost(LeaseLost)
    case periodClosed(PeriodClosed)

    package var kind: EventKind {
        switch self {
        case .usage: .usage
        case .creditGranted: .creditGranted
        case .creditExpired: .creditExpired
        case .creditVoided: .creditVoided
        case .creditChargedBack: .creditChargedBack
        case .creditAdjusted: .creditAdjusted
        case .creditLimitSet: .creditLimitSet
        case .payment: .payment
        case .creditNote: .creditNote
        case .rounding: .rounding
        case .leaseLost: .leaseLost
        case .periodClosed: .periodClosed
        }
    }
}

/// The kinds of events, by the names that the database and the command line use.
package enum EventKind: String, CaseIterable, Sendable {
    case usage
    case creditGranted = "credit_granted"
    case creditExpired = "credit_expired"
    case creditVoided = "credit_voided"
    case creditChargedBack = "credit_charged_back"
    case creditAdjusted = "credit_adjusted"
    case creditLimitSet = "credit_limit_set"
    case payment
    case creditNote = "credit_note"
    case rounding
    case leaseLost = "lease_lost"
    case periodClosed = "period_closed"
}

/// An event in its place: numbered in its account's stream, with its effect decided.
package struct RecordedEvent: Hashable, Sendable {
    /// 1…head without a gap, in commit order.
    package let version: Int64
    package let recordedAt: Instant
    /// The signed effect on the balance.
    package let amount: Pico
    /// What was charged upstream or by price but is the operator's loss.
    package let excess: Pico
    package let event: Event

    package init(
        version: Int64,
        recordedAt: Instant,
        amount: Pico,
        excess: Pico,
        event: Event
    ) {
        self.version = version
        self.recordedAt = recordedAt
        self.amount = amount
        self.excess = excess
        self.event = event
    }
}
