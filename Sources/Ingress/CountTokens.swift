import Curl
import EventLoop
import Formats
import HTTPServer
import Schema
import Tokenizer

/// Counts the tokens of a prompt: free, so nothing is held, metered or recorded.
///
/// An upstream that has such a route counts them itself. Where the model is served by none that
/// has one, or none answers now, we count with the model's vocabulary, or estimate: the API calls
/// its own answer an estimate.
struct CountTokens {
    /// The largest answer that is read.
    private static let answerBytesMax = 1 << 20
    /// How long an upstream has for its answer: somebody waits for this before a call.
    private static let patience = Duration.seconds(10)

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
            // It is free, and yet a request there, or work here.
            try await arrival.rates?.admit(
                tokens: 0,
                waitMax: services.configuration.limits.creditWait
            )
            defer { arrival.rates?.settle(tokens: 0) }
            let reply = await counted(call, offered, name)
            services.metrics.answered(Route.countTokens)
            callLoop.log(arrival, countedFor: caller, status: reply.status, by: reply.counter)
            send(reply)
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

    // MARK: counting

    /// What the client gets, and who counted: an upstream's name, or how it was done here.
    private struct Reply {
        var status = 200
        var fields = [(name: "content-type", value: "application/json")]
        let body: [UInt8]
        let counter: String
    }

    private func counted(
        _ call: ParsedCall,
        _ offered: OfferedModel,
        _ name: String
    ) async -> Reply {
        var limited: Reply?
        for (state, route) in upstreams(of: offered) {
            let model = route.upstreamModel ?? name
            guard case .success(let permit) = state.enter(for: model, at: callLoop.loop.now)
            else { continue }
            guard let reply = await ask(state, permit, model, call) else { continue }
            if reply.status != 429 { return reply }
            limited = limited ?? reply
        }
        if let limited { return limited }
        if let vocabulary = vocabulary(offered, name) {
            let tokens = await PromptTokens.count(call, vocabulary)
            let body = TokenCount.body(inputTokens: tokens + TokenEstimate.images(of: call.facts))
            return Reply(body: body, counter: "vocabulary")
        }
        let body = TokenCount.body(inputTokens: TokenEstimate.input(of: call.facts))
        return Reply(body: body, counter: "estimate")
    }

    /// Asks an upstream, which has the permit until it has answered; nil for what says nothing of
    /// the prompt: a failure, no such route, a refused key.
    private func ask(
        _ state: UpstreamState,
        _ permit: UpstreamState.Permit,
        _ model: String,
        _ call: ParsedCall
    ) async -> Reply? {
        let upstream = state.upstream
        let limits = services.configuration.limits
        let request = UpstreamRequest(
            arrival,
            to: upstream,
            key: state.key(permit),
            path: "/v1/messages/count_tokens",
            body: call.facts.upstreamBody(from: call.body, model: model, outputCap: nil),
            limits: limits,
            total: min(limits.callDeadline, Self.patience)
        )
        let (reply, failure) = await answer(to: request, of: upstream.name)
        // Of calls only a refused key says anything: a server may answer well and count badly, and
        // counting has a limit of its own.
        let end: UpstreamHealth.End =
            if let failure, failure.end == .keyRefused { .failed(failure) } else { .unknown }
        state.leave(permit, end, for: model, at: callLoop.loop.now)
        return reply
    }

    private func answer(
        to request: UpstreamRequest,
        of upstream: String
    ) async -> (Reply?, AttemptFailure?) {
        let response: CurlResponse
        let body: [UInt8]
        do {
            response = try await callLoop.curl.send(request.curlRequest)
            body = try await collect(response)
        } catch {
            return (nil, AttemptFailure(error))
        }
        let status = response.status
        let failure = AttemptFailure(status: status, fields: response.fields, body: body)
        if let failure {
            return (failure.end == .limited ? limited(failure, upstream) : nil, failure)
        }
        if (200...299).contains(status), !isCount(body) { return (nil, nil) }
        return (Reply(status: status, body: body, counter: upstream), nil)
    }

    private func isCount(_ body: [UInt8]) -> Bool {
        guard let answer = try? JSONObject(scanning: body) else { return false }
        return answer["input_tokens"]?.integer(in: body).map { $0 >= 0 } ?? false
    }

    private func limited(_ failure: AttemptFailure, _ upstream: String) -> Reply {
        let error = APIError(upstream: upstream, limitedFor: failure.retryAfter ?? .zero)
        let rendered = error.render(arrival.format, requestID: arrival.requestID)
        return Reply(
            status: rendered.status,
            fields: rendered.fields,
            body: rendered.body,
            counter: upstream
        )
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

    private func send(_ reply: Reply) {
        do {
            try exchange.respond(
                status: reply.status,
                fields: HTTPFields(reply.fields + arrival.fields(at: services.now())),
                body: reply.body
            )
        } catch {
            // The client left before its answer: nobody is there to be told.
        }
    }
}
