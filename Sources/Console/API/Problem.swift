import Billing
import HTTPServer
import Ledger
import Payments
import Schema

/// A refusal as RFC 9457 writes it.
struct Problem: Error, Sendable {
    let status: Int
    let title: String
    /// A sentence that a person can act on.
    let detail: String
    /// What programs tell refusals apart by that they may act on; nil where the status says it.
    var kind: Kind?
    /// What a program needs to know of such a refusal.
    var members: [(String, JSONNode)] = []

    /// The last part of the problem's `type`.
    enum Kind: String, Sendable {
        /// Prices move a thousandfold: `jumps` says which.
        case priceJumps = "price-jumps"
        /// A version that is to come would take over: `version`, `effective_at`.
        case priceOverlap = "price-overlap"
        /// Prices are published some time before they take effect: `earliest`.
        case priceTooSoon = "price-too-soon"
        /// A model's prices are incomplete: `model`.
        case priceDefect = "price-defect"
        /// What was sent is no price file.
        case priceFile = "price-file"
        /// The payment provider fails now: the same with the same idempotency key may go better.
        case providerUnavailable = "payment-provider-unavailable"
        /// The payment provider refuses, and will again until the operator does something.
        case providerRefused = "payment-provider-refused"
    }

    init(_ status: Int, _ detail: String) {
        self.status = status
        self.detail = detail
        title =
            switch status {
            case 400: "Bad request"
            case 401: "A token is needed"
            case 403: "Not for this role"
            case 404: "Not found"
            case 405: "Method not allowed"
            case 409: "In conflict with what is there"
            case 412: "Changed meanwhile"
            case 413: "Too large"
            case 415: "Not JSON"
            case 422: "Refused by a rule"
            case 502: "The payment provider failed"
            case 503: "Try again later"
            default: "Failed"
            }
    }

    /// The ledger's own words are for people; what went wrong inside is for the log.
    init(_ error: LedgerError) {
        switch error.code {
        case .notFound: self.init(404, error.message)
        case .conflict: self.init(409, error.message)
        case .invalid, .refused: self.init(422, error.message)
        case .unavailable, .learning, .failedOver:
            self.init(503, "the database cannot be reached now; nothing changed")
        case .outcomeUnknown:
            self.init(503, "the database did not confirm; repeat with the same idempotency key")
        case .superseded: self.init(412, error.message)
        case .journalCopied, .outOfSequence, .corrupt:
            self.init(500, "something is wrong with the ledger: see the log")
        }
    }

    init(_ error: PriceBookError) {
        switch error {
        case .outcomeUnknown: self.init(503, error.description)
        case .noPlan, .noVersion: self.init(404, error.description)
        case .superseded: self.init(412, error.description)
        case .jumps(let changes):
            self.init(422, error.description)
            kind = .priceJumps
            members = [("jumps", .array(changes.map { .text($0.description) }))]
        case .overlaps(let later):
            self.init(422, error.description)
            kind = .priceOverlap
            members = [
                ("version", .integer(later.version.number)),
                ("effective_at", .text(later.effectiveAt.description)),
            ]
        case .effectiveTooSoon(let earliest):
            self.init(422, error.description)
            kind = .priceTooSoon
            members = [("earliest", .text(earliest.description))]
        case .defect(let model, _):
            self.init(422, error.description)
            kind = .priceDefect
            members = [("model", .text(model))]
        case .database: self.init(503, "the database cannot be reached now; nothing changed")
        case .incomparable, .invalidPlan: self.init(422, error.description)
        }
    }

    init(_ error: PriceFileError) {
        switch error {
        case .notJSON: self.init(400, error.description)
        case .shape:
            self.init(422, error.description)
            kind = .priceFile
        }
    }

    /// What the provider said is for the log.
    init(_ error: PaymentError) {
        if error.isRetrySafe {
            self.init(
                502,
                "the payment provider has no page for this payment now: nothing is to be paid, and"
                    + " the same may be sent again"
            )
            kind = .providerUnavailable
        } else {
            self.init(
                502,
                "the payment provider refuses this payment: nothing is to be paid, and an operator"
                    + " has to look at it"
            )
            kind = .providerRefused
        }
    }

    /// What any failure of a handler is to the caller.
    init(any error: any Error) {
        switch error {
        case let problem as Problem: self = problem
        case let error as LedgerError: self.init(error)
        case let error as PriceBookError: self.init(error)
        case let error as PriceFileError: self.init(error)
        case let error as PaymentError: self.init(error)
        default: self.init(500, "something went wrong: see the log")
        }
    }

    var response: ConsoleResponse {
        var response = ConsoleResponse(
            status: status,
            type: "application/problem+json",
            JSONNode.object(
                [
                    ("type", .text(kind.map { "urn:farebox:\($0.rawValue)" } ?? "about:blank")),
                    ("title", .text(title)), ("status", .integer(Int64(status))),
                    ("detail", .text(detail)),
                ] + members
            ).line
        )
        if status == 401 { response.fields.append("www-authenticate", "Bearer") }
        if status == 503 { response.fields.append("retry-after", "1") }
        if kind == .providerUnavailable { response.fields.append("retry-after", "5") }
        return response
    }
}
