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
        if let refunded { try await refund(refunded, of: name) }
        return try #require(settled.grant)
    }

    /// A refund of a payment, as it stands now.
    func refund(_ amount: String, of payment: String, hasFailed: Bool = false) async throws {
        let name = "re_\(payment)"
        try await tell(.refund, name, amount, of: payment, isReturned: hasFailed)
    }

    /// A dispute of a payment, as it stands now.
    func dispute(_ amount: String, of payment: String, isReturned: Bool) async throws {
        try await tell(.dispute, "du_\(payment)", amount, of: payment, isReturned: isReturned)
    }

    private func tell(
        _ kind: PaymentClawback.Kind,
        _ id: String,
        _ amount: String,
        of payment: String,
        isReturned: Bool
    ) async throws {
        let clawback = PaymentClawback(
            kind,
            id: id,
            amount: try #require(Pico(amount)),
            isWithdrawn: true,
            isReturned: isReturned
        )
        let standing = PaymentStanding(
            payment: payment,
            provider: "stripe",
            currency: .usd,
            clawbacks: [clawback]
        )
        _ = try await TopUps(database).apply(standing, at: now)
    }
}
