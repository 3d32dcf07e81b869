import Billing
import Ledger
import Schema
import Shapes

/// What happens to finalized invoices: credit notes and payments.
enum InvoiceCorrectionCommands {
    static let credit = Command(
        words: ["invoice", "credit"],
        summary: "take an invoice back, whole or in part, by a credit note",
        arguments: ["NUMBER"],
        options: [
            .value("--reason", "TEXT", "why; it stands on the note"),
            .value("--amount", "A", "with tax; all that is left by default"),
            .idempotencyKey, .database, .json,
        ],
        run: runCredit
    )
    static let paid = Command(
        words: ["invoice", "paid"],
        summary: "record that what an invoice leaves due was paid",
        arguments: ["NUMBER"],
        options: [
            .value("--reference", "TEXT", "the payment's; recorded once for each"),
            .database, .json,
        ],
        run: runPaid
    )

    private static func runCredit(_ invocation: Invocation) async throws -> CommandResult {
        guard let reason = invocation["--reason"] else { throw UsageError("--reason is missing") }
        let credit = InvoiceCredit(
            number: invocation.argument(0),
            reason: reason,
            amount: try invocation.amount(option: "--amount")
        )
        return try await CommandDatabase.with(invocation) { database in
            let note = try await Invoices(database).credit(
                credit,
                at: SystemClock.now(),
                idempotencyKey: invocation["--idempotency-key"]
            )
            let total = note.document.totals.total.decimal(in: note.document.currency)
            return CommandResult(
                text: "\(note.number) credits \(total) \(note.document.currency) of"
                    + " \(credit.number).",
                json: InvoiceSummary(stored: note).json
            )
        }
    }

    private static func runPaid(_ invocation: Invocation) async throws -> CommandResult {
        guard let reference = invocation["--reference"] else {
            throw UsageError("--reference is missing")
        }
        return try await CommandDatabase.with(invocation) { database in
            let paid = try await Invoices(database)
                .pay(invocation.argument(0), reference: reference, at: SystemClock.now())
            return CommandResult(
                text: "\(paid.number) is paid by \(reference).",
                json: InvoiceSummary(stored: paid).json
            )
        }
    }
}
