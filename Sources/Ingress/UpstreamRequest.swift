import Billing
import Curl
import Formats
import HTTPServer
import Schema

/// The request that leaves for an upstream: the client's own bytes, but for what must change.
struct UpstreamRequest {
    private(set) var curlRequest: CurlRequest

    /// For an answer in many small pieces, whose memory for reading would lie idle for minutes.
    private static let streamReadBytesMax = 4_096

    /// Request fields of the client that mean something to the upstream and nothing to Farebox.
    private static let forwardedFields = [
        "anthropic-version", "anthropic-beta", "openai-beta", "accept",
        "x-claude-code-session-id",
    ]

    /// - Parameters:
    ///   - key: nil for an upstream that wants none.
    ///   - total: what is left of the call's time.
    init(_ admitted: AdmittedCall, key: Secret?, limits: GatewayLimits, total: Duration) {
        self.init(
            admitted.arrival,
            to: admitted.routed.upstream,
            key: key,
            path: Self.path(admitted.facts.endpoint),
            translated: admitted.routed.translated,
            body: admitted.facts.upstreamBody(
                from: admitted.routed.translated?.body ?? admitted.call.body,
                model: admitted.routed.upstreamModel,
                outputCap: admitted.admission.outputCap,
                cappedBy: admitted.routed.upstream.outputCapField
            ),
            limits: limits,
            total: total
        )
        if admitted.facts.isStreamed { curlRequest.readBytesMax = Self.streamReadBytesMax }
    }

    /// - Parameters:
    ///   - key: nil for an upstream that wants none.
    ///   - path: behind the upstream's base URL.
    ///   - translated: what says the fields of the upstream's format, where that is another than
    ///     the client's; the client's own then mean nothing.
    init(
        _ arrival: Arrival,
        to upstream: Upstream,
        key: Secret?,
        path: String,
        translated: TranslatedCall? = nil,
        body: [UInt8],
        limits: GatewayLimits,
        total: Duration
    ) {
        let query = translated == nil ? arrival.request.query.map { "?" + $0 } ?? "" : ""
        curlRequest = CurlRequest(
            method: "POST",
            url: upstream.baseURL + path + query,
            fields: Self.fields(upstream, key, arrival, translated),
            body: body,
            timeouts: CurlTimeouts(
                connect: upstream.connectTimeout,
                firstByte: upstream.firstByteTimeout,
                idle: upstream.idleTimeout,
                total: total
            ),
            caFile: upstream.caFile,
            bufferBytesMax: limits.relayBufferBytesMax
        )
    }

    /// The path of a format behind its base URL, which ends in `/v1` for OpenAI's alone.
    private static func path(_ endpoint: Endpoint) -> String {
        switch endpoint {
        case .chatCompletions: "/chat/completions"
        case .completions: "/completions"
        case .responses: "/responses"
        case .embeddings: "/embeddings"
        case .messages: "/v1/messages"
        }
    }

    private static func fields(
        _ upstream: Upstream,
        _ key: Secret?,
        _ arrival: Arrival,
        _ translated: TranslatedCall?
    ) -> [(name: String, value: String)] {
        var fields = [
            (name: "content-type", value: "application/json"),
            (name: "x-request-id", value: arrival.requestID),
        ]
        if let key {
            switch upstream.format {
            case .openAI: fields.append(("authorization", "Bearer \(key.exposed)"))
            case .anthropic: fields.append(("x-api-key", key.exposed))
            }
        }
        if let trace = arrival.trace {
            fields.append(("traceparent", trace.parent))
            if let state = trace.state { fields.append(("tracestate", state)) }
        }
        if let translated { return fields + translated.fields }
        for name in forwardedFields {
            if let value = arrival.request.fields[name] { fields.append((name, value)) }
        }
        return fields
    }
}
