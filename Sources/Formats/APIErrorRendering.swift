import Schema

/// A whole answer, but for the fields that every answer has.
package struct RenderedError: Sendable {
    package let status: Int
    /// Lower-case names, `content-type` included.
    package let fields: [(name: String, value: String)]
    package let body: [UInt8]
}

extension APIError {
    /// The answer in the caller's format.
    package func render(_ format: APIFormat, requestID: String) -> RenderedError {
        RenderedError(status: status, fields: fields, body: body(format, requestID: requestID))
    }

    private var fields: [(name: String, value: String)] {
        var fields = [(name: "content-type", value: "application/json")]
        switch kind {
        case .insufficientQuota:
            // The SDKs retry by status unless told not to.
            fields.append(("x-should-retry", "false"))
        case .creditHeld(_, let seconds), .rateLimited(_, let seconds), .unavailable(let seconds):
            fields.append(("retry-after", String(max(1, seconds))))
        case .conflict:
            fields.append(("retry-after", "1"))
        case .methodNotAllowed(let allowed):
            fields.append(("allow", allowed))
        case .invalidKey:
            fields.append(("www-authenticate", "Bearer"))
        default:
            break
        }
        return fields
    }

    /// The body alone, as it also stands in the error event of a stream.
    func body(_ format: APIFormat, requestID: String) -> [UInt8] {
        var body: [UInt8] = []
        switch format {
        case .openAI:
            body.append(raw: #"{"error":{"message":"#)
            body.append(json: message)
            body.append(raw: #","type":"#)
            body.append(json: openAIType)
            body.append(raw: #","param":"#)
            body.append(json: parameter)
            body.append(raw: #","code":"#)
            body.append(json: openAICode)
            body.append(raw: "}")
        case .anthropic:
            body.append(raw: #"{"type":"error","error":{"type":"#)
            body.append(json: anthropicType)
            body.append(raw: #","message":"#)
            body.append(json: message)
            body.append(raw: #"},"request_id":"#)
            body.append(json: requestID)
        }
        appendCredit(to: &body)
        body.append(raw: "}")
        return body
    }

    /// The event that tells a client of the Responses format that its stream has failed: its
    /// fields are flat, unlike those of every other error of OpenAI's.
    func responsesEvent(sequenceNumber: Int64) -> [UInt8] {
        var event = Array(#"event: error\#ndata: {"type":"error","code":"#.utf8)
        event.append(json: openAICode)
        event.append(raw: #","message":"#)
        event.append(json: message)
        event.append(raw: #","param":"#)
        event.append(json: parameter)
        event += #","sequence_number":\#(sequenceNumber)"#.utf8
        appendCredit(to: &event)
        event.append(raw: "}\n\n")
        return event
    }

    private var parameter: String? {
        if case .invalidRequest(_, let parameter) = kind { parameter } else { nil }
    }

    private var openAIType: String {
        switch kind {
        case .invalidRequest, .invalidKey, .permissionDenied, .modelNotFound, .routeNotFound,
            .callNotFound, .methodNotAllowed, .tooLarge, .conflict, .unprocessable:
            "invalid_request_error"
        case .insufficientQuota: "insufficient_quota"
        case .creditHeld, .rateLimited: "rate_limit_error"
        case .upstreamFailed, .upstreamTimedOut, .unavailable, .internal: "server_error"
        }
    }

    private var openAICode: String {
        switch kind {
        case .invalidRequest(let code, _): code
        case .invalidKey: "invalid_api_key"
        case .permissionDenied: "permission_denied"
        case .modelNotFound: "model_not_found"
        case .routeNotFound: "unknown_url"
        case .callNotFound: "call_not_found"
        case .conflict(let code), .unprocessable(let code): code
        case .methodNotAllowed: "method_not_allowed"
        case .tooLarge: "request_too_large"
        case .insufficientQuota: "insufficient_quota"
        case .creditHeld: "credit_held"
        case .rateLimited: "rate_limit_exceeded"
        case .upstreamFailed, .upstreamTimedOut: "upstream_error"
        case .unavailable: "unavailable"
        case .internal: "internal_error"
        }
    }

    private var anthropicType: String {
        switch kind {
        case .invalidRequest, .methodNotAllowed, .unprocessable: "invalid_request_error"
        case .conflict: "conflict_error"
        case .invalidKey: "authentication_error"
        case .permissionDenied: "permission_error"
        case .modelNotFound, .routeNotFound, .callNotFound: "not_found_error"
        case .tooLarge: "request_too_large"
        case .insufficientQuota: "billing_error"
        case .creditHeld, .rateLimited: "rate_limit_error"
        case .upstreamFailed, .internal: "api_error"
        case .upstreamTimedOut: "timeout_error"
        case .unavailable: "overloaded_error"
        }
    }

    /// Adds the `farebox` object of a 402 or 429, whose figures are null where money is no cause.
    private func appendCredit(to body: inout [UInt8]) {
        let shortage: CreditShortage?
        let limit: String
        switch kind {
        case .insufficientQuota(let credit), .creditHeld(let credit, _):
            (shortage, limit) = (credit, credit.limitedBy)
        case .rateLimited(let name, _):
            (shortage, limit) = (nil, name)
        default:
            return
        }
        body.append(raw: #","farebox":{"balance":"#)
        body.append(json: shortage?.balance.description)
        body.append(raw: #","held":"#)
        body.append(json: shortage?.held.description)
        body.append(raw: #","needed":"#)
        body.append(json: shortage?.needed.description)
        body.append(raw: #","limited_by":"#)
        body.append(json: limit)
        if let cap = shortage?.cap {
            body.append(raw: #","cap":{"limit":"#)
            body.append(json: cap.limit.description)
            body.append(raw: #","spent":"#)
            body.append(json: cap.spent.description)
            body.append(raw: #","held":"#)
            body.append(json: cap.held.description)
            body.append(raw: "}")
        }
        body.append(raw: "}")
    }
}
