import Ledger
import Postgres
import Schema

/// A paid grant that was posted, as its receipt states it.
struct PaidGrant: Hashable, Sendable {
    let id: GrantID
    /// What was paid for and did not go back before: of a grant that was voided, what was burned.
    let amount: Pico
    let postedAt: Instant
    /// The day in the account's time zone.
    let date: CalendarDate
    let reference: String?
    /// Whose rule of tax it is under: when it was asked for at a payment's page, or posted.
    let taxedAt: Instant

    /// Grants that lack a receipt, as a condition on `grants`.
    ///
    /// One that was charged back before it had any gets none, for all its money went back; one that
    /// was voided gets one over what was burned of it, if anything, once nothing can burn any more.
    /// What a won dispute or a failed refund gave back has its own, unless it stands on the
    /// payment's: that was issued before the money was asked back.
    static let isWithoutReceipt: SQL = """
        grants.kind = 'paid' AND posted_at IS NOT NULL AND charged_back_at IS NULL
        AND returned < amount
        AND (voided_at IS NULL OR (closed_at IS NOT NULL AND withdrawn + reclaimed < amount))
        AND NOT EXISTS (
            SELECT FROM documents
            WHERE documents.account_id = grants.account_id AND documents.grant_id = grants.grant_id)
        AND NOT EXISTS (
            SELECT FROM payment_clawbacks AS clawbacks
                JOIN top_ups USING (account_id, top_up_id)
                JOIN documents ON documents.account_id = top_ups.account_id
                    AND documents.grant_id = top_ups.grant_id
            WHERE clawbacks.account_id = grants.account_id
                AND clawbacks.return_grant_id = grants.grant_id
                AND documents.issued_at < clawbacks.told_at)
        """

    /// Accounts that receipts can be issued to and are missing for, as a condition on `accounts`.
    static let accountLacksReceipt: SQL = """
        EXISTS (SELECT FROM billing_profiles AS profiles
            WHERE profiles.account_id = accounts.account_id)
        AND EXISTS (SELECT FROM grants
            WHERE grants.account_id = accounts.account_id AND \(isWithoutReceipt))
        """

    /// An account's oldest grants without a receipt.
    static func withoutReceipt(
        of account: AccountSummary,
        limit: Int64,
        _ session: Session
    ) throws -> [PaidGrant] {
        try session.execute(
            """
            SELECT grant_id, posted_at, reference,
                amount - CASE WHEN voided_at IS NULL THEN returned ELSE withdrawn + reclaimed END
                    AS amount,
                coalesce((
                    SELECT min(opened_at) FROM top_ups
                        LEFT JOIN payment_clawbacks AS clawbacks USING (account_id, top_up_id)
                    WHERE top_ups.account_id = grants.account_id
                        AND grants.grant_id IN (top_ups.grant_id, clawbacks.return_grant_id)
                ), posted_at) AS taxed_at
            FROM grants
            WHERE account_id = \(account.id) AND \(isWithoutReceipt)
            ORDER BY posted_at, grant_id LIMIT \(limit)
            """
        ).map { try PaidGrant($0, account, session) }
    }
}

extension PaidGrant {
    fileprivate init(_ row: Row, _ account: AccountSummary, _ session: Session) throws {
        id = try row.get("grant_id")
        amount = try row.get("amount")
        postedAt = try row.get("posted_at")
        date = try LocalDate.of(postedAt, account.timeZone, session)
        reference = try row.get("reference")
        taxedAt = try row.get("taxed_at")
    }
}

extension InvoiceDocument {
    /// The receipt of a grant, without a number: what was paid for is taxed here, and on no invoice.
    ///
    /// Pure: the same facts make the same document, and so the same bytes.
    init(
        receiptOf grant: PaidGrant,
        to account: AccountSummary,
        issuer: DocumentParty,
        customer: DocumentParty,
        tax: TaxRule?
    ) throws(LedgerError) {
        guard let shown = LargestRemainder([grant.amount], in: account.currency) else {
            throw LedgerError(.invalid, "the grant is beyond what a document can state")
        }
        let taxes = tax.map { [$0.tax(on: shown.total)] } ?? []
        self.init(
            kind: .receipt,
            account: account.slug,
            currency: account.currency,
            timeZone: account.timeZone,
            issuer: issuer,
            customer: customer,
            totals: DocumentTotals(
                exact: grant.amount,
                subtotal: shown.total,
                tax: taxes.reduce(.zero) { $0 + $1.amount },
                residue: shown.residue
            )
        )
        self.taxes = taxes
        lines = [DocumentLine(item: .credit, quantity: 1, exact: grant.amount, amount: shown.total)]
        payment = DocumentPayment(
            grant: grant.id.description,
            paidAt: grant.postedAt,
            date: grant.date,
            reference: grant.reference
        )
    }
}
