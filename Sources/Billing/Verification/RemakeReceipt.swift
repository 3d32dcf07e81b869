import Ledger
import Postgres
import Schema

/// Makes the receipt of a grant again, of the event that granted it.
struct RemakeReceipt {
    private let session: Session

    init(_ session: Session) {
        self.session = session
    }

    func run(_ record: DocumentRecord) throws -> VerifyDocuments.Remade {
        guard let id = record.grant,
            let grant = try PaidGrant(
                inEvents: id,
                of: record.account,
                until: record.issuedAt,
                session
            )
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
        return VerifyDocuments.Remade(
            document: try record.finalize(document, session),
            differences: []
        )
    }
}

extension PaidGrant {
    /// A grant as its event tells it, less what had gone back of it before an instant; nil where the stream has no such event.
    fileprivate init?(
        inEvents id: GrantID,
        of account: AccountSummary,
        until instant: Instant,
        _ session: Session
    ) throws {
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
        let withdrawn = try Self.withdrawn(id, of: account.id, postedAt, instant, session)
        self.init(
            id: id,
            amount: try row.get("amount_pico", as: Pico.self) - withdrawn,
            postedAt: postedAt,
            date: try LocalDate.of(postedAt, account.timeZone, session),
            reference: try row.get("reference"),
            // Not asked: which rule its tax was by, the record says.
            taxedAt: postedAt
        )
    }

    /// What went back of a grant between two instants; with what was voided of it, and then of its
    /// rest, where it was voided.
    private static func withdrawn(
        _ id: GrantID,
        of account: AccountID,
        _ first: Instant,
        _ last: Instant,
        _ session: Session
    ) throws -> Pico {
        let sums = try session.execute(
            """
            SELECT coalesce(-sum(amount_pico), 0) AS withdrawn,
                coalesce(-sum(amount_pico) FILTER (WHERE kind = 'credit_charged_back'), 0)
                    AS returned,
                coalesce(bool_or(kind = 'credit_voided'), false) AS is_voided
            FROM events
            WHERE account_id = \(account)
                AND kind IN ('credit_voided', 'credit_expired', 'credit_charged_back')
                AND occurred_at BETWEEN \(first) AND \(last) AND data->>'grant' = \(id)::text
            """
        ).single()
        return try sums.get("is_voided") ? sums.get("withdrawn") : sums.get("returned")
    }
}
