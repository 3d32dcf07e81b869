import EventLoop
import HTTPServer
import Ledger
import Schema

/// The console on the admin listener: the API, what describes it, and the dashboard.
package struct Console: Sendable {
    private let api: AdminAPI
    private let dashboard: Dashboard
    private let credentials: Credentials
    private let isLoopback: Bool
    /// `openapi.yaml`; nil when it is not installed.
    private let description: String?
    private let report: @Sendable (String) -> Void

    /// - Parameters:
    ///   - description: `openapi.yaml`; nil when it is not installed.
    ///   - chartLibrary: Chart.js; nil when it is not installed.
    ///   - report: is told what went wrong inside of a request.
    package init(
        services: ConsoleServices,
        credentials: Credentials,
        isLoopback: Bool,
        description: String?,
        chartLibrary: String?,
        report: @escaping @Sendable (String) -> Void
    ) {
        api = AdminAPI(services: services)
        dashboard = Dashboard(
            services: services,
            credentials: credentials,
            chartLibrary: chartLibrary,
            report: report
        )
        self.credentials = credentials
        self.isLoopback = isLoopback
        self.description = description
        self.report = report
    }

    /// Whether the request may read metrics: on this machine's own addresses anybody, elsewhere
    /// whoever has a token that sees all accounts.
    package func admits(_ request: HTTPRequest) async -> Bool {
        if isLocal(request) { return true }
        guard let caller = try? await credentials.caller(request.fields) else { return false }
        return caller.role != .account
    }

    /// Whether the request comes from this machine, in nobody's name.
    package func isOpen(to request: HTTPRequest) -> Bool {
        isLocal(request) && request.fields["authorization"] == nil
    }

    /// Whether it was sent to this machine by its own name: what a proxy passes on, or a page that
    /// had a foreign name resolved to here, names another host.
    private func isLocal(_ request: HTTPRequest) -> Bool {
        isLoopback && RequestOrigin.isLoopbackName(request.fields["host"] ?? "")
    }

    /// Answers a request.
    package func handle(_ request: HTTPRequest, _ exchange: HTTPExchange) async {
        let response: ConsoleResponse
        do throws(HTTPBodyError) {
            let body = try await exchange.readBody(bytesMax: await bodyBytesMax(request))
            response = await respond(to: request, body)
        } catch {
            response = Problem(error.status, "the body cannot be read").response
        }
        if let stream = response.stream { return await send(response, stream, exchange) }
        try? exchange.respond(
            status: response.status,
            fields: response.fields,
            body: response.body
        )
    }

    /// Sends a body while it is made, no faster than the client takes it.
    ///
    /// What fails before its first byte is a problem as any other. What fails later cuts it off,
    /// so that nobody takes a part for the whole.
    private func send(
        _ response: ConsoleResponse,
        _ stream: ConsoleFile.Stream,
        _ exchange: HTTPExchange
    ) async {
        var hasBegun = false
        do {
            try await stream { text in
                if !hasBegun {
                    try exchange.begin(status: response.status, fields: response.fields)
                    hasBegun = true
                }
                try exchange.write(Array(text.utf8))
                try await exchange.writable()
            }
            try exchange.finish()
        } catch {
            let problem = Problem(any: error)
            if problem.status == 500, !(error is ClientGone) { report("\(error)") }
            guard !hasBegun else { return exchange.abort() }
            let refusal = problem.response
            try? exchange.respond(
                status: refusal.status,
                fields: refusal.fields,
                body: refusal.body
            )
        }
    }

    /// Where files of prices are sent to.
    private static let filePaths: Set<String> = [
        "/admin/v1/prices", "/prices/compare", "/prices/import",
    ]

    /// Only who is known, by a token or a session, may send much.
    private func bodyBytesMax(_ request: HTTPRequest) async -> Int {
        guard Self.filePaths.contains(request.path) else { return APIBody.bytesMax }
        return await dashboard.knows(request.fields) ? APIBody.fileBytesMax : APIBody.bytesMax
    }

    private func respond(to request: HTTPRequest, _ body: [UInt8]) async -> ConsoleResponse {
        guard
            let request = ConsoleRequest(
                request.method,
                path: request.path,
                query: request.query,
                fields: request.fields,
                body: body
            )
        else { return Problem(400, "the target cannot be read").response }
        do {
            return try await respond(to: request)
        } catch {
            let problem = Problem(any: error)
            if problem.status == 500 || problem.status == 502 { report("\(error)") }
            return problem.response
        }
    }

    private func respond(to request: ConsoleRequest) async throws -> ConsoleResponse {
        if let refusal = RequestOrigin.refusal(request) {
            throw Problem(403, refusal)
        }
        if request.path == ["admin", "openapi.yaml"], request.method == "GET" {
            guard let description else { throw Problem(404, "openapi.yaml is not installed") }
            return ConsoleResponse(status: 200, type: "application/yaml", description)
        }
        guard request.path.first == "admin" else { return await dashboard.respond(to: request) }
        guard let caller = try await credentials.caller(request.fields) else {
            throw Problem(401, "give a token: Authorization: Bearer fb-admin-…")
        }
        return try await api.respond(to: request, from: caller)
    }
}
