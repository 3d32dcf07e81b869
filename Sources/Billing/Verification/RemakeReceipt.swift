import Ledger
import Postgres
import Schema

/// Makes the receipt of a grant again, of the event that granted it.
struct RemakeReceipt {
    private let session: Session

    init(_ session: Session) {
        self.session = session
    }

    func run(_ record: DocumentRecord) throws -> VerifyDocument.Remade {
        guard let id = record.grant,
            let grant = try PaidGrant(inEvents: id, of: record.account, session)
        else {
            throw LedgerError(.corrupt, "the stream has no paid grant for \(record.number)")
        }
        let document = try InvoiceDocument(
            receiptOf: grant,
            to: record.account,
            issuer: record.issuer.party,
            customer: record.profile.party,
            tax: record.taxRule
        )
        return VerifyDocument.Remade(
            document: try record.finalize(document, session),
            differences: []
        )
    }
}

extension PaidGrant {
    /// A grant as its event tells it; nil where the stream has no such event.
    fileprivate init?(inEvents id: GrantID, of account: AccountSummary, _ session: Session) throws {
        let rows = try session.execute(
            """
            SELECT amount_pico, occurred_at, data->>'reference' AS reference
            FROM events
            WHERE account_id = \(account.id) AND kind = 'credit_granted'
                AND event_id = (SELECT event_id FROM grants
                    WHERE account_id = \(account.id) AND grant_id = \(id))
                AND data->>'kind' = 'paid' AND data->>'grant' = \(id)::text
            """
        )
        guard let row = rows.first else { return nil }
        let postedAt = try row.get("occurred_at", as: Instant.self)
        self.init(
            id: id,
            amount: try row.get("amount_pico"),
            postedAt: postedAt,
            date: try LocalDate.of(postedAt, account.timeZone, session),
            reference: try row.get("reference")
        )
    }
}
