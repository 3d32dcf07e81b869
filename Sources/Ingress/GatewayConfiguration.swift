import Billing
import Formats
import Schema
import Tokenizer

/// What the gateway is told: upstreams, the models it offers, its policies and its limits.
///
/// A plain value, validated as a whole before it gets here; modules never read files or the
/// environment.
package struct GatewayConfiguration: Sendable {
    package var upstreams: [String: Upstream]
    package var models: [ModelRoute]
    package var policy: GatewayPolicy
    package var limits: GatewayLimits

    package init(
        upstreams: [String: Upstream],
        models: [ModelRoute],
        policy: GatewayPolicy,
        limits: GatewayLimits
    ) {
        self.upstreams = upstreams
        self.models = models
        self.policy = policy
        self.limits = limits
    }
}

/// A provider of models behind one base URL.
package struct Upstream: Sendable {
    package var name: String
    package var format: APIFormat
    /// Without a trailing slash: `https://api.openai.com/v1`, `https://api.anthropic.com`.
    package var baseURL: String
    /// Nil for an upstream that wants no key.
    package var apiKey: Secret?
    package var connectTimeout: Duration
    package var firstByteTimeout: Duration
    package var idleTimeout: Duration
    /// Certificates to trust instead of the system's; nil for the system's.
    package var caFile: String?
    /// What becomes of a stream whose client leaves; nil for what the policy says.
    package var onDisconnect: GatewayPolicy.OnDisconnect?
    /// Whether an upstream of OpenAI's format has the Responses route; where it has not, such
    /// calls are translated into chat completions.
    package var hasResponses = true

    package init(
        name: String,
        format: APIFormat,
        baseURL: String,
        apiKey: Secret?,
        connectTimeout: Duration = .seconds(5),
        firstByteTimeout: Duration = .seconds(120),
        idleTimeout: Duration = .seconds(120),
        caFile: String? = nil,
        onDisconnect: GatewayPolicy.OnDisconnect? = nil
    ) {
        self.name = name
        self.format = format
        self.baseURL = baseURL
        self.apiKey = apiKey
        self.connectTimeout = connectTimeout
        self.firstByteTimeout = firstByteTimeout
        self.idleTimeout = idleTimeout
        self.caFile = caFile
        self.onDisconnect = onDisconnect
    }
}

extension Upstream {
    /// Whether the calls of a route can be passed on as they are.
    func speaks(_ endpoint: Endpoint) -> Bool {
        format == endpoint.format && (endpoint != .responses || hasResponses)
    }
}

/// A text that never appears in a log, an error or a test's output.
package struct Secret: Sendable, CustomStringConvertible, CustomDebugStringConvertible {
    package let exposed: String

    package init(_ text: String) {
        exposed = text
    }

    package var description: String { "«secret»" }
    package var debugDescription: String { "«secret»" }
}

/// One entry of `models`: a name or a pattern ending in `*`, and where its calls go.
package struct ModelRoute: Sendable {
    package var pattern: ModelPattern
    package var upstream: String
    /// The name that the upstream knows the model by; nil when it is the client's.
    package var upstreamModel: String?
    /// Overrides the price file's limit.
    package var outputTokensMax: Int64?
    /// Overrides the price file's limit.
    package var contextTokensMax: Int64?
    /// How much output a stream holds money for at a time; nil to hold its whole cap from the
    /// beginning, as is right for a model that reasons unseen.
    package var holdSliceTokens: Int64?
    /// What the model's tokens are counted with; nil for what it is known to have.
    package var vocabulary: VocabularyName?
    /// What the model is known to have, found once where the route leads to one model.
    private let knownVocabulary: VocabularyName?
    private let isOneModel: Bool

    package init(
        pattern: ModelPattern,
        upstream: String,
        upstreamModel: String?,
        outputTokensMax: Int64?,
        contextTokensMax: Int64?,
        holdSliceTokens: Int64? = nil,
        vocabulary: VocabularyName? = nil
    ) {
        self.pattern = pattern
        self.upstream = upstream
        self.upstreamModel = upstreamModel
        self.outputTokensMax = outputTokensMax
        self.contextTokensMax = contextTokensMax
        self.holdSliceTokens = holdSliceTokens
        self.vocabulary = vocabulary
        let model = upstreamModel ?? pattern.name
        isOneModel = model != nil
        knownVocabulary = model.flatMap(VocabularyName.init(model:))
    }
}

/// What happens where the APIs leave it open.
package struct GatewayPolicy: Sendable {
    /// A call whose upstream never said what it used.
    package enum MissingUsage: String, CaseIterable, Sendable {
        /// Count the text that was relayed.
        case count
        /// Charge the whole hold.
        case hold
        /// Charge nothing.
        case free
    }

    /// A stream whose client leaves before its end.
    package enum OnDisconnect: String, CaseIterable, Sendable {
        /// Read the upstream on to its exact usage, for a time.
        case drain
        /// Leave the upstream too, which may stop it from generating what nobody reads; what came
        /// is counted as `missingUsage` says. An answer in one piece is drained all the same:
        /// there is nothing of it to count yet.
        case cancel
    }

    /// A call that was running when its instance died.
    package enum Interrupted: String, CaseIterable, Sendable {
        /// Charge nothing.
        case free
        /// Charge what the journal saw: a stream's text is noted there every second.
        case measured
    }

    package var onDisconnect = OnDisconnect.drain
    package var interrupted = Interrupted.free
    package var missingUsage = MissingUsage.count
    package var shortCredit = ShortCredit.clamp
    /// A lowered cap is never below this, or the client's own cap when that is smaller.
    package var minimumOutputTokens: Int64 = 256

    package init() {}
}

/// Every bound of the gateway that is not the HTTP server's own.
package struct GatewayLimits: Sendable {
    package var bodyBytesMax = 32 << 20
    /// The largest answer that is not a stream.
    package var responseBytesMax = 64 << 20
    /// How much of an upstream's answer waits for a slow client.
    package var relayBufferBytesMax = 64 << 10
    /// A call's hard end, counted from its admission.
    package var callDeadline = Duration.seconds(600)
    /// How long an instance that PostgreSQL does not hear admits calls on its leases.
    package var leaseValidity = Duration.seconds(600)
    /// What is added for clocks that drift before others may release a silent instance's leases.
    package var leaseMargin = Duration.seconds(60)
    /// How long an upstream is read on after its client has left.
    package var disconnectDrain = Duration.seconds(60)
    /// How long a call waits for credit that running calls hold.
    package var creditWait = Duration.seconds(2)
    /// How long a stop waits for running calls.
    package var drainSeconds: Int64 = 30
    package var connectionsMax = 8_192

    package init() {}
}

extension ModelRoute {
    /// The vocabulary of one of the models behind the route; nil when it is not known.
    func vocabulary(of upstreamModel: String) -> VocabularyName? {
        vocabulary ?? (isOneModel ? knownVocabulary : VocabularyName(model: upstreamModel))
    }
}

extension GatewayConfiguration {
    /// The most specific route for a model; nil when none matches.
    func route(_ model: String) -> ModelRoute? {
        models.first { $0.pattern.matches(model) }
    }
}
