import Ledger
import Postgres
import Schema

/// Makes a credit note again: its amount parted anew as what its invoice had left after the notes
/// before it, and against the event that moved the balance.
///
/// What was asked to be credited, with tax, stands on the note alone.
struct RemakeCreditNote {
    private let session: Session

    init(_ session: Session) {
        self.session = session
    }

    func run(_ record: DocumentRecord) throws -> VerifyDocuments.Remade {
        guard let number = record.corrects else {
            throw LedgerError(.corrupt, "\(record.number) corrects nothing")
        }
        let invoice = try DocumentEncoding.decode(try Invoices.stored(number, session).bytes)
        guard let split = try split(record, of: invoice) else {
            throw LedgerError(.corrupt, "\(number) had less left than \(record.number) credits")
        }
        let event = try Posting(record, session)
        // A note of a paid invoice has its reason on itself alone.
        let stored = try? DocumentEncoding.decode(record.body)
        let reason = event?.reason ?? stored?.reason ?? ""
        let draft = CreditInvoice.document(split, of: invoice, reason)
        let document = try record.finalize(draft, session)
        return VerifyDocuments.Remade(
            document: document,
            differences: differences(event, document)
        )
    }

    private func split(
        _ record: DocumentRecord,
        of invoice: InvoiceDocument
    ) throws -> CreditSplit? {
        let before = try session.execute(
            """
            SELECT coalesce(sum(net), 0)::bigint AS net, coalesce(sum(tax), 0)::bigint AS tax
            FROM documents WHERE account_id = \(record.account.id)
                AND corrects = \(record.corrects)
                AND (year < \(record.year)
                    OR (year = \(record.year) AND sequence < \(record.sequence)))
            """
        ).single()
        return CreditSplit(
            record.net + record.tax,
            ofNet: invoice.totals.net - MinorUnits(try before.get("net")),
            tax: invoice.totals.tax - MinorUnits(try before.get("tax"))
        )
    }

    private func differences(
        _ event: Posting?,
        _ document: InvoiceDocument
    ) -> [DocumentDifference] {
        let amount = document.totals.net.pico(in: document.currency)
        return [
            DocumentDifference(
                of: "events.amount",
                stored: event.map { "\($0.amount)" },
                recomputed: "\(amount)"
            ),
            DocumentDifference(
                of: "events.number",
                stored: event?.number,
                recomputed: document.number
            ),
        ].compactMap(\.self)
    }

    /// The event of a note: a credit note, or a paid grant where its invoice was paid.
    private struct Posting {
        let amount: Pico
        /// The note's number, as the event tells it.
        let number: String?
        let reason: String?

        init?(_ record: DocumentRecord, _ session: Session) throws {
            let rows = try session.execute(
                """
                SELECT amount_pico, coalesce(data->>'number', data->>'reference') AS number,
                    data->>'reason' AS reason
                FROM events
                WHERE account_id = \(record.account.id) AND event_id = \(record.event)
                """
            )
            guard let row = rows.first else { return nil }
            amount = try row.get("amount_pico")
            number = try row.get("number")
            reason = try row.get("reason")
        }
    }
}
