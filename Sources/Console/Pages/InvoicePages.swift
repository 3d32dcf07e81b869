import Billing
import Ledger
import Schema
import Shapes

/// Documents: all of them, one account's with its open month, and one whole.
enum InvoicePages {
    static let routes: [PageRoute] = [
        .get("invoices", "invoices", all),
        .post("invoices", "invoice close", .moveMoney, close),
        .get("accounts/{account}/invoices", "invoices of an account", ofAccount),
        .get("accounts/{account}/invoices/{number}", "invoice", one),
        .get("accounts/{account}/invoices/{number}/{format}", "invoice export", export),
        .post("accounts/{account}/invoices/{number}/credit", "invoice credit", .moveMoney, credit),
        .post("accounts/{account}/invoices/{number}/payment", "invoice paid", .moveMoney, pay),
    ]
    private static let shownMax = 500

    // MARK: Lists

    private static func all(_ call: PageCall) async throws -> PageAnswer {
        let month = try month(call.query["month"])
        let documents = try await call.services.invoices.list(month: month)
        let summaries = documents.suffix(shownMax).reversed().map(InvoiceSummary.init(stored:))
        let filter: HTML = """
            <form method="get" action="/invoices">
            \(HTMLForm.text("month", "Month", type: "month", value: call.query["month"] ?? ""))
            <button>Show</button></form>
            """
        var content = filter + table("Documents, the newest first", summaries).html
        if call.may(.moveMoney) { content = content + "<h2>Close a month</h2>\(closeForm(call))" }
        return .page(title: "Invoices", content + ExportPages.section(call))
    }

    private static func ofAccount(_ call: PageCall) async throws -> PageAnswer {
        let account = try await call.services.accounts.show(call.account)
        let documents = try await call.services.invoices.list(account: account.slug)
        let summaries = documents.suffix(shownMax).reversed().map(InvoiceSummary.init(stored:))
        let draft = try await call.services.invoices.draft(
            account.slug,
            at: call.services.now()
        )
        let open: HTML? = draft.map { draft in
            """
            <h2>This month so far</h2>\(totals(draft))\(lines(draft).html)
            """
        }
        return .page(
            title: "Invoices of \(account.name)",
            """
            \(table("Documents, the newest first", summaries).html)\(open)\(ExportPages.section(call))
            <p><a href="/accounts/\(account.slug)">The account</a></p>
            """
        )
    }

    private static func table(_ caption: String, _ summaries: [InvoiceSummary]) -> HTMLTable {
        var table = HTMLTable(
            caption,
            .text("Number"),
            .text("Account"),
            .text("Month"),
            .text("Kind"),
            .text("Status"),
            .number("Total"),
            .number("Outstanding"),
            .text("Currency")
        )
        table.nothing = "No document yet: months are closed when they are over."
        table.rows = summaries.map { summary in
            let (document, currency) = (summary.document, summary.document.currency)
            let number = document.number ?? ""
            return [
                "<a href=\"\(path(document.account, number))\">\(number)</a>",
                "\(document.account)", "\(document.period?.month.description ?? "–")",
                "\(words(document.kind.rawValue))", "\(words(summary.status))",
                "\(document.totals.total.decimal(in: currency))",
                "\(summary.outstanding.decimal(in: currency))", "\(currency.code)",
            ]
        }
        return table
    }

    private static func closeForm(_ call: PageCall) -> HTML {
        HTMLForm(
            action: "/invoices",
            csrf: call.csrf,
            button: "Close and finalize",
            fields: [HTMLForm.text("month", "Month", type: "month", isRequired: true)]
        ).html
    }

    private static func close(_ call: PageCall) async throws -> PageAnswer {
        guard let month = try month(call.field("month")) else {
            throw Problem(422, "which month is to be closed?")
        }
        let report = try await call.services.invoices.closeAll(
            through: month,
            at: call.services.now()
        )
        guard !report.failures.isEmpty else { return .redirect("/invoices?month=\(month)") }
        var table = HTMLTable("Accounts that could not be closed", .text("Account"), .text("Why"))
        table.rows = report.failures.map { ["\($0.account)", "\($0.error.message)"] }
        return .page(
            title: "\(report.documents.count) documents made",
            "\(table.html)<p><a href=\"/invoices?month=\(month.description)\">The documents</a></p>"
        )
    }

    // MARK: One document

    private static func one(_ call: PageCall) async throws -> PageAnswer {
        let stored = try await own(call)
        let document = stored.document
        let path = path(document.account, stored.number)
        let exports = InvoiceExport.Format.allCases.map { format -> HTML in
            " · <a href=\"\(path)/\(format.rawValue)\">\(format.rawValue.uppercased())</a>"
        }
        let corrects: HTML? = document.corrects.map { reference in
            """
            <p>It corrects <a href="\(self.path(document.account, reference.number))">\
            \(reference.number)</a>: \(document.reason ?? "").</p>
            """
        }
        return .page(
            title: stored.number,
            """
            <p>\(words(document.kind.rawValue)) for \(document.customer.legalName), by
            \(document.issuer.legalName); \(words(stored.status.rawValue)).
            <a href="/accounts/\(document.account)/invoices">All of the account</a>\(exports)</p>
            \(corrects)\(totals(document))\(lines(document).html)\(acts(stored, call))
            <p class="quiet">SHA-256 <code>\(stored.sha256)</code></p>
            """
        )
    }

