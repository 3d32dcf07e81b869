import Formats
import Ledger
import Schema

/// `GET /v1/usage` and `GET /v1/usage/{request_id}`: what the key itself has used.
struct UsageRoutes {
    let usage: KeyUsage

    func report(_ caller: Caller, query: String?) async throws(APIError) -> String {
        let span = try KeyUsage.Span(query: query)
        return try await answer { try await usage.report(KeyUsage.Asker(caller), span) }
    }

    /// - Parameter name: as clients see it, `req_` and 32 hexadecimal digits, or these alone.
    func explanation(_ name: String, _ caller: Caller) async throws(APIError) -> String {
        let digits = name.hasPrefix("req_") ? String(name.dropFirst(4)) : name
        guard let request = RequestID(digits) else { throw unknown(name) }
        let found = try await answer { try await usage.explain(KeyUsage.Asker(caller), request) }
        guard let found else { throw unknown(name) }
        return found
    }

    /// The same answer for a call of nobody and for one of another key.
    private func unknown(_ name: String) -> APIError {
        APIError(.callNotFound, "This API key has made no call \"\(name)\" that has ended.")
    }

    private func answer<Value>(
        _ body: () async throws -> Value
    ) async throws(APIError) -> Value {
        do {
            return try await body()
        } catch {
            throw APIError(
                .unavailable(retryAfterSeconds: 1),
                "The ledger cannot be read at the moment."
            )
        }
    }
}

extension KeyUsage.Span {
    /// Reads `from`, `to` and `by`; anything else in a query is refused.
    init(query: String?) throws(APIError) {
        var values: [String: String] = [:]
        for part in (query ?? "").split(separator: "&") {
            let pair = part.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let name = String(pair[0])
            guard ["from", "to", "by"].contains(name) else {
                throw Self.fault(name, "is not a parameter of this route: from, to, by")
            }
            guard values[name] == nil else { throw Self.fault(name, "is given twice") }
            let text = pair.count == 2 ? String(pair[1]) : ""
            guard let value = text.percentDecoded else {
                throw Self.fault(name, "is not percent-encoded UTF-8")
            }
            values[name] = value
        }
        from = try Self.instant("from", values)
        to = try Self.instant("to", values)
        var dimensions: [UsageDimension] = []
        for name in (values["by"] ?? "day").split(separator: ",") {
            guard let dimension = UsageDimension(rawValue: String(name)) else {
                let all = UsageDimension.allCases.map(\.rawValue).joined(separator: ", ")
                throw Self.fault("by", "takes \(all)")
            }
            if !dimensions.contains(dimension) { dimensions.append(dimension) }
        }
        self.dimensions = dimensions
    }

    private static func instant(
        _ name: String,
        _ values: [String: String]
    ) throws(APIError) -> Instant? {
        guard let text = values[name] else { return nil }
        guard let instant = Instant(text) else {
            throw fault(name, "must be a date (2026-12-31) or an RFC 3339 time")
        }
        return instant
    }

    private static func fault(_ name: String, _ message: String) -> APIError {
        APIError(
            .invalidRequest(code: "invalid_parameter", parameter: name),
            "\"\(name)\" \(message)."
        )
    }
}
