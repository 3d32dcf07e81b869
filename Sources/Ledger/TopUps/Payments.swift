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

/// What a provider says of a payment that it had received: never less than it said before.
package struct PaymentStanding: Hashable, Sendable {
    package var payment: String
    package var provider: String
    package var currency: Currency
    /// All that was refunded so far; zero says nothing.
    package var refunded: Pico
    package var disputes: [PaymentDispute]

    package init(
        payment: String,
        provider: String,
        currency: Currency,
        refunded: Pico = .zero,
        disputes: [PaymentDispute] = []
    ) {
        self.payment = payment
        self.provider = provider
        self.currency = currency
        self.refunded = refunded
        self.disputes = disputes
    }
}

/// Money that a bank or a card holder asks back.
package struct PaymentDispute: Hashable, Sendable {
    package var id: String
    package var amount: Pico
    /// Whether the provider has taken the money.
    package var isWithdrawn: Bool
    /// Whether it has given it back, for the dispute was won.
    package var isReturned: Bool

    package init(id: String, amount: Pico, isWithdrawn: Bool, isReturned: Bool) {
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
    /// It was known before.
    case unchanged(TopUp)
    /// It is about nothing that is known here.
    case unknown
    /// It does not fit what was asked for, and changed nothing; the reason is for the log.
    case refused(String)
}
