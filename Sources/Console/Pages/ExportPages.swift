import Billing
import Ledger
import Schema

/// A month taken away: a section of the pages of invoices, and the files behind it.
enum ExportPages {
    static let routes: [PageRoute] = [
        .get("exports/focus", "export focus", access: .takeUsage) { call in
            .stream(try ExportOperations.focus(call.month, of: nil, call.services))
        },
        .get("accounts/{account}/exports/focus", "export focus", access: .takeUsage) { call in
            let account = try await call.services.accounts.show(call.account)
            return .stream(
                try ExportOperations.focus(call.month, of: account.slug, call.services)
            )
        },
        .get("exports/journal", "journal export", access: .keepBooks) { call in
            .stream(try journal(call, of: nil))
        },
        .get("accounts/{account}/exports/journal", "journal export", access: .keepBooks) { call in
            .stream(try journal(call, of: try await call.services.accounts.show(call.account).slug))
        },
    ]

    private static func journal(_ call: PageCall, of account: String?) throws -> ConsoleFile {
        try ExportOperations.journal(
            call.month,
            call.query["form"],
            of: account,
            call.services
        )
    }

    /// What the caller may take away here: of the account that the page is of, or of all.
    static func section(_ call: PageCall) -> HTML {
        guard call.may(.takeUsage) else { return .empty }
        let base = call.account.isEmpty ? "/exports" : "/accounts/\(call.account)/exports"
        let books: HTML =
            call.may(.keepBooks)
            ? form("\(base)/journal", "General ledger", extra: forms) : .empty
        return """
            <h2>Take a month away</h2>\(form("\(base)/focus", "Costs and usage, FOCUS"))\(books)
            """
    }

    private static var forms: HTML {
        HTMLForm.choice(
            "form",
            "As",
            [("entries", "entries, exact"), ("balances", "balances, rounded")]
        )
    }

    private static func form(_ action: String, _ button: String, extra: HTML = .empty) -> HTML {
        """
        <form method="get" action="\(action)">
        \(HTMLForm.text("month", "Month", type: "month", isRequired: true))\(extra)
        <button>\(button)</button></form>
        """
    }
}

extension PageCall {
    fileprivate var month: String? { query["month"] }
}
