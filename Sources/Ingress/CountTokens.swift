import Curl
import EventLoop
import Formats
import HTTPServer
import Schema
import Tokenizer

/// Counts the tokens of a prompt: free, so nothing is held, metered or recorded.
///
/// An upstream that has such a route counts them itself. Where the model is served by one that
/// has none, we count with the model's vocabulary, or estimate: the API calls its own answer one.
struct CountTokens {
    /// The largest answer that is read.
    private static let answerBytesMax = 1 << 20

    private let services: GatewayServices
    private let arrival: Arrival
    private let exchange: HTTPExchange
    private let callLoop: CallLoop

    init(
        _ services: GatewayServices,
        _ arrival: Arrival,
        _ exchange: HTTPExchange,
        _ callLoop: CallLoop
    ) {
        self.services = services
        self.arrival = arrival
        self.exchange = exchange
        self.callLoop = callLoop
    }

    func run() async {
        do {
            let caller = try Caller.authenticate(
                arrival.request,
                format: arrival.format,
                services: services
            )
            arrival.rates = CallRates(caller, services.limiter)
            let call = try await parse()
            let (offered, name) = try find(call.facts.model, caller)
            // Asking an upstream is a request, although a free one.
            let asked = upstreams(of: offered)
            if !asked.isEmpty {
                try await arrival.rates?.admit(
                    tokens: 0,
                    waitMax: services.configuration.limits.creditWait
                )
            }
            defer { if !asked.isEmpty { arrival.rates?.settle(tokens: 0) } }
            for (state, route) in asked {
                guard case .success(let permit) = state.enter(at: callLoop.loop.now) else {
                    continue
                }
                return try await ask(state, permit, route.upstreamModel ?? name, call)
            }
            let tokens = await count(call, with: vocabulary(offered, name))
            send(status: 200, TokenCount.body(inputTokens: tokens))
        } catch {
            services.metrics.refused(error)
            callLoop.log(arrival, error)
            exchange.refuse(error, arrival, at: services.now())
        }
    }

    private func parse() async throws(APIError) -> ParsedCall {
        let limit = services.configuration.limits.bodyBytesMax
        let body: [UInt8]
        do {
            body = try await exchange.readBody(bytesMax: limit)
        } catch {
            throw APIError(error, bodyBytesMax: limit)
        }
        return try await ParsedCall.reading(body) { body throws(RequestFault) in
            try CallFacts(countingTokensOf: body)
        }
    }

    private func find(
        _ model: String,
        _ caller: Caller
    ) throws(APIError) -> (OfferedModel, name: String) {
        guard let (offered, name) = services.configuration.models.find(model) else {
            throw APIError(.modelNotFound, "The model \"\(model)\" does not exist here.")
        }
        guard caller.mayUse(name) else {
            throw APIError(.permissionDenied, "This API key may not use the model \"\(model)\".")
        }
        return (offered, name)
    }

    /// The upstreams that count the model's tokens themselves, in their order.
    private func upstreams(of offered: OfferedModel) -> [(UpstreamState, ModelRoute)] {
        offered.routes.sorted { $0.priority < $1.priority }.compactMap { route in
            guard let state = services.upstreams[route.upstream],
                state.upstream.format == .anthropic
            else { return nil }
            return (state, route)
        }
    }

    private func vocabulary(_ offered: OfferedModel, _ name: String) -> Vocabulary? {
        guard let route = offered.routes.first else { return nil }
        return services.vocabularies.vocabulary(
            offered,
            route,
            upstreamModel: route.upstreamModel ?? name
        )
    }

    private func count(_ call: ParsedCall, with vocabulary: Vocabulary?) async -> Int64 {
        guard let vocabulary else { return TokenEstimate.input(of: call.facts) }
        return await PromptTokens.count(call, vocabulary) + TokenEstimate.images(of: call.facts)
    }

    /// Asks the upstream, which may have the permit until it has answered.
    private func ask(
        _ state: UpstreamState,
        _ permit: UpstreamState.Permit,
        _ model: String,
        _ call: ParsedCall
    ) async throws(APIError) {
        let upstream = state.upstream
        let request = UpstreamRequest(
            arrival,
            to: upstream,
            key: state.key(permit),
            path: "/v1/messages/count_tokens",
            body: call.facts.upstreamBody(from: call.body, model: model, outputCap: nil),
            limits: services.configuration.limits,
            total: services.configuration.limits.callDeadline
        )
        var end = UpstreamHealth.End.unknown
        defer { state.leave(permit, end, at: callLoop.loop.now) }
        let response: CurlResponse
        let body: [UInt8]
        do {
            response = try await callLoop.curl.send(request.curlRequest)
            body = try await collect(response)
        } catch {
            let failure = UpstreamFailure(error, upstream: upstream.name)
            end = failure.attempt.map(UpstreamHealth.End.failed) ?? .unknown
            throw failure.error
        }
        let failure = AttemptFailure(status: response.status, fields: response.fields)
        end = failure.map(UpstreamHealth.End.failed) ?? .answered
        if response.status == 200 { return send(status: 200, body) }
        let refusal = UpstreamFailure.refusal(
            status: response.status,
            fields: response.fields,
            body: body,
            upstream: upstream.name
        )
        switch refusal {
        case .whole(let status, _, let body): send(status: status, body)
        case .refusal(let error): throw error
        case .rest, .lengthStop: break
        }
    }

    /// The body as far as it is allowed to go: a longer one is cut, and is no JSON then.
    private func collect(_ response: CurlResponse) async throws(CurlError) -> [UInt8] {
        var body: [UInt8] = []
        while let chunk = try await response.next() {
            body += chunk
            guard body.count <= Self.answerBytesMax else {
                response.cancel()
                break
            }
        }
        return body
    }

    private func send(status: Int, _ body: [UInt8]) {
        let type = [(name: "content-type", value: "application/json")]
        do {
            try exchange.respond(
                status: status,
                fields: HTTPFields(type + arrival.fields(at: services.now())),
                body: body
            )
        } catch {
            // The client left before its answer: nobody is there to be told.
        }
    }
}
