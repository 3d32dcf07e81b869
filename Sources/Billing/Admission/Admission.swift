import Ledger
import Schema

/// What the desk must know of a call to admit it.
package struct AdmissionRequest: Sendable {
    package var account: AccountID
    package var currency: Currency
    /// The plan that the account pays by; nil for the price list.
    package var plan: String?
    /// The model as the client named it, which is what the customer pays for.
    package var model: String
    package var bounds: QuoteRequest
    package var shortCredit: ShortCredit
    /// How long the call may wait for credit that running calls hold.
    package var waitMax: Duration
    /// The spend caps that it counts for.
    package var caps: [SpendCap]
    /// How much output is held at first, and at a time while the answer comes; nil for all of it
    /// at once.
    package var sliceTokens: Int64?

    package init(
        account: AccountID,
        currency: Currency,
        plan: String? = nil,
        model: String,
        bounds: QuoteRequest,
        shortCredit: ShortCredit = .clamp,
        waitMax: Duration = .seconds(2),
        caps: [SpendCap] = [],
        sliceTokens: Int64? = nil
    ) {
        self.account = account
        self.currency = currency
        self.plan = plan
        self.model = model
        self.bounds = bounds
        self.shortCredit = shortCredit
        self.waitMax = waitMax
        self.caps = caps
        self.sliceTokens = sliceTokens
    }
}

/// A call that may go upstream: its money is set aside, and its terms are fixed.
///
/// Ends in exactly one `AdmissionDesk.settle` or `release`.
package struct Admission: Sendable {
    package let hold: EscrowHold
    /// How the hold grows while the answer comes; nil when it covers the whole cap.
    package let growth: HoldGrowth?
    /// Decides the prices and the windows of caps; recorded on the usage event.
    package let admittedAt: Instant
    /// What the call is charged by, whatever is published meanwhile.
    package let terms: PriceTerms
    /// The prompt that the hold covers, in tokens.
    package let inputTokens: Int64
    /// The most that the upstream may answer; to be written into its request unless it says so.
    package let outputCap: Int64
    /// Whether credit was too short for the cap asked for, or for the model's limit.
    package let wasCapLowered: Bool

    /// The output of each choice that the hold pays for: the cap, unless the hold is growing.
    package var coveredOutput: Int64 { growth?.covered(by: hold) ?? outputCap }

    /// The same call with more set aside for it.
    package func holding(_ hold: EscrowHold) -> Admission {
        Admission(
            hold: hold,
            growth: growth,
            admittedAt: admittedAt,
            terms: terms,
            inputTokens: inputTokens,
            outputCap: outputCap,
            wasCapLowered: wasCapLowered
        )
    }

    /// What a usage costs by these terms, never above the hold; `requests` is 0 where the
    /// upstream served nothing.
    package func charge(
        tokens: TokenUsage,
        webSearches: Int64 = 0,
        requests: Int64 = 1,
        serviceTier: ServiceTier
    ) -> Charge {
        Charge(
            tokens: tokens,
            webSearches: webSearches,
            requests: requests,
            serviceTier: serviceTier,
            terms: terms,
            hold: hold.amount
        )
    }
}

extension Result<Admission, AdmissionRefusal> {
    /// Whether less money than was asked for is there: what makes tighter bounds worth their work.
    package var isShortOfMoney: Bool {
        switch self {
        case .success(let admission): admission.wasCapLowered
        case .failure(.insufficient), .failure(.tiedUp): true
        case .failure: false
        }
    }
}

/// Why a call was not admitted; each has its status in the interface.
package enum AdmissionRefusal: Error, Hashable, Sendable {
    /// The figures behind a refusal for money.
    package struct Figures: Hashable, Sendable {
        package let balance: Pico
        /// What running calls have set aside.
        package let held: Pico
        /// The least that would have admitted the call.
        package let needed: Pico
        /// The cap that ran out; nil when it is the balance.
        package let cap: CapShortage?

        package init(balance: Pico, held: Pico, needed: Pico, cap: CapShortage? = nil) {
            self.balance = balance
            self.held = held
            self.needed = needed
            self.cap = cap
        }
    }

    /// The model has no price in any currency (404).
    case noPrice(model: String)
    /// The model has prices, but none in the account's currency (404).
    case wrongCurrency(model: String, Currency)
    /// No bound of the cost can be given (400).
    case unboundable(QuoteRefusal)
    /// The balance itself, or a cap, cannot cover it (402).
    case insufficient(Figures)
    /// Running calls have the money now (429).
    case tiedUp(retryAfter: Duration, Figures)
    /// Nothing can be admitted safely now (503).
    case unavailable
    /// The account is suspended (403).
    case suspended
    /// The caller's task was cancelled while it waited.
    case cancelled
}

extension AdmissionRefusal {
    init(_ refusal: EscrowRefusal) {
        let figures = Figures(
            balance: refusal.balance,
            held: refusal.held,
            needed: refusal.needed,
            cap: refusal.cap
        )
        switch refusal.reason {
        case .insufficient: self = .insufficient(figures)
        case .tiedUp(let retryAfter): self = .tiedUp(retryAfter: retryAfter, figures)
        case .unavailable: self = .unavailable
        case .suspended: self = .suspended
        case .cancelled: self = .cancelled
        }
    }

    /// A sentence that a person can act on, with amounts in the account's currency.
    package func message(in currency: Currency) -> String {
        switch self {
        case .noPrice(let model): "“\(model)” is not offered: it has no price"
        case .wrongCurrency(let model, let currency):
            "“\(model)” is not offered: it has no price in \(currency)"
        case .unboundable(let refusal): refusal.description
        case .insufficient(let figures):
            figures.cap?.message(needing: figures.needed, in: currency)
                ?? "the balance of \(currency.text(figures.balance)), of which "
                + "\(currency.text(figures.held)) is held by running calls, does not cover the "
                + "\(currency.text(figures.needed)) that this call could cost at least: add "
                + "credit, or send a lower output cap"
        case .tiedUp(_, let figures):
            figures.cap?.message(needing: figures.needed, in: currency)
                ?? "\(currency.text(figures.held)) of \(currency.text(figures.balance)) is held by "
                + "running calls, and this call needs \(currency.text(figures.needed)): retry soon"
        case .unavailable: "calls cannot be admitted safely at the moment: retry soon"
        case .suspended: "the account is suspended"
        case .cancelled: "the call was given up"
        }
    }
}

extension CapShortage {
    /// A sentence that names the cap and its figures.
    fileprivate func message(needing needed: Pico, in currency: Currency) -> String {
        let per =
            switch window.period {
            case .day: " a day"
            case .month: " a month"
            case .total: " in total"
            }
        let isSpent = window.unspent < needed
        return "the \(scope.kind)'s cap of \(currency.text(window.limit))\(per), of which "
            + "\(currency.text(window.spent)) is spent and \(currency.text(window.escrowed)) is "
            + "set aside for running calls, does not cover the \(currency.text(needed)) that this "
            + "call could cost at least: "
            + (isSpent ? "raise the cap, or send a lower output cap" : "retry soon")
    }
}
