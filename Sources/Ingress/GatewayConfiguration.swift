import Billing
import Formats
import Schema

/// What the gateway is told: upstreams, the models it offers, its policies and its limits.
///
/// A plain value, validated as a whole before it gets here; modules never read files or the
/// environment.
package struct GatewayConfiguration: Sendable {
    package var upstreams: [String: Upstream]
    package var models: ModelCatalogue
    package var policy: GatewayPolicy
    package var limits: GatewayLimits
    /// Whose `X-Forwarded-For` tells where a call comes from.
    package var trustedProxies: [AddressRange] = []

    package init(
        upstreams: [String: Upstream],
        models: [OfferedModel],
        policy: GatewayPolicy,
        limits: GatewayLimits
    ) {
        self.upstreams = upstreams
        self.models = ModelCatalogue(models)
        self.policy = policy
        self.limits = limits
    }
}

/// A provider of models behind one base URL.
package struct Upstream: Hashable, Sendable {
    package var name: String
    package var format: APIFormat
    /// Without a trailing slash: `https://api.openai.com/v1`, `https://api.anthropic.com`.
    package var baseURL: String
    /// Used in turn; empty for an upstream that wants no key.
    package var apiKeys: [Secret]
    /// The most calls at a time; nil for any number.
    package var concurrencyMax: Int?
    /// The most calls at a time with one key; nil for any number.
    package var keyConcurrencyMax: Int?
    package var circuit = CircuitSettings()
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
    /// The dearest tier that it may serve calls in that ask for none, by its account's settings.
    ///
    /// Their holds cover it; nil for the standard one.
    package var defaultServiceTier: ServiceTier?
    /// The only name of the output cap that its chats know; nil where they know both.
    package var outputCapField: OutputCapField?

    package init(
        name: String,
        format: APIFormat,
        baseURL: String,
        apiKeys: [Secret] = [],
        connectTimeout: Duration = .seconds(5),
        firstByteTimeout: Duration = .seconds(120),
        idleTimeout: Duration = .seconds(120),
        caFile: String? = nil,
        onDisconnect: GatewayPolicy.OnDisconnect? = nil
    ) {
        self.name = name
        self.format = format
        self.baseURL = baseURL
        self.apiKeys = apiKeys
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
    /// How many attempts at upstreams a call may make.
    package var attemptsMax = 3
    /// How long a call may wait between its attempts, all pauses together.
    package var retryWait = Duration.seconds(2)
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