    private static func totals(_ document: InvoiceDocument) -> HTML {
        let (totals, currency) = (document.totals, document.currency)
        let all: [(String, MinorUnits?)] = [
            ("Usage, \(currency.code)", totals.subtotal),
            ("Covered by credit", totals.creditsApplied),
            ("Charged back or corrected", totals.debts), ("Tax", totals.tax),
            ("Total", totals.total), ("Due", totals.due),
        ]
        return figures(
            all.compactMap { name, amount in amount.map { (name, "\($0.decimal(in: currency))") } }
        )
    }

    private static func lines(_ document: InvoiceDocument) -> HTMLTable {
        var table = HTMLTable(
            "Lines",
            .text("Project"),
            .text("Item"),
            .text("Month"),
            .number("Quantity"),
            .number("Price"),
            .number("Amount")
        )
        table.nothing = "Nothing was used."
        table.rows = document.lines.map { line in
            [
                "\(line.project)", "\(line.description)",
                "\(line.serviceMonth?.description ?? "")", "\(line.quantity)",
                "\(line.unitPrice?.description ?? "")",
                "\(line.amount.decimal(in: document.currency))",
            ]
        }
        return table
    }

    /// What can still be done with an invoice, by whoever may.
    private static func acts(_ stored: StoredDocument, _ call: PageCall) -> HTML {
        guard call.may(.moveMoney), stored.document.kind == .invoice else { return .empty }
        let path = path(stored.document.account, stored.number)
        var acts = HTML.empty
        if stored.outstanding > .zero {
            acts =
                HTMLForm(
                    action: "\(path)/payment",
                    csrf: call.csrf,
                    button: "Mark as paid",
                    fields: [HTMLForm.text("reference", "Reference", isRequired: true)]
                ).html
        }
        guard stored.status != .credited else { return acts }
        let once = EventID.make(at: call.services.now()).description
        return acts
            + HTMLForm(
                action: "\(path)/credit",
                csrf: call.csrf,
                button: "Make credit note",
                fields: [
                    "<input type=\"hidden\" name=\"once\" value=\"\(once)\">",
                    HTMLForm.text("amount", "Amount with tax", hint: "all that is left"),
                    HTMLForm.text("reason", "Reason", isRequired: true),
                ]
            ).html
    }

    private static func credit(_ call: PageCall) async throws -> PageAnswer {
        let invoice = try await own(call)
        let note = try await call.services.invoices.credit(
            InvoiceCredit(
                number: invoice.number,
                reason: call.field("reason") ?? "",
                amount: call.field("amount") == nil ? nil : try call.amount("amount")
            ),
            at: call.services.now(),
            idempotencyKey: call.field("once")
        )
        return .redirect(path(call.account, note.number))
    }

    private static func pay(_ call: PageCall) async throws -> PageAnswer {
        let invoice = try await own(call)
        _ = try await call.services.invoices.pay(
            invoice.number,
            reference: call.field("reference") ?? "",
            at: call.services.now()
        )
        return .redirect(path(call.account, invoice.number))
    }

    private static func export(_ call: PageCall) async throws -> PageAnswer {
        guard let format = InvoiceExport.Format(rawValue: call.places["format"] ?? "") else {
            throw Problem(404, "there is no such format")
        }
        let invoice = try await own(call)
        let bytes: [UInt8]
        do {
            bytes = try await call.services.invoices.export(of: invoice.number).bytes(format)
        } catch let error as ExportError {
            throw Problem(422, error.description)
        }
        let name = invoice.number.replacing("/", with: "-")
        return .file(name: "\(name).\(format.suffix)", type: format.mediaType, bytes)
    }

    private static func own(_ call: PageCall) async throws -> StoredDocument {
        try await call.services.invoices.own(call.places["number"] ?? "", of: call.account)
    }

    private static func path(_ account: String, _ number: String) -> String {
        "/accounts/\(account)/invoices/\(PercentCoding.encode(number))"
    }

    private static func month(_ text: String?) throws -> Month? {
        guard let text, !text.isEmpty else { return nil }
        guard let month = Month(text) else {
            throw Problem(422, "a month is written such as 2026-11")
        }
        return month
    }
}

extension InvoiceExport.Format {
    fileprivate var suffix: String { self == .ubl ? "xml" : rawValue }

    fileprivate var mediaType: String {
        switch self {
        case .json: "application/json"
        case .csv: "text/csv; charset=utf-8"
        case .pdf: "application/pdf"
        case .ubl: "application/xml"
        }
    }
}
