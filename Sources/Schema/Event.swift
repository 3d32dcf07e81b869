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
    case creditAdjusted(CreditAdjusted)
    case creditLimitSet(CreditLimitSet)

    package var kind: EventKind {
        switch self {
        case .usage: .usage
        case .creditGranted: .creditGranted
        case .creditAdjusted: .creditAdjusted
        case .creditLimitSet: .creditLimitSet
        }
    }
}

/// The kinds of events, by the names that the database and the command line use.
package enum EventKind: String, CaseIterable, Sendable {
    case usage
    case creditGranted = "credit_granted"
    case creditAdjusted = "credit_adjusted"
    case creditLimitSet = "credit_limit_set"
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

/// Credit added to an account.
package struct CreditGranted: Hashable, Sendable {
    package enum Kind: String, CaseIterable, Sendable {
        case paid
        case promotional
    }

    package let grant: GrantID
    package let kind: Kind
    /// Above zero, at most `Pico.balanceMax`.
    package let amount: Pico
    /// An outside reference such as a payment's, unique in the account.
    package let reference: String?

    package init(grant: GrantID, kind: Kind, amount: Pico, reference: String?) {
        self.grant = grant
        self.kind = kind
        self.amount = amount
        self.reference = reference
    }
}

/// A correction of the balance by a person, with its reason.
package struct CreditAdjusted: Hashable, Sendable {
    /// Signed and not zero.
    package let amount: Pico
    package let reason: String

    package init(amount: Pico, reason: String) {
        self.amount = amount
        self.reason = reason
    }
}

/// A new credit limit: how far below zero the balance may go.
package struct CreditLimitSet: Hashable, Sendable {
    /// Zero or above.
    package let limit: Pico

    package init(limit: Pico) {
        self.limit = limit
    }
}
