import Schema

/// An answer other than the model's, whatever the caller's format.
package struct APIError: Error, Hashable, Sendable {
    package enum Kind: Hashable, Sendable {
        case invalidRequest(code: String, parameter: String?)
        case invalidKey
        case permissionDenied
        case modelNotFound
        case routeNotFound
        /// No call of this key has that identifier.
        case callNotFound
        /// The same call runs already: it is to be asked for again in a moment.
        case conflict(code: String)
        /// A well-formed request that contradicts an earlier one.
        case unprocessable(code: String)
        case methodNotAllowed(allowed: String)
        case tooLarge
        /// The balance or a cap cannot cover the call: more of the same will not help.
        case insufficientQuota(CreditShortage)
        /// The money is there, but tied up in running calls.
        case creditHeld(CreditShortage, retryAfterSeconds: Int)
        /// `limitedBy` names the limit: `requests_per_minute`.
        case rateLimited(limitedBy: String, retryAfterSeconds: Int)
        case upstreamFailed
        case upstreamTimedOut
        /// The call cannot be admitted safely now.
        case unavailable(retryAfterSeconds: Int)
        case `internal`
    }

    package let kind: Kind
    /// For people: what happened, and what to do about it.
    package let message: String

    package init(_ kind: Kind, _ message: String) {
        self.kind = kind
        self.message = message
    }

    package init(_ fault: RequestFault) {
        self.init(.invalidRequest(code: fault.code, parameter: fault.parameter), fault.message)
    }

    /// The HTTP status, the same in both formats.
    package var status: Int {
        switch kind {
        case .invalidRequest: 400
        case .invalidKey: 401
        case .insufficientQuota: 402
        case .permissionDenied: 403
        case .modelNotFound, .routeNotFound, .callNotFound: 404
        case .methodNotAllowed: 405
        case .conflict: 409
        case .tooLarge: 413
        case .unprocessable: 422
        case .creditHeld, .rateLimited: 429
        case .internal: 500
        case .upstreamFailed: 502
        case .unavailable: 503
        case .upstreamTimedOut: 504
        }
    }
}

/// The figures behind a refusal for lack of money, each of which can be looked up.
package struct CreditShortage: Hashable, Sendable {
    package let balance: Pico
    /// Tied up in running calls.
    package let held: Pico
    /// The upper bound of the refused call.
    package let needed: Pico
    /// What ran out: `balance`, or a cap such as `key_cap_day`.
    package let limitedBy: String
    /// The cap's own figures, where it is a cap.
    package let cap: Cap?

    /// A window of a spend cap.
    package struct Cap: Hashable, Sendable {
        package let limit: Pico
        package let spent: Pico
        package let held: Pico

        package init(limit: Pico, spent: Pico, held: Pico) {
            self.limit = limit
            self.spent = spent
            self.held = held
        }
    }

    package init(balance: Pico, held: Pico, needed: Pico, limitedBy: String, cap: Cap? = nil) {
        self.balance = balance
        self.held = held
        self.needed = needed
        self.limitedBy = limitedBy
        self.cap = cap
    }
}
