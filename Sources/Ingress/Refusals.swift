import Billing
import Curl
import Formats
import HTTPServer
import Ledger
import Schema

// What the modules below say, in the terms of the API that the caller speaks.

extension APIError {
    init(_ error: HTTPBodyError, bodyBytesMax: Int) {
        switch error {
        case .tooLarge:
            self.init(.tooLarge, "The body is larger than \(bodyBytesMax) bytes.")
        case .timedOut:
            self.init(
                .invalidRequest(code: "body_timeout", parameter: nil),
                "The body did not arrive in time."
            )
        case .malformed:
            self.init(
                .invalidRequest(code: "malformed_body", parameter: nil),
                "The body's framing is malformed."
            )
        case .clientGone:
            self.init(
                .invalidRequest(code: "client_gone", parameter: nil),
                "The client left before its body had arrived."
            )
        }
    }

    init(_ refusal: AdmissionRefusal, in currency: Currency, to endpoint: Endpoint) {
        let message = refusal.message(in: currency)
        switch refusal {
        case .unboundable(.capBelowFloor):
            let field = endpoint.leastOutputField
            let hint = ": lower “\(field)”, or use another key or model"
            self.init(
                .invalidRequest(code: "output_limit_too_low", parameter: field),
                message + (endpoint == .responses ? "" : hint)
            )
        case .noPrice, .wrongCurrency:
            self.init(.invalidRequest(code: "model_not_priced", parameter: "model"), message)
        case .unboundable:
            self.init(.invalidRequest(code: "unbounded_cost", parameter: nil), message)
        case .insufficient(let figures):
            self.init(.insufficientQuota(CreditShortage(figures)), message)
        case .tiedUp(let retryAfter, let figures):
            let seconds = Int(max(1, retryAfter.components.seconds))
            self.init(
                .creditHeld(CreditShortage(figures), retryAfterSeconds: seconds),
                message
            )
        case .unavailable, .cancelled:
            self.init(.unavailable(retryAfterSeconds: 1), message)
        case .suspended:
            self.init(.permissionDenied, message)
        }
    }
}

extension Endpoint {
    /// What of a request asks for a least output: a thinking budget, as the format has it, or the
    /// cap of the Responses API, which has a least of its own.
    fileprivate var leastOutputField: String {
        switch self {
        case .messages: "thinking.budget_tokens"
        case .responses: "max_output_tokens"
        case .chatCompletions, .completions, .embeddings: "reasoning_effort"
        }
    }
}

extension CreditShortage {
    init(_ figures: AdmissionRefusal.Figures) {
        self.init(
            balance: figures.balance,
            held: figures.held,
            needed: figures.needed,
            limitedBy: figures.cap?.name ?? "balance",
            cap: figures.cap.map { shortage in
                Cap(
                    limit: shortage.window.limit,
                    spent: shortage.window.spent,
                    held: shortage.window.escrowed
                )
            }
        )
    }
}

extension QuoteRequest {
    /// What a call in one format is bounded by.
    ///
    /// - Parameter imageTokensMax: the model's own most for an image, where it is known.
    init(_ facts: CallFacts, imageTokensMax: Int64?) {
        self.init(
            inputTokensBound: facts.inputTokensBound(imageTokensMax: imageTokensMax),
            outputTokensAsked: facts.outputCap
        )
        outputTokensFloor = min(facts.outputCapFloor, facts.outputCap ?? facts.outputCapFloor)
        choices = facts.choices
        hasImages = facts.imageCount > 0
        cacheWrites = CacheWrites(facts.cacheWrites)
        if let tier = facts.serviceTier { ask(for: tier) }
    }
}

extension QuoteRequest.CacheWrites {
    init(_ writes: Formats.CacheWrites) {
        self =
            switch writes {
            case .none: .none
            case .short: .short
            case .long: .long
            }
    }
}

extension CurlError.Kind {
    /// Why, in words for a client: nothing that curl or the system said, which may name hosts.
    var reason: String {
        switch self {
        case .resolve: "its name cannot be resolved"
        case .connect, .refusedAddress: "no connection can be made"
        case .tls, .certificateAuthorities: "no secure connection can be made"
        case .timeout: "it did not answer in time"
        case .reset: "it closed the connection before it answered"
        case .truncated: "it broke its answer off"
        case .protocolViolation, .headTooLarge: "it does not speak HTTP as it must"
        case .cancelled: "the call was cancelled"
        case .closed, .invalidRequest, .resources, .unexpected: "the call could not be made"
        }
    }
}
