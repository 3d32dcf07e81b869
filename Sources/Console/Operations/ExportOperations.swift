import Billing
import Ledger
import Schema

/// Months as files for the programs of finance, written while they are read.
enum ExportOperations {
    static let routes: [Route] = [
        .get("exports/focus", "export focus", query: ["month"], access: .takeUsage) { call in
            APIAnswer(file: try focus(call.month, of: nil, call.services))
        },
        .get(
            "accounts/{account}/exports/focus",
            "export focus of an account",
            query: ["month"],
            access: .takeUsage
        ) { call in
            let account = try await call.services.accounts.show(call.account)
            return APIAnswer(file: try focus(call.month, of: account.slug, call.services))
        },
        .get(
            "exports/journal",
            "journal export",
            query: ["month", "form"],
            access: .keepBooks
        ) { call in
            APIAnswer(file: try journal(call.month, call.query["form"], of: nil, call.services))
        },
        .get(
            "accounts/{account}/exports/journal",
            "journal export of an account",
            query: ["month", "form"],
            access: .keepBooks
        ) { call in
            let account = try await call.services.accounts.show(call.account)
            return APIAnswer(
                file: try journal(
                    call.month,
                    call.query["form"],
                    of: account.slug,
                    call.services
                )
            )
        },
    ]

    /// Costs and usage by FOCUS, of one account or of all.
    static func focus(
        _ month: String?,
        of account: String?,
        _ services: ConsoleServices
    ) throws -> ConsoleFile {
        let month = try required(month)
        let now = services.now()
        return .csv(name("focus", account, month)) { write in
            try await services.focus.export(month, of: account, at: now, to: write)
        }
    }

    /// The general ledger, of one account or of all.
    static func journal(
        _ month: String?,
        _ form: String?,
        of account: String?,
        _ services: ConsoleServices
    ) throws -> ConsoleFile {
        let month = try required(month)
        guard let form = form.map(GeneralLedger.Form.init(rawValue:)) ?? .entries else {
            throw Problem(400, "form must be entries or balances")
        }
        let now = services.now()
        return .csv(name("journal-\(form.rawValue)", account, month)) { write in
            try await services.books.export(month, of: account, as: form, at: now, to: write)
        }
    }

    private static func required(_ text: String?) throws -> Month {
        guard let text else { throw Problem(400, "month is missing") }
        guard let month = Month(text) else {
            throw Problem(400, "month must be a month such as 2026-11")
        }
        return month
    }

    private static func name(_ kind: String, _ account: String?, _ month: Month) -> String {
        [kind, account, month.description].compactMap(\.self).joined(separator: "-")
    }
}

extension APICall {
    fileprivate var month: String? { query["month"] }
}
