import Ledger
import Schema
import Testing

@testable import Billing

extension MonthStage {
    /// Credit that was paid for at a provider's page, and what was refunded of it at once.
    @discardableResult
    func topUp(
        _ amount: String,
        _ payment: String? = nil,
        refunded: String? = nil
    ) async throws -> GrantID {
        let topUps = TopUps(database)
        let order = TopUps.Order(
            account: "acme",
            amount: try #require(Pico(amount)),
            tax: .zero,
            provider: "stripe"
        )
        let opened = try await topUps.open(order, at: now, idempotencyKey: nil)
        let name = payment ?? "pi_\(opened.id.hexadecimal)"
        let received = ReceivedPayment(
            id: name,
            provider: "stripe",
            reference: TopUpReference(account: opened.account, topUp: opened.id),
            page: nil,
            total: opened.total,
            currency: opened.currency
        )
        guard case .done(let settled) = try await topUps.settle(received, at: now) else {
            throw LedgerError(.corrupt, "it was not credited")
        }
        if let refunded {
            let standing = PaymentStanding(
                payment: name,
                provider: "stripe",
                currency: opened.currency,
                refunded: try #require(Pico(refunded))
            )
            _ = try await topUps.apply(standing, at: now)
        }
        return try #require(settled.grant)
    }

    /// A dispute of a whole payment, as it stands now.
    func dispute(_ amount: String, of payment: String, isReturned: Bool) async throws {
        let dispute = PaymentDispute(
            id: "du_\(payment)",
            amount: try #require(Pico(amount)),
            isWithdrawn: true,
            isReturned: isReturned
        )
        let standing = PaymentStanding(
            payment: payment,
            provider: "stripe",
            currency: .usd,
            disputes: [dispute]
        )
        _ = try await TopUps(database).apply(standing, at: now)
    }
}
