import Billing
import Ledger
import Schema
import Shapes

/// One call explained: what was counted, at which prices, and what became of its hold.
enum CallPages {
    static let routes: [PageRoute] = [
        .get("accounts/{account}/calls", "call search", search),
        .get("accounts/{account}/calls/{call}", "explain", explain),
    ]

    /// Where the form leads: to the call's own page, which can be kept and sent.
    private static func search(_ call: PageCall) async throws -> PageAnswer {
        let text = (call.query["request"] ?? "").filter { !$0.isWhitespace }
        guard !text.isEmpty else {
            let account = try await call.services.accounts.show(call.account)
            let running = try await RunningCallPages.part(of: account, call)
            return .page(
                title: "Calls of \(account.name)",
                "\(form(account.slug))\(running)",
                refreshSeconds: RunningCallPages.seconds(call)
            )
        }
        return .redirect("/accounts/\(call.account)/calls/\(PercentCoding.encode(text))")
    }

    /// Asks for a call by its identifier, which every answer has in `x-request-id`.
    static func form(_ account: String) -> HTML {
        """
        <form method="get" action="/accounts/\(account)/calls">
        \(HTMLForm.text("request", "Call", hint: "req_…", isRequired: true))
        <button>Explain</button></form>
        """
    }

    private static func explain(_ call: PageCall) async throws -> PageAnswer {
        let account = try await call.services.accounts.show(call.account)
        let text = call.places["call"] ?? ""
        let digits = text.hasPrefix("req_") ? String(text.dropFirst(4)) : text
        guard let request = RequestID(digits),
            let explained = try await call.services.explain(request, account.id)
        else {
            throw Problem(404, "\(account.slug) has no such call, or it is not in the ledger yet")
        }
        let isOperator = call.caller.role != .account
        return .page(
            title: "req_\(request.hexadecimal)",
            """
            \(facts(explained, isOperator))\(attempts(explained.usage, isOperator: isOperator))
            \(terms(explained).html)
            <p class="quiet">Price version \(explained.usage.priceVersion.description); event
            \(explained.recorded.version) of the stream.</p>
            <p><a href="/accounts/\(account.slug)">The account</a></p>
            """
        )
    }

    private static func facts(_ explained: CallExplanation, _ isOperator: Bool) -> HTML {
        let (usage, currency) = (explained.usage, explained.currency)
        var facts: [(String, HTML)] = [
            ("Charge, \(currency.code)", money(usage.charge, currency)),
            ("Held", money(usage.hold, currency)),
            (
                explained.isTooLate
                    ? "Came after its month was closed, not charged"
                    : "Above the hold, not charged",
                money(explained.recorded.excess, currency)
            ),
            ("Model", "\(usage.model)"), ("Answered by", "\(usage.upstream)"),
            ("Outcome", "\(usage.outcome.rawValue.replacing("_", with: " "))"),
            ("Counted by", "\(usage.source.rawValue.replacing("_", with: " "))"),
            ("Took", "\(usage.latencyMilliseconds) ms"),
            ("Admitted", time(usage.admittedAt)),
        ]
        if let cap = usage.loweredCap { facts.append(("Cap lowered to", "\(cap) tokens")) }
        if isOperator, let cost = usage.upstreamCost {
            let costCurrency = explained.costCurrency
            facts.append(("Upstream's cost, \(costCurrency.code)", money(cost, costCurrency)))
        }
        return figures(facts)
    }

    /// What a model is called upstream is the operator's affair, as its cost is.
    private static func attempts(_ usage: Usage, isOperator: Bool) -> HTML {
        guard !usage.attempts.isEmpty else { return .empty }
        let attempts = usage.attempts.map { attempt -> HTML in
            """
            <li>\(attempt.upstream)\(isOperator ? " (\(attempt.upstreamModel))" : ""):
            \(attempt.end.rawValue.replacing("_", with: " ")) after \(attempt.milliseconds) ms</li>
            """
        }
        return "<h2>Tried before, not charged</h2><ol>\(attempts)</ol>"
    }

    private static func terms(_ explained: CallExplanation) -> HTMLTable {
        let currency = explained.currency
        var table = HTMLTable(
            "What was charged for",
            .text("Class"),
            .number("Quantity"),
            .number("Price per million"),
            .number("Amount \(currency.code)"),
            .text("Basis")
        )
        table.nothing = "Nothing was charged."
        table.rows = explained.charge.lines.map { line in
            [
                "\(line.name)", "\(line.quantity)",
                "\(Pico(line.price.units * 1_000_000).description)",
                money(line.amount, currency), "\(line.basis.rawValue)",
            ]
        }
        return table
    }
}
