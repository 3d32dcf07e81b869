import Billing
import Ledger
import Schema
import Shapes

/// Documents, and calls explained.
enum InvoiceOperations {
    static let routes: [Route] = [
        .get("invoices", "invoice list", query: ["month", "cursor", "limit"]) { call in
            try await list(call, of: nil)
        },
        .get(
            "accounts/{account}/invoices",
            "invoice list of an account",
            query: ["month", "cursor", "limit"]
        ) { call in
            let account = try await call.services.accounts.show(call.account)
            return try await list(call, of: account.slug)
        },
        .post("invoices", "invoice close", .moveMoney, closeAll),
        .post("accounts/{account}/invoices", "invoice close of an account", .moveMoney) { call in
            let month = try closingMonth(call)
            _ = try await call.services.invoices.close(call.account, through: month, at: call.now)
            return APIAnswer(try await documents(call, of: call.account, month, failures: []))
        },
        .get("accounts/{account}/draft-invoice", "invoice draft", query: ["month"]) { call in
            let draft = try await call.services.invoices.draft(
                call.account,
                try month(call),
                at: call.now
            )
            guard let draft else { throw Problem(404, "the account has no events yet") }
            return APIAnswer(try InvoiceSummary(draft: draft).json)
        },
        .get("accounts/{account}/invoices/{number}", "invoice show") { call in
            APIAnswer(InvoiceSummary(stored: try await own(call)).json)
        },
        .post(
            "accounts/{account}/invoices/{number}/credit",
            "invoice credit",
            .moveMoney,
            isIdempotent: true,
            credit
        ),
        .post("accounts/{account}/invoices/{number}/payment", "invoice paid", .moveMoney) { call in
            try call.body.allow(only: "reference")
            let paid = try await call.services.invoices.pay(
                try await own(call).number,
                reference: try call.body.requiredText("reference"),
                at: call.now
            )
            return APIAnswer(InvoiceSummary(stored: paid).json)
        },
        .get("accounts/{account}/calls/{call}", "explain") { call in
            let account = try await call.services.accounts.show(call.account)
            let text = call.places["call"] ?? ""
            guard text.hasPrefix("req_"), let request = RequestID(String(text.dropFirst(4))),
                let explained = try await call.services.explain(request, account.id)
            else { throw Problem(404, "no such call") }
            // What the upstream asks for a call is the operator's own business.
            return APIAnswer(
                call.caller.role == .account ? explained.node : explained.operatorNode
            )
        },
    ]

    private static func month(_ call: APICall) throws -> Month? {
        guard let text = call.query["month"] else { return nil }
        guard let month = Month(text) else {
            throw Problem(400, "month must be a month such as 2026-11")
        }
        return month
    }

    private static func closingMonth(_ call: APICall) throws -> Month {
        try call.body.allow(only: "month")
        guard let month = Month(try call.body.requiredText("month")) else {
            throw Problem(400, "month must be a month such as 2026-11")
        }
        return month
    }

    private static func closeAll(_ call: APICall) async throws -> APIAnswer {
        let month = try closingMonth(call)
        let report = try await call.services.invoices.closeAll(through: month, at: call.now)
        return APIAnswer(try await documents(call, of: nil, month, failures: report.failures))
    }

    /// What stands for the month, whether this request has made it or an earlier one.
    private static func documents(
        _ call: APICall,
        of account: String?,
        _ month: Month,
        failures: [(account: String, error: LedgerError)]
    ) async throws -> JSONNode {
        let documents = try await call.services.invoices.list(account: account, month: month)
        let failed = failures.map { account, error in
            JSONNode.object([("account", .text(account)), ("detail", .text(error.message))])
        }
        return .object([
            ("data", .array(documents.map { InvoiceSummary(stored: $0).json })),
            ("failures", .array(failed)),
        ])
    }

    private static func list(_ call: APICall, of account: String?) async throws -> APIAnswer {
        try call.page(
            try await call.services.invoices.list(account: account, month: try month(call)),
            by: .document,
            name: \.number
        ) { InvoiceSummary(stored: $0).json }
    }

    private static func credit(_ call: APICall) async throws -> APIAnswer {
        try call.body.allow(only: "amount", "reason")
        let reason = try call.body.requiredText("reason")
        let invoice = try await own(call)
        let note = try await call.services.invoices.credit(
            InvoiceCredit(
                number: invoice.number,
                reason: reason,
                amount: try call.body.amount("amount")
            ),
            at: call.now,
            idempotencyKey: call.idempotencyKey
        )
        return APIAnswer(status: 201, InvoiceSummary(stored: note).json)
    }

    /// The document that the path names, if it is of the account that the path names.
    private static func own(_ call: APICall) async throws -> StoredDocument {
        try await call.services.invoices.own(call.places["number"] ?? "", of: call.account)
    }
}

extension Invoices {
    /// A document of an account; those of others are told apart from none by nobody.
    func own(_ number: String, of account: String) async throws -> StoredDocument {
        do throws(LedgerError) {
            let stored = try await show(number)
            guard stored.document.account == account else {
                throw LedgerError(.notFound, "no document \(number)")
            }
            return stored
        } catch {
            throw error.code == .notFound ? Problem(404, "no such document") : Problem(error)
        }
    }
}
