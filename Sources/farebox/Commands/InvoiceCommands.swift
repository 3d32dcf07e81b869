import Billing
import Ledger
import Schema
import Shapes

/// Months and their documents.
enum InvoiceCommands {
    static let all = [
        Command(
            words: ["invoice", "draft"],
            summary: "show what a month's documents would be now; nothing is written",
            options: [
                .value("--month", "YYYY-MM", "the month"),
                .value("--account", "SLUG", "one account; all by default"),
                .database, .json,
            ],
            run: draft
        ),
        Command(
            words: ["invoice", "close"],
            summary: "close a month and every open one before, and finalize their documents",
            options: [
                .value("--month", "YYYY-MM", "the month, which must be over"),
                .value("--account", "SLUG", "one account; all with billing details by default"),
                .database, .json,
            ],
            run: close
        ),
        Command(
            words: ["invoice", "list"],
            summary: "show finalized documents",
            options: [
                .value("--account", "SLUG", "of one account"),
                .value("--month", "YYYY-MM", "of one month"), .database, .json,
            ],
            run: list
        ),
        Command(
            words: ["invoice", "show"],
            summary: "show a finalized document whole",
            arguments: ["NUMBER"],
            options: [.database, .json],
            run: show
        ),
        InvoiceReceiptCommand.receipts,
        InvoiceCorrectionCommands.credit,
        InvoiceCorrectionCommands.paid,
    ]

    private static func month(_ invocation: Invocation) throws -> Month {
        guard let text = invocation["--month"] else { throw UsageError("--month is missing") }
        guard let month = Month(text) else {
            throw UsageError("--month is a month such as 2026-11, not \"\(text)\"")
        }
        return month
    }

    private static func draft(_ invocation: Invocation) async throws -> CommandResult {
        let month = try month(invocation)
        return try await CommandDatabase.with(invocation) { database in
            let invoices = Invoices(database)
            let slugs: [String]
            if let slug = invocation["--account"] {
                slugs = [slug]
            } else {
                slugs = try await Accounts(database).list().map(\.slug)
            }
            var drafts: [InvoiceSummary] = []
            for slug in slugs {
                do throws(LedgerError) {
                    let draft = try await invoices.draft(slug, month, at: SystemClock.now())
                    if let draft { drafts.append(try InvoiceSummary(draft: draft)) }
                } catch {
                    // An account whose month is closed has no draft; asked for alone, it says so.
                    guard slugs.count > 1, error.code == .refused else { throw error }
                }
            }
            return InvoiceSummary.result(drafts)
        }
    }

    private static func close(_ invocation: Invocation) async throws -> CommandResult {
        let month = try month(invocation)
        return try await CommandDatabase.with(invocation) { database in
            let (invoices, now) = (Invoices(database), SystemClock.now())
            var report = Invoices.CloseReport()
            if let slug = invocation["--account"] {
                _ = try await invoices.close(slug, through: month, at: now)
            } else {
                report = try await invoices.closeAll(through: month, at: now)
            }
            // What stands for the month, whether this run has made it or an earlier one.
            let closed = try await invoices.list(account: invocation["--account"], month: month)
            var result = InvoiceSummary.result(closed.map(InvoiceSummary.init(stored:)))
            for (account, error) in report.failures {
                result.text += "\n\(account) could not be closed: \(error.explanation)"
                result.exitCode = 1
            }
            return result
        }
    }

    private static func list(_ invocation: Invocation) async throws -> CommandResult {
        let month = invocation["--month"] == nil ? nil : try month(invocation)
        return try await CommandDatabase.with(invocation) { database in
            if let slug = invocation["--account"] { _ = try await Accounts(database).show(slug) }
            let documents = try await Invoices(database)
                .list(account: invocation["--account"], month: month)
            return InvoiceSummary.result(documents.map(InvoiceSummary.init(stored:)))
        }
    }

    private static func show(_ invocation: Invocation) async throws -> CommandResult {
        try await CommandDatabase.with(invocation) { database in
            let stored = try await Invoices(database).show(invocation.argument(0))
            let bytes = try DocumentEncoding.encode(stored.document)
            return CommandResult(
                text: InvoiceText(stored).text,
                json: .raw(String(decoding: bytes, as: UTF8.self))
            )
        }
    }
}

extension InvoiceSummary {
    static func result(_ summaries: [InvoiceSummary]) -> CommandResult {
        var table = Table(
            .left("NUMBER"),
            .left("ACCOUNT"),
            .left("MONTH"),
            .left("KIND"),
            .left("STATUS"),
            .right("SUBTOTAL"),
            .right("CREDITS"),
            .right("TAX"),
            .right("DUE"),
            .right("OUTSTANDING"),
            .left("CURRENCY")
        )
        for summary in summaries {
            let (document, totals) = (summary.document, summary.document.totals)
            let amounts = [
                totals.subtotal, totals.creditsApplied, totals.tax, totals.due,
                summary.outstanding,
            ].map { $0.decimal(in: document.currency) }
            table.rows.append(
                [
                    document.number ?? "", document.account,
                    document.period?.month.description ?? "", document.kind.rawValue,
                    summary.status,
                ] + amounts + [document.currency.code]
            )
        }
        return CommandResult(text: table.text, json: .array(summaries.map(\.json)))
    }
}

/// A document for people to read in a terminal.
struct InvoiceText {
    let text: String

    init(_ stored: StoredDocument) {
        let (document, currency) = (stored.document, stored.document.currency)
        var table = Table(
            .left("PROJECT"),
            .left("ITEM"),
            .left("MONTH"),
            .right("QUANTITY"),
            .right("PRICE"),
            .right("AMOUNT")
        )
        for line in document.lines {
            table.rows.append([
                line.project, line.description, line.serviceMonth?.description ?? "",
                String(line.quantity), line.unitPrice?.description ?? "",
                line.amount.decimal(in: currency),
            ])
        }
        let totals = document.totals
        let named: [(String, MinorUnits?)] = [
            ("subtotal", totals.subtotal), ("credits applied", totals.creditsApplied),
            ("debts", totals.debts), ("tax", totals.tax), ("total", totals.total),
            ("due", totals.due),
        ]
        let figures = named.compactMap { name, amount in
            amount.map { "\(name) \($0.decimal(in: currency))" }
        }
        text =
            "\(document.kind.rawValue) \(stored.number) for \(document.customer.legalName)"
            + ", by \(document.issuer.legalName)\n"
            + "\(document.period.map { "month \($0.month), " } ?? "")"
            + "issued \(document.issueDate?.description ?? "")"
            + "\(document.dueDate.map { ", due \($0)" } ?? "")\n\n\(table.text)\n"
            + figures.joined(separator: ", ") + " \(currency.code)\n\(Self.standing(of: stored))\n"
            + "sha256 \(stored.sha256)"
    }
    private static func standing(of stored: StoredDocument) -> String {
        let currency = stored.document.currency
        var parts = [stored.status.rawValue.split(separator: "_").joined(separator: " ")]
        if let corrected = stored.document.corrects { parts.append("corrects \(corrected.number)") }
        if stored.standing.credited > .zero {
            parts.append("credited \(stored.standing.credited.decimal(in: currency))")
        }
        if let reference = stored.standing.paymentReference { parts.append("by \(reference)") }
        if stored.outstanding > .zero {
            parts.append("outstanding \(stored.outstanding.decimal(in: currency))")
        }
        return parts.joined(separator: ", ")
    }
}
