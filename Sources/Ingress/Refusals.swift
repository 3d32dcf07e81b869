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

    init(_ refusal: AdmissionRefusal, in currency: Currency) {
        let message = refusal.message(in: currency)
        switch refusal {
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
    init(_ facts: CallFacts) {
        self.init(
            inputTokensBound: facts.inputTokensBound,
            outputTokensAsked: facts.outputCap
        )
        outputTokensFloor = facts.outputCapFloor
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
