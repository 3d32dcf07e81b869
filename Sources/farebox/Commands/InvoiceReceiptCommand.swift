import Billing
import Ledger
import Schema
import Shapes

/// The receipts of paid grants.
enum InvoiceReceiptCommand {
    static let receipts = Command(
        words: ["invoice", "receipts"],
        summary: "finalize the receipts that paid grants lack, and show them",
        options: [
            .value("--account", "SLUG", "one account; all with billing details by default"),
            .database, .json,
        ],
        run: run
    )

    private static func run(_ invocation: Invocation) async throws -> CommandResult {
        try await CommandDatabase.with(invocation) { database in
            let (invoices, now) = (Invoices(database), SystemClock.now())
            var report = Invoices.CloseReport()
            if let slug = invocation["--account"] {
                report.documents = try await invoices.issueReceipts(slug, at: now)
            } else {
                report = try await invoices.issueAllReceipts(at: now)
            }
            var result = InvoiceSummary.result(report.documents.map(InvoiceSummary.init(stored:)))
            for (account, error) in report.failures {
                result.text += "\nreceipts of \(account) could not be made: \(error.explanation)"
                result.exitCode = 1
            }
            return result
        }
    }
}
