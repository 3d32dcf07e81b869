import Ledger
import Postgres
import Schema

/// Makes the receipt of a grant again, of the event that granted it and of those that took of it.
struct RemakeReceipt {
    private let session: Session
    /// What a whole stream says of grants that ended; nil where it was not read.
    private let withdrawals: [GrantID: [GrantWithdrawal]]?

    init(_ session: Session, _ withdrawals: [GrantID: [GrantWithdrawal]]?) {
        self.session = session
        self.withdrawals = withdrawals
    }

    func run(_ record: DocumentRecord) throws -> VerifyDocuments.Remade {
        guard let id = record.grant, let grant = try grant(id, record) else {
            throw LedgerError(.corrupt, "the stream has no paid grant for \(record.number)")
        }
        let document = try InvoiceDocument(
            receiptOf: grant,
            to: record.account,
            issuer: record.issuer.party,
            customer: record.profile.party,
            tax: record.taxRule
        )
        return VerifyDocuments.Remade(
            document: try record.finalize(document, session),
            differences: []
        )
    }

    /// A grant as its event tells it, less what had gone back of it when its receipt was issued; nil
    /// where the stream has no such event.
    private func grant(_ id: GrantID, _ record: DocumentRecord) throws -> PaidGrant? {
        let rows = try session.execute(
            """
            SELECT amount_pico, occurred_at, data->>'reference' AS reference
            FROM events
            WHERE account_id = \(record.account.id) AND kind = 'credit_granted'
                AND event_id = (SELECT event_id FROM grants
                    WHERE account_id = \(record.account.id) AND grant_id = \(id))
                AND data->>'kind' = 'paid' AND data->>'grant' = \(id)::text
            """
        )
        guard let row = rows.first, let paidOn = record.paidOn else { return nil }
        let postedAt = try row.get("occurred_at", as: Instant.self)
        let withdrawn = try withdrawn(id, of: record.account.id, postedAt, record.issuedAt)
        return PaidGrant(
            id: id,
            amount: try row.get("amount_pico", as: Pico.self) - withdrawn,
            postedAt: postedAt,
            date: paidOn,
            reference: try row.get("reference"),
            // Not asked: which rule its tax was by, the record says.
            taxedAt: postedAt
        )
    }

    /// What went back of a grant between two instants; with what was voided of it, and then of its
    /// rest, where it was voided.
    private func withdrawn(
        _ id: GrantID,
        of account: AccountID,
        _ first: Instant,
        _ last: Instant
    ) throws -> Pico {
        let all = try withdrawals.map { $0[id] ?? [] } ?? read(id, of: account)
        let ended = all.filter { (first...last).contains($0.occurredAt) }
        let isVoided = ended.contains { $0.kind == .creditVoided }
        return ended.filter { isVoided || $0.kind == .creditChargedBack }
            .reduce(.zero) { $0 + $1.amount }
    }

    /// Looks at all events of the account, for no index knows of grants.
    private func read(_ id: GrantID, of account: AccountID) throws -> [GrantWithdrawal] {
        try session.execute(
            """
            SELECT kind, occurred_at, -amount_pico AS amount FROM events
            WHERE account_id = \(account)
                AND kind IN ('credit_voided', 'credit_expired', 'credit_charged_back')
                AND data->>'grant' = \(id)::text
            """
        ).map { row in
            GrantWithdrawal(
                grant: id,
                occurredAt: try row.get("occurred_at"),
                kind: try row.get("kind"),
                amount: try row.get("amount")
            )
        }
    }
}
