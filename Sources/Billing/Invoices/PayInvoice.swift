import Ledger
import Postgres
import Schema

/// Records that an invoice was paid: what is due after credit notes, once, in one transaction
/// which its caller begins and commits.
struct PayInvoice {
    let session: Session
    let now: Instant
    /// Minted before, so that the transaction can be repeated while its outcome is unknown.
    let event: EventID

    /// The same reference again changes nothing.
    func run(_ number: String, _ reference: String) throws -> StoredDocument {
        let invoice = try CorrectedInvoice.lock(number, session)
        var stored = invoice.stored
        if let known = stored.standing.paymentReference {
            guard known == reference else {
                throw LedgerError(.conflict, "\(number) is paid already, by \(known)")
            }
            return stored
        }
        guard stored.outstanding > .zero else {
            throw LedgerError(.refused, "nothing is due for \(number)")
        }
        try requireUnused(reference, invoice.account)
        let net = stored.document.totals.net - stored.standing.creditedNet
        let act = try HeadAct(invoice.account.id, session)
        try AppendTransaction(session).runOne(
            Event(
                account: invoice.account.id,
                id: event,
                occurredAt: now,
                body: .payment(
                    Payment(
                        amount: net.pico(in: stored.document.currency),
                        invoice: number,
                        reference: reference
                    )
                )
            )
        )
        try act.record()
        _ = try session.execute(
            """
            INSERT INTO document_payments (account_id, number, event_id, reference, net, paid_at)
            VALUES (\(invoice.account.id), \(number), \(event), \(reference), \(net.count), \(now))
            """
        )
        stored.standing.paymentReference = reference
        return stored
    }

    private func requireUnused(_ reference: String, _ account: AccountSummary) throws {
        let paid = try session.execute(
            """
            SELECT number FROM document_payments
            WHERE account_id = \(account.id) AND reference = \(reference)
            """
        ).first?.get("number", as: String.self)
        guard let paid else { return }
        throw LedgerError(.conflict, "\(reference) has paid \(paid) already")
    }
}
