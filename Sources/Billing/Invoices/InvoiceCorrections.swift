import Ledger
import Schema

/// What happens to finalized invoices: credit notes and payments, each safe to repeat.
extension Invoices {
    /// Takes an invoice back, whole or in part, and returns the credit note.
    ///
    /// With an idempotency key it acts once, and a repeat returns the first note.
    ///
    /// - Throws: `.notFound`; `.refused` for what is no invoice, or above what it has left;
    ///   `.conflict` when the key came before with other content; `.invalid`.
    package func credit(
        _ credit: InvoiceCredit,
        at now: Instant,
        idempotencyKey: String? = nil
    ) async throws(LedgerError) -> StoredDocument {
        guard !credit.reason.isEmpty, credit.reason.utf8.count <= 1_000 else {
            throw LedgerError(.invalid, "a credit note needs a reason of at most 1000 bytes")
        }
        let command = IdempotentCommand(
            "invoice credit",
            key: idempotencyKey,
            content: [credit.number, credit.reason, credit.amount?.description]
        )
        let (event, grant) = (EventID.make(at: now), GrantID.make(at: now))
        return try await database.ledgerCommand { session in
            try CreditInvoice(session: session, now: now, event: event, grant: grant)
                .run(credit, command)
        }
    }

    /// Records that an invoice was paid: what is due after credit notes.
    ///
    /// - Parameter reference: whose payment it was, as the bank or the processor calls it; the same
    ///   again changes nothing.
    /// - Throws: `.notFound`; `.conflict` when it is paid by another reference, or the reference
    ///   has paid another invoice; `.refused` when nothing is due; `.invalid`.
    package func pay(
        _ number: String,
        reference: String,
        at now: Instant
    ) async throws(LedgerError) -> StoredDocument {
        guard (1...200).contains(reference.unicodeScalars.count) else {
            throw LedgerError(.invalid, "a reference has 1 to 200 characters")
        }
        let event = EventID.make(at: now)
        return try await database.ledgerCommand { session in
            try PayInvoice(session: session, now: now, event: event).run(number, reference)
        }
    }
}
