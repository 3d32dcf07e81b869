import Billing
import Ledger
import Schema

/// `farebox invoice export`: finalized documents to take away.
enum InvoiceExportCommand {
    static let all = [
        Command(
            words: ["invoice", "export"],
            summary: "write a finalized document, or its calls, in a format to take away",
            arguments: ["NUMBER"],
            options: [
                .value("--format", "json|csv|pdf|ubl", "what to write"),
                .value("--output", "FILE", "where; standard output by default"),
                .flag("--calls", "with csv: a record for each call instead of each line"),
                .database,
            ],
            run: export
        )
    ]

    private static func export(_ invocation: Invocation) async throws -> CommandResult {
        let format = try format(invocation)
        let output = try OutputFile(invocation["--output"], isText: format != .pdf)
        do {
            try await CommandDatabase.with(invocation) { database in
                let (invoices, number) = (Invoices(database), invocation.argument(0))
                guard invocation.has("--calls") else {
                    let export = try await invoices.export(of: number)
                    return try output.write(try export.bytes(format))
                }
                var pages = try await invoices.calls(of: number)
                while let page = try await pages.next() { try output.write(Array(page.utf8)) }
            }
            try output.finish()
        } catch {
            output.discard()
            throw error
        }
        return .silent
    }

    private static func format(_ invocation: Invocation) throws -> InvoiceExport.Format {
        guard let name = invocation["--format"] else { throw UsageError("--format is missing") }
        guard let format = InvoiceExport.Format(rawValue: name) else {
            throw UsageError("--format is json, csv, pdf or ubl, not \"\(name)\"")
        }
        guard format == .csv || !invocation.has("--calls") else {
            throw UsageError("--calls is for --format csv")
        }
        return format
    }
}
