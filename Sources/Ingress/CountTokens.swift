import Curl
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
                directory: services.snapshots.directory,
                now: services.now()
            )
            let call = try await parse()
            let (found, upstream) = try route(call.facts.model, caller)
            let model = found.upstreamModel ?? call.facts.model
            guard upstream.format == .anthropic else {
                let vocabulary = services.vocabularies.vocabulary(found, upstreamModel: model)
                let tokens = await count(call, with: vocabulary)
                return send(status: 200, TokenCount.body(inputTokens: tokens))
            }
            try await ask(upstream, model, call)
        } catch {
            services.metrics.refused(error)
            callLoop.log(arrival, error)
            exchange.refuse(error, arrival.format, requestID: arrival.requestID)
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

    private func route(
        _ model: String,
        _ caller: Caller
    ) throws(APIError) -> (ModelRoute, Upstream) {
        guard let route = services.configuration.route(model),
            let upstream = services.configuration.upstreams[route.upstream]
        else {
            throw APIError(.modelNotFound, "The model \"\(model)\" does not exist here.")
        }
        guard caller.mayUse(model) else {
            throw APIError(.permissionDenied, "This API key may not use the model \"\(model)\".")
        }
        return (route, upstream)
    }

    private func count(_ call: ParsedCall, with vocabulary: Vocabulary?) async -> Int64 {
        guard let vocabulary else { return TokenEstimate.input(of: call.facts) }
        return await PromptTokens.count(call, vocabulary) + TokenEstimate.images(of: call.facts)
    }

    private func ask(
        _ upstream: Upstream,
        _ model: String,
        _ call: ParsedCall
    ) async throws(APIError) {
        let request = UpstreamRequest(
            arrival,
            to: upstream,
            path: "/v1/messages/count_tokens",
            body: call.facts.upstreamBody(from: call.body, model: model, outputCap: nil),
            limits: services.configuration.limits
        )
        let response: CurlResponse
        let body: [UInt8]
        do {
            response = try await callLoop.curl.send(request.curlRequest)
            body = try await collect(response)
        } catch {
            throw UpstreamFailure(error, upstream: upstream.name).error
        }
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
                fields: HTTPFields(type + arrival.format.requestIDFields(arrival.requestID)),
                body: body
            )
        } catch {
            // The client left before its answer: nobody is there to be told.
        }
    }
}
