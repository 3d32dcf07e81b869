import Schema
import Testing

@testable import Ledger

/// Top-ups of the one account of a `CreditStage`, and what a provider says of them.
struct TopUpStage {
    let credit: CreditStage

    var topUps: TopUps { TopUps(credit.ledger.service) }

    static func run(_ body: (TopUpStage) async throws -> Void) async throws {
        try await CreditStage.run(at: "2025-03-01", connectionsMax: 10) { stage in
            try await body(TopUpStage(credit: stage))
        }
    }

    /// A top-up with a page.
    func open(_ amount: Int64 = 100, tax: Int64 = 0, key: String? = nil) async throws -> TopUp {
        let order = TopUps.Order(
            account: CreditStage.slug,
            amount: Pico(Int128(amount)),
            tax: Pico(Int128(tax)),
            provider: "stripe"
        )
        let opened = try await topUps.open(order, at: credit.now, idempotencyKey: key)
        let page = TopUp.Page(id: "cs_\(opened.id.hexadecimal)", url: "https://stripe/pay")
        return try await topUps.attach(page, to: opened)
    }

    func payment(of topUp: TopUp, _ id: String = "pi_1") -> ReceivedPayment {
        ReceivedPayment(
            id: id,
            provider: "stripe",
            reference: TopUpReference(account: topUp.account, topUp: topUp.id),
            page: topUp.page?.id,
            total: topUp.total,
            currency: topUp.currency
        )
    }

    @discardableResult
    func settle(_ payment: ReceivedPayment) async throws -> PaymentEffect {
        try await topUps.settle(payment, at: credit.now)
    }

    /// A top-up that was paid.
    func paid(_ amount: Int64 = 100, tax: Int64 = 0) async throws -> TopUp {
        let opened = try await open(amount, tax: tax)
        guard case .done(let paid) = try await settle(payment(of: opened)) else {
            throw LedgerError(.corrupt, "it was not credited")
        }
        return paid
    }

    @discardableResult
    func refund(_ sum: Int64, _ payment: String = "pi_1") async throws -> PaymentEffect {
        try await topUps.apply(
            PaymentStanding(
                payment: payment,
                provider: "stripe",
                currency: .usd,
                refunded: Pico(Int128(sum))
            ),
            at: credit.now
        )
    }

    @discardableResult
    func dispute(
        _ amount: Int64,
        returned: Bool = false,
        withdrawn: Bool = true
    ) async throws -> PaymentEffect {
        let dispute = PaymentDispute(
            id: "du_1",
            amount: Pico(Int128(amount)),
            isWithdrawn: withdrawn,
            isReturned: returned
        )
        return try await topUps.apply(
            PaymentStanding(
                payment: "pi_1",
                provider: "stripe",
                currency: .usd,
                disputes: [dispute]
            ),
            at: credit.now
        )
    }

    func balance() async throws -> Pico { try await credit.head().balance }
}
