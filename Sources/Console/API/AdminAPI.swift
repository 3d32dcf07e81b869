import HTTPServer
import Ledger
import Schema

/// The API below `/admin/v1`: finds the route, asks whether the caller may, and acts.
struct AdminAPI: Sendable {
    /// Every operation there is.
    static let routes: [Route] =
        AccountOperations.routes + KeyOperations.routes + CreditOperations.routes
        + TopUpOperations.routes + InvoiceOperations.routes + ExportOperations.routes
        + ReportOperations.routes + TokenOperations.routes
        + WebhookOperations.routes + AlertOperations.routes
        + PriceOperations.routes + PlanOperations.routes
        + InstanceOperations.routes + RunningCallOperations.routes

    let services: ConsoleServices

    /// What becomes of a target before anybody acts.
    enum Resolution {
        case route(Route, places: [String: String])
        /// There is something, but not by this method.
        case otherMethods([String])
        case nothing
    }

    static func resolve(_ method: String, _ path: [String]) -> Resolution {
        var others: [String] = []
        for route in routes {
            guard let places = route.pattern.match(path) else { continue }
            if route.method.rawValue == method { return .route(route, places: places) }
            others.append(route.method.rawValue)
        }
        return others.isEmpty ? .nothing : .otherMethods(others)
    }

    /// Answers a request of somebody who is known.
    func respond(to request: ConsoleRequest, from caller: Caller) async throws -> ConsoleResponse {
        switch Self.resolve(request.method, request.path) {
        case .nothing: throw Problem(404, "there is nothing here; see /admin/openapi.yaml")
        case .otherMethods(let methods):
            var response = Problem(405, "there is no \(request.method) here").response
            response.fields.append("allow", methods.joined(separator: ", "))
            return response
        case .route(let route, let places):
            try Self.requireAccess(to: route, places, caller)
            let call = try call(request, route, places, caller)
            let act = Act(actor: caller.actor, token: caller.token, name: route.name)
            return try await Act.$current.withValue(act) { try await route.handle(call) }.response
        }
    }

    private static func requireAccess(
        to route: Route,
        _ places: [String: String],
        _ caller: Caller
    ) throws {
        switch route.access.verdict(for: caller, account: places["account"]) {
        case .allowed: break
        case .forbidden:
            throw Problem(403, "a token of the role \(caller.role.rawValue) may not do this")
        case .unseen: throw LedgerError(.notFound, "no account \(places["account"] ?? "")")
        }
    }

    private func call(
        _ request: ConsoleRequest,
        _ route: Route,
        _ places: [String: String],
        _ caller: Caller
    ) throws -> APICall {
        for name in request.query.names where !route.query.contains(name) {
            throw Problem(400, "there is no parameter \(name) here")
        }
        try Self.requireContent(route.content, request)
        let key = request.fields["idempotency-key"]
        if key != nil, !route.isIdempotent {
            throw Problem(400, "Idempotency-Key has no meaning here")
        }
        if let key,
            !(1...200).contains(key.utf8.count) || !key.utf8.allSatisfy({ (33...126).contains($0) })
        {
            throw Problem(400, "an idempotency key is 1 to 200 visible characters of ASCII")
        }
        return APICall(
            caller: caller,
            services: services,
            places: places,
            query: request.query,
            body: route.content == .object ? try APIBody(parsing: request.body) : .none,
            file: route.content == .file ? request.body : [],
            idempotencyKey: key,
            ifMatch: request.fields["if-match"]
        )
    }

    private static func requireContent(
        _ content: Route.Content,
        _ request: ConsoleRequest
    ) throws {
        guard content != .nothing else {
            guard request.body.isEmpty else { throw Problem(400, "there is no body to send here") }
            return
        }
        // A page of another site cannot send this type without asking first.
        let type = request.fields["content-type"]?.split(separator: ";").first.map(String.init)
        guard type?.lowercased() == "application/json" else {
            throw Problem(415, "the body must be application/json")
        }
    }
}

extension APIAnswer {
    var response: ConsoleResponse {
        if let file { return file.response }
        var response = ConsoleResponse(
            status: status,
            type: "application/json",
            json.line
        )
        response.fields.append("cache-control", "no-store")
        if let tag { response.fields.append("etag", tag) }
        return response
    }
}
