import Billing
import HTTPServer
import Ledger
import Schema

/// A refusal as RFC 9457 writes it.
struct Problem: Error, Hashable, Sendable {
    let status: Int
    let title: String
    /// A sentence that a person can act on.
    let detail: String

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
        case .database: self.init(503, "the database cannot be reached now; nothing changed")
        default: self.init(422, error.description)
        }
    }

    /// What any failure of a handler is to the caller.
    init(any error: any Error) {
        switch error {
        case let problem as Problem: self = problem
        case let error as LedgerError: self.init(error)
        case let error as PriceBookError: self.init(error)
        default: self.init(500, "something went wrong: see the log")
        }
    }

    var response: ConsoleResponse {
        var response = ConsoleResponse(
            status: status,
            type: "application/problem+json",
            JSONNode.object([
                ("type", .text("about:blank")), ("title", .text(title)),
                ("status", .integer(Int64(status))), ("detail", .text(detail)),
            ]).line
        )
        if status == 401 { response.fields.append("www-authenticate", "Bearer") }
        if status == 503 { response.fields.append("retry-after", "1") }
        return response
    }
}
