import Billing
import Formats
import HTTPServer
import Ledger
import Schema

/// The routes that tell something and reach no upstream.
struct InformationRoutes {
    private let services: GatewayServices

    init(_ services: GatewayServices) {
        self.services = services
    }

    /// Answers, and says whom; nil for a health check, which anybody may ask for.
    func answer(
        _ route: Route,
        _ request: HTTPRequest,
        _ exchange: HTTPExchange,
        _ requestID: String
    ) async throws(APIError) -> Caller? {
        switch route {
        case .liveness: send(exchange, 200, json: #"{"status":"ok"}"#)
        case .readiness: readiness(exchange)
        default: return try await tell(route, request, exchange, requestID)
        }
        return nil
    }

    private func tell(
        _ route: Route,
        _ request: HTTPRequest,
        _ exchange: HTTPExchange,
        _ requestID: String
    ) async throws(APIError) -> Caller {
        let (caller, format) = try caller(of: request)
        switch route {
        case .models:
            let entries = names(for: caller).map(entry)
            send(exchange, 200, format, requestID, ModelList.body(entries, format: format))
        case .model(let name):
            guard names(for: caller).contains(name) || isServed(name, to: caller) else {
                throw APIError(.modelNotFound, "The model \"\(name)\" does not exist here.")
            }
            send(exchange, 200, format, requestID, ModelList.body(entry(name), format: format))
        case .credits:
            let body = try await credits(of: caller)
            send(exchange, 200, format, requestID, Array(body.utf8))
        case .usage:
            let body = try await UsageRoutes(usage: services.usage)
                .report(caller, query: request.query)
            send(exchange, 200, format, requestID, Array(body.utf8))
        case .usageOfCall(let name):
            let body = try await UsageRoutes(usage: services.usage).explanation(name, caller)
            send(exchange, 200, format, requestID, Array(body.utf8))
        case .call, .countTokens, .liveness, .readiness:
            // They have lives of their own and never come here.
            throw APIError(.internal, "This route tells nothing.")
        }
        return caller
    }

    private func caller(of request: HTTPRequest) throws(APIError) -> (Caller, APIFormat) {
        let format = RouteTable.format(
            path: request.path,
            namesAnthropicVersion: request.fields["anthropic-version"] != nil
        )
        let caller = try Caller.authenticate(
            request,
            format: format,
            services: services
        )
        return (caller, format)
    }

    // MARK: models

    /// The models that have a route, a price in the account's currency, and the key's leave.
    private func names(for caller: Caller) -> [String] {
        let routed = services.configuration.models.names
        let priced = services.desk.snapshot.editions
            .filter { $0.header.currency == caller.account.currency }
            .flatMap { $0.allTerms.map(\.model) }
        return Set(routed + priced).filter { isServed($0, to: caller) }.sorted()
    }

    private func isServed(_ model: String, to caller: Caller) -> Bool {
        guard !model.contains("*"),
            let name = services.configuration.models.find(model)?.name, caller.mayUse(name)
        else { return false }
        let terms = services.desk.snapshot.terms(
            model: name,
            currency: caller.account.currency,
            plan: caller.account.plan,
            at: services.now()
        )
        return terms != nil
    }

    private func entry(_ name: String) -> ModelEntry {
        ModelEntry(id: name, createdAt: Instant(microseconds: 0))
    }

    // MARK: credits

    private func credits(of caller: Caller) async throws(APIError) -> String {
        let head: HeadSummary
        let caps: [CapFigures]
        do {
            head = try await services.accounts(caller.account.slug)
            caps = try await services.caps(
                caller.key.caps.map(\.scope),
                caller.account.id,
                services.now()
            )
        } catch {
            throw APIError(
                .unavailable(retryAfterSeconds: 1),
                "The ledger cannot be read at the moment."
            )
        }
        let holdings = services.escrow.holdings(caller.account.id)
        let digits = caller.account.currency.exponent
        // What this instance has charged and not shipped yet is spent already.
        let balance = head.balance - holdings.unshipped
        let available = balance + head.creditLimit - holdings.held - head.reserved
        let fields: [(String, Pico)] = [
            ("balance", balance), ("held", holdings.held),
            ("available", head.isSuspended ? .zero : available.clampedToZero),
            ("credit_limit", head.creditLimit),
        ]
        let amounts = fields.map { name, amount in
            "\"\(name)\":\"\(amount.decimal(fractionDigitsMin: digits))\""
        }
        return "{\"currency\":\"\(caller.account.currency)\","
            + amounts.joined(separator: ",")
            + ",\"caps\":[\(caps.flatMap { windows(of: $0, digits) }.joined(separator: ","))]}"
    }

    /// Each window of a cap as the database has it, what is set aside for running calls included.
    private func windows(of cap: CapFigures, _ digits: Int) -> [String] {
        cap.windows.map { window in
            let amounts = [
                ("limit", window.limit), ("spent", window.spent), ("held", window.escrowed),
                ("available", window.free.clampedToZero),
            ].map { "\"\($0)\":\"\($1.decimal(fractionDigitsMin: digits))\"" }
            let start: Instant? =
                switch window.period {
                case .day: cap.dayStartsAt
                case .month: cap.monthStartsAt
                case .total: nil
                }
            return "{\"scope\":\"\(cap.scope.kind)\",\"period\":\"\(window.period.rawValue)\","
                + amounts.joined(separator: ",")
                + ",\"since\":\(start.map { "\"\($0)\"" } ?? "null")}"
        }
    }

    // MARK: health

    private func readiness(_ exchange: HTTPExchange) {
        let reasons = services.readiness.reasons.map { "\"\($0.rawValue)\"" }
        let body = "{\"ready\":\(reasons.isEmpty),\"reasons\":[\(reasons.joined(separator: ","))]}"
        send(exchange, reasons.isEmpty ? 200 : 503, json: body)
    }

    // MARK: sending

    private func send(_ exchange: HTTPExchange, _ status: Int, json: String) {
        try? exchange.respond(
            status: status,
            fields: HTTPFields([(name: "content-type", value: "application/json")]),
            body: Array(json.utf8)
        )
    }

    private func send(
        _ exchange: HTTPExchange,
        _ status: Int,
        _ format: APIFormat,
        _ requestID: String,
        _ body: [UInt8]
    ) {
        let type = [(name: "content-type", value: "application/json")]
        try? exchange.respond(
            status: status,
            fields: HTTPFields(type + format.requestIDFields(requestID)),
            body: body
        )
    }
}
