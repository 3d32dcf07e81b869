import Schema

/// Which top-up a payment is for, as the provider was told and says again.
package struct TopUpReference: Hashable, Sendable {
    package let account: AccountID
    package let topUp: TopUpID

    package init(account: AccountID, topUp: TopUpID) {
        self.account = account
        self.topUp = topUp
    }
}

/// Money that a provider says it has received.
package struct ReceivedPayment: Hashable, Sendable {
    /// The provider's name of it, which is credited once.
    package var id: String
    package var provider: String
    package var reference: TopUpReference
    /// The page it was paid on; nil when the provider does not say.
    package var page: String?
    package var total: Pico
    package var currency: Currency

    package init(
        id: String,
        provider: String,
        reference: TopUpReference,
        page: String? = nil,
        total: Pico,
        currency: Currency
    ) {
        self.id = id
        self.provider = provider
        self.reference = reference
        self.page = page
        self.total = total
        self.currency = currency
    }
}

/// What a provider says of a payment that it had received.
package struct PaymentStanding: Hashable, Sendable {
    package var payment: String
    package var provider: String
    package var currency: Currency
    /// Those that are told of; others may be known.
    package var clawbacks: [PaymentClawback]

    package init(
        payment: String,
        provider: String,
        currency: Currency,
        clawbacks: [PaymentClawback] = []
    ) {
        self.payment = payment
        self.provider = provider
        self.currency = currency
        self.clawbacks = clawbacks
    }
}

/// Money of a payment that goes back to whoever paid, and may come again after all.
package struct PaymentClawback: Hashable, Sendable {
    package enum Kind: String, CaseIterable, Sendable {
        /// The operator gives it back: it returns when that fails at the provider.
        case refund
        /// A bank or a card holder asks it back: it returns when the dispute is won.
        case dispute
    }

    package var kind: Kind
    /// The provider's name of it, which takes and gives back once.
    package var id: String
    package var amount: Pico
    /// Whether the money has left the operator.
    package var isWithdrawn: Bool
    /// Whether the operator has it again, for good.
    package var isReturned: Bool

    package init(_ kind: Kind, id: String, amount: Pico, isWithdrawn: Bool, isReturned: Bool) {
        self.kind = kind
        self.id = id
        self.amount = amount
        self.isWithdrawn = isWithdrawn
        self.isReturned = isReturned
    }
}

/// What became of something that a provider said.
package enum PaymentEffect: Hashable, Sendable {
    /// It moved a balance, or ended a page.
    case done(TopUp)
    /// A refund of it has failed: who paid has no money back, and what it had taken of the credit
    /// is there again.
    case refundFailed(TopUp)
    /// It was known before.
    case unchanged(TopUp)
    /// It is about nothing that is known here.
    case unknown
    /// It does not fit what was asked for, and changed nothing; the reason is for the log.
    case refused(String)
}
