import Billing
import Ledger
import Postgres
import Schema

/// `farebox journal export` and `farebox export`: months for the programs of finance.
enum ExportCommands {
    static let all = [
        Command(
            words: ["journal", "export"],
            summary: "write the general ledger of a month as comma-separated values",
            options: [
                month, account,
                .value(
                    "--form",
                    "entries|balances",
                    "each entry, exact (default), or what each account of the ledger moved by"
                ),
                output, .database,
            ],
            run: exportJournal
        ),
        Command(
            words: ["export", "focus"],
            summary: "write costs and usage of a month by FOCUS 1.0 as comma-separated values",
            options: [month, account, output, .database],
            run: exportFocus
        ),
    ]

    private static let month = Command.Option.value("--month", "YYYY-MM", "which month")
    private static let account = Command.Option.value("--account", "SLUG", "of this account only")
    private static let output = Command.Option.value(
        "--output",
        "FILE",
        "where; standard output by default"
    )

    private static func exportJournal(_ invocation: Invocation) async throws -> CommandResult {
        let month = try requiredMonth(invocation)
        let form = try form(invocation)
        return try await export(invocation) { database, write in
            try await GeneralLedger(database).export(
                month,
                of: invocation["--account"],
                as: form,
                at: SystemClock.now(),
                to: write
            )
        }
    }

    private static func exportFocus(_ invocation: Invocation) async throws -> CommandResult {
        let month = try requiredMonth(invocation)
        return try await export(invocation) { database, write in
            try await FocusExport(database).export(
                month,
                of: invocation["--account"],
                at: SystemClock.now(),
                to: write
            )
        }
    }

    /// Writes what the body gives, whole or not at all.
    private static func export(
        _ invocation: Invocation,
        _ body: (Database, (String) async throws -> Void) async throws -> Void
    ) async throws -> CommandResult {
        let output = try OutputFile(invocation["--output"], isText: true)
        do {
            try await CommandDatabase.with(invocation) { database in
                try await body(database) { text in try output.write(Array(text.utf8)) }
            }
            try output.finish()
        } catch {
            output.discard()
            throw error
        }
        return .silent
    }

    private static func requiredMonth(_ invocation: Invocation) throws -> Month {
        guard let text = invocation["--month"] else { throw UsageError("--month is missing") }
        guard let month = Month(text) else {
            throw UsageError("--month must be a month such as 2026-11, not \"\(text)\"")
        }
        return month
    }

    private static func form(_ invocation: Invocation) throws -> GeneralLedger.Form {
        guard let name = invocation["--form"] else { return .entries }
        guard let form = GeneralLedger.Form(rawValue: name) else {
            throw UsageError("--form is entries or balances, not \"\(name)\"")
        }
        return form
    }
}
