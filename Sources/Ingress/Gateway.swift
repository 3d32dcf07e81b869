import Curl
import EventLoop
import Formats
import HTTPServer
import Journal
import Schema

/// The public face of Farebox on one event loop.
package final class Gateway: Sendable {
    private let loop: EventLoop
    private let callLoop: LoopBound<CallLoop>

    /// - Parameter curl: the loop's own client; used on the loop only.
    package init(
        services: GatewayServices,
        loop: EventLoop,
        curl: LoopBound<CurlClient>,
        journal: Journal
    ) {
        self.loop = loop
        callLoop = LoopBound(
            CallLoop(services, loop: loop, curl: curl, journal: journal),
            loop: loop
        )
    }

    /// Has the requests that come from now on decided by other services; those that run keep
    /// theirs to their end.
    package func adopt(_ services: GatewayServices) {
        loop.execute { [callLoop] in callLoop.value.services = services }
    }

    /// The calls that are under way on this loop, of one account or of all; at most so many.
    package func runningCalls(of account: AccountID?, limit: Int) async -> RunningCallList {
        await loop.run { [callLoop, loop] in
            callLoop.value.running.list(of: account, limit: limit, at: loop.time)
        }
    }

    /// Answers one request.
    ///
    /// Whatever happens, the exchange is ended when this returns.
    package func handle(_ request: HTTPRequest, _ exchange: HTTPExchange) async {
        let callLoop = callLoop.value
        let services = callLoop.services
        let id: RequestID = callLoop.identifiers.next(at: services.now())
        do {
            switch try RouteTable.find(request.method, request.path) {
            case .call(let endpoint):
                let arrival = Arrival(
                    id: id,
                    endpoint: endpoint,
                    request: request
                )
                await CallLife(services, arrival, exchange, callLoop).run()
            case .countTokens:
                let arrival = Arrival(
                    id: id,
                    endpoint: .messages,
                    request: request
                )
                await CountTokens(services, arrival, exchange, callLoop).run()
            case let route:
                let requestID = "req_\(id.hexadecimal)"
                let caller = try await InformationRoutes(services)
                    .answer(route, request, exchange, requestID)
                guard let caller else { return }
                services.metrics.answered(route)
                callLoop.log(route, toldTo: caller, requestID: requestID)
            }
        } catch {
            services.metrics.refused(error)
            callLoop.log(refused: request, requestID: "req_\(id.hexadecimal)", error)
            refuse(error, request, exchange, id)
        }
    }

    private func refuse(
        _ error: APIError,
        _ request: HTTPRequest,
        _ exchange: HTTPExchange,
        _ id: RequestID
    ) {
        let format = RouteTable.format(
            path: request.path,
            namesAnthropicVersion: request.fields["anthropic-version"] != nil
        )
        let requestID = "req_\(id.hexadecimal)"
        exchange.refuse(
            error,
            format,
            requestID: requestID,
            fields: format.requestIDFields(requestID)
        )
    }
}

extension HTTPExchange {
    /// Answers a call with an error in its own format.
    func refuse(_ error: APIError, _ arrival: Arrival, at now: Instant) {
        refuse(
            error,
            arrival.format,
            requestID: arrival.requestID,
            fields: arrival.fields(at: now)
        )
    }

    /// Answers with an error in the caller's own format, and with these fields besides its own.
    func refuse(
        _ error: APIError,
        _ format: APIFormat,
        requestID: String,
        fields: [(name: String, value: String)]
    ) {
        let rendered = error.render(format, requestID: requestID)
        do {
            try respond(
                status: rendered.status,
                fields: HTTPFields(rendered.fields + fields),
                body: rendered.body
            )
        } catch {
            // The client left before its refusal: nobody is there to be told.
        }
    }
}

extension APIFormat {
    /// The response fields that carry the request's identifier.
    func requestIDFields(_ requestID: String) -> [(name: String, value: String)] {
        let common = [(name: "x-request-id", value: requestID)]
        return self == .anthropic ? common + [(name: "request-id", value: requestID)] : common
    }
}
