import Postgres
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

    /// A top-up that the provider has still to make a page for.
    func begin(_ amount: Int64 = 100, tax: Int64 = 0, key: String? = nil) async throws -> TopUp {
        let order = TopUps.Order(
            account: CreditStage.slug,
            amount: Pico(Int128(amount)),
            tax: Pico(Int128(tax)),
            provider: "stripe"
        )
        return try await topUps.open(order, at: credit.now, idempotencyKey: key)
    }

    /// A top-up with a page.
    func open(_ amount: Int64 = 100, tax: Int64 = 0, key: String? = nil) async throws -> TopUp {
        let opened = try await begin(amount, tax: tax, key: key)
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

    /// A refund by its name, as it stands now.
    @discardableResult
    func refund(
        _ amount: Int64,
        _ id: String = "re_1",
        of payment: String = "pi_1",
        failed: Bool = false
    ) async throws -> PaymentEffect {
        try await apply(
            PaymentClawback(
                .refund,
                id: id,
                amount: Pico(Int128(amount)),
                isWithdrawn: true,
                isReturned: failed
            ),
            of: payment
        )
    }

    @discardableResult
    func dispute(
        _ amount: Int64,
        returned: Bool = false,
        withdrawn: Bool = true
    ) async throws -> PaymentEffect {
        try await apply(
            PaymentClawback(
                .dispute,
                id: "du_1",
                amount: Pico(Int128(amount)),
                isWithdrawn: withdrawn,
                isReturned: returned
            ),
            of: "pi_1"
        )
    }

    private func apply(
        _ clawback: PaymentClawback,
        of payment: String
    ) async throws -> PaymentEffect {
        try await topUps.apply(
            PaymentStanding(
                payment: payment,
                provider: "stripe",
                currency: .usd,
                clawbacks: [clawback]
            ),
            at: credit.now
        )
    }

    /// The kinds of the alerts that were written, by name, and what the last one says: those of one
    /// instant have no order.
    func alerts() async throws -> (kinds: [String], last: String?) {
        let rows = try await credit.ledger.service.read { session in
            try session.execute("SELECT kind, body FROM webhook_messages ORDER BY kind, message_id")
                .map { row in
                    (
                        kind: try row.get("kind", as: String.self),
                        body: try row.get("body", as: String.self)
                    )
                }
        }
        return (rows.map(\.kind), rows.last?.body)
    }

    func balance() async throws -> Pico { try await credit.head().balance }
}
