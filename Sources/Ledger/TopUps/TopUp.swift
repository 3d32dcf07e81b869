import Postgres
import Schema

package enum TopUpEntity {}
package typealias TopUpID = Identifier<TopUpEntity>

/// Credit that an account buys by itself at a payment provider's page, and what became of it.
package struct TopUp: Hashable, Sendable {
    package enum Status: String, CaseIterable, Sendable {
        /// Nobody has paid yet, as far as is known.
        case pending
        /// Paid, and in the balance.
        case credited
        /// The page ended and nobody had paid.
        case expired
    }

    /// Where somebody can pay.
    package struct Page: Hashable, Sendable {
        /// The provider's name of it.
        package let id: String
        package let url: String

        package init(id: String, url: String) {
            self.id = id
            self.url = url
        }
    }

    package let id: TopUpID
    package let account: AccountID
    package let slug: String
    package let currency: Currency
    package let provider: String
    /// What is credited.
    package let amount: Pico
    /// What is asked for besides.
    package let tax: Pico
    package let openedAt: Instant
    package let expiresAt: Instant
    /// Nil until the provider has answered.
    package let page: Page?
    package let endedAt: Instant?
    /// The provider's name of the payment: the reference of the grant.
    package let payment: String?
    package let paidAt: Instant?
    package let grant: GrantID?
    /// What of the total went back to whoever paid.
    package let refunded: Pico
    /// What of the total was to go back and did not, for its refunds failed at the provider.
    package let refundFailed: Pico
    /// Whether the provider failed when it was last asked for the page, so that there is none.
    package let isPageMissing: Bool
    /// What disputes took of the balance and did not give back.
    package let disputed: Pico

    /// What is asked for.
    package var total: Pico { amount + tax }

    package var status: Status {
        if payment != nil { return .credited }
        return endedAt == nil ? .pending : .expired
    }

    /// The part of the credit that stands for a part of the total, which has the tax in it.
    func credit(for part: Pico) -> Pico {
        let (amount, total) = (amount.units.magnitude, total.units.magnitude)
        let part = min(part.clampedToZero.units.magnitude, total)
        let product = amount.multipliedFullWidth(by: part)
        // The quotient fits, for the part is no more than the total.
        return Pico(Int128(total.dividingFullWidth(product).quotient))
    }
}

extension TopUp {
    static let query: SQL = """
        SELECT top_ups.*, accounts.slug, accounts.currency,
            coalesce(clawbacks.disputed, 0)::numeric(38,0) AS disputed,
            coalesce(clawbacks.refund_failed, 0)::numeric(38,0) AS refund_failed
        FROM top_ups JOIN accounts USING (account_id)
            CROSS JOIN LATERAL (
                SELECT sum(taken) FILTER (WHERE kind = 'dispute' AND returned_at IS NULL)
                        AS disputed,
                    sum(payment_clawbacks.amount)
                        FILTER (WHERE kind = 'refund' AND returned_at IS NOT NULL)
                        AS refund_failed
                FROM payment_clawbacks
                WHERE payment_clawbacks.account_id = top_ups.account_id
                    AND payment_clawbacks.top_up_id = top_ups.top_up_id
            ) AS clawbacks
        """

    init(_ row: Row) throws(PostgresError) {
        id = try row.get("top_up_id")
        account = try row.get("account_id")
        slug = try row.get("slug")
        currency = try row.get("currency")
        provider = try row.get("provider")
        amount = try row.get("amount")
        tax = try row.get("tax")
        openedAt = try row.get("opened_at")
        expiresAt = try row.get("expires_at")
        if let pageID = try row.get("page_id", as: String?.self),
            let url = try row.get("page_url", as: String?.self)
        {
            page = Page(id: pageID, url: url)
        } else {
            page = nil
        }
        endedAt = try row.get("ended_at")
        payment = try row.get("payment_id")
        paidAt = try row.get("paid_at")
        grant = try row.get("grant_id")
        refunded = try row.get("refunded")
        refundFailed = try row.get("refund_failed")
        let failedAt = try row.get("page_failed_at", as: Instant?.self)
        isPageMissing = page == nil && failedAt != nil
        disputed = try row.get("disputed")
    }

    static func read(
        _ id: TopUpID,
        of account: AccountID,
        _ session: Session
    ) throws -> TopUp? {
        try session.execute(
            "\(query) WHERE account_id = \(account) AND top_up_id = \(id)"
        ).first.map { try TopUp($0) }
    }
}
