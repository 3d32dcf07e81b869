/// The end of one admitted call: what it used, what it costs, and where the numbers came from.
package struct Usage: Hashable, Sendable {
    package var request: RequestID
    /// The lease that held the money; nil when the hold was zero.
    package var lease: LeaseID?
    package var key: KeyID
    package var project: ProjectID
    package var admittedAt: Instant
    /// The model that the client asked for and pays for.
    package var model: String
    package var upstream: String
    /// The model that the upstream was asked for, which is what the upstream costs.
    package var upstreamModel: String
    package var endpoint: Endpoint
    package var isStreamed: Bool
    package var serviceTier: ServiceTier
    package var contextTier: ContextTier
    package var tokens: TokenUsage
    package var webSearches: Int64
    /// From admission to settlement.
    package var latencyMilliseconds: Int64
    /// From the request leaving to the first byte of the answer; nil when none came.
    package var firstByteMilliseconds: Int64?
    /// The HTTP status that the client was given.
    package var status: Int
    package var outcome: UsageOutcome
    package var source: UsageSource
    package var priceVersion: PriceVersion
    /// The upper bound that admission set aside.
    package var hold: Pico
    /// What the customer pays: Σ tokens × price, at most `hold`, never negative.
    package var charge: Pico
    /// What the prices say beyond `hold`: the operator's loss, and an anomaly.
    package var excess: Pico
    /// What the upstream is expected to bill; nil when no price for it is known.
    package var upstreamCost: Pico?
    /// The attempts that came to nothing before the one that `upstream` and the rest tell of.
    package var attempts: [UpstreamAttempt]
    /// The currency of `upstreamCost`; nil where it is the account's own.
    package var upstreamCostCurrency: Currency?
    /// The output cap that credit lowered the call to; nil when it had the one that it asked for.
    package var loweredCap: Int64?
    /// The caps that its hold was taken from, which its charge is taken from in turn.
    package var capped: CappedScopes

    package init(
        request: RequestID,
        lease: LeaseID?,
        key: KeyID,
        project: ProjectID,
        admittedAt: Instant,
        model: String,
        upstream: String,
        upstreamModel: String,
        endpoint: Endpoint,
        isStreamed: Bool,
        priceVersion: PriceVersion,
        hold: Pico
    ) {
        self.request = request
        self.lease = lease
        self.key = key
        self.project = project
        self.admittedAt = admittedAt
        self.model = model
        self.upstream = upstream
        self.upstreamModel = upstreamModel
        self.endpoint = endpoint
        self.isStreamed = isStreamed
        self.priceVersion = priceVersion
        self.hold = hold
        serviceTier = .standard
        contextTier = .base
        tokens = TokenUsage()
        webSearches = 0
        latencyMilliseconds = 0
        firstByteMilliseconds = nil
        status = 0
        outcome = .interrupted
        source = .none
        charge = .zero
        excess = .zero
        upstreamCost = nil
        attempts = []
        upstreamCostCurrency = nil
        loweredCap = nil
        capped = []
    }
}

/// The public routes that reach an upstream.
package enum Endpoint: String, CaseIterable, Sendable {
    case chatCompletions = "chat_completions"
    case completions
    case responses
    case embeddings
    case messages
}

/// How an admitted call ended.
package enum UsageOutcome: String, CaseIterable, Sendable {
    /// The whole answer reached the client.
    case completed
    /// The client left; the upstream was drained.
    case clientGone = "client_gone"
    /// The upstream answered with an error of its own before any content.
    case upstreamRefused = "upstream_refused"
    /// The upstream could not be reached, broke off, or sent what cannot be read.
    case upstreamFailed = "upstream_failed"
    /// The upstream went silent, or the call reached its deadline.
    case timedOut = "timed_out"
    /// The instance died while the call ran, recorded by the next start; or lost its lease before
    /// the call could leave.
    case interrupted
}

/// Where the token counts of a usage event came from.
package enum UsageSource: String, CaseIterable, Sendable {
    /// The upstream's complete report.
    case upstreamFinal = "upstream_final"
    /// The upstream's report as far as it came.
    case upstreamPartial = "upstream_partial"
    /// Counted here with the model's own vocabulary.
    case counted
    /// Estimated here from text.
    case estimated
    /// Nothing was used, or nothing is known.
    case none
}
