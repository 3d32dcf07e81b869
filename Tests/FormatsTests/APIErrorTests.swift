import Schema
import Testing

@testable import Formats

@Suite struct APIErrorTests {
    private let shortage = CreditShortage(
        balance: Pico(1_500_000_000_000),
        held: Pico(250_000_000_000),
        needed: Pico(2_560_000_000_001),
        limitedBy: "balance"
    )

    private var table: [(APIError.Kind, Int, openAI: String, anthropic: String)] {
        [
            (.invalidKey, 401, "invalid_request_error/invalid_api_key", "authentication_error"),
            (.permissionDenied, 403, "invalid_request_error/permission_denied", "permission_error"),
            (.modelNotFound, 404, "invalid_request_error/model_not_found", "not_found_error"),
            (.routeNotFound, 404, "invalid_request_error/unknown_url", "not_found_error"),
            (
                .methodNotAllowed(allowed: "POST"), 405, "invalid_request_error/method_not_allowed",
                "invalid_request_error"
            ),
            (
                .invalidRequest(code: "invalid_type", parameter: "n"), 400,
                "invalid_request_error/invalid_type", "invalid_request_error"
            ),
            (.tooLarge, 413, "invalid_request_error/request_too_large", "request_too_large"),
            (
                .insufficientQuota(shortage), 402, "insufficient_quota/insufficient_quota",
                "billing_error"
            ),
            (
                .creditHeld(shortage, retryAfterSeconds: 2), 429, "rate_limit_error/credit_held",
                "rate_limit_error"
            ),
            (
                .rateLimited(limitedBy: "requests_per_minute", retryAfterSeconds: 9), 429,
                "rate_limit_error/rate_limit_exceeded", "rate_limit_error"
            ),
            (.upstreamFailed, 502, "server_error/upstream_error", "api_error"),
            (.upstreamTimedOut, 504, "server_error/upstream_error", "timeout_error"),
            (
                .unavailable(retryAfterSeconds: 0), 503, "server_error/unavailable",
                "overloaded_error"
            ),
            (.internal, 500, "server_error/internal_error", "api_error"),
        ]
    }

    private func string(_ object: JSONObject, _ name: StaticString) -> String? {
        object[name]?.string(in: object.bytes)
    }

    @Test func `every refusal has its status and its type in both formats`() throws {
        for (kind, status, openAI, anthropic) in table {
            let error = APIError(kind, "Because\n\"of\" this")
            let first = error.render(.openAI, requestID: "req_1")
            let object = try JSONObject(scanning: first.body)
            let inner = try JSONObject(scanning: first.body, in: #require(object["error"]).range)
            #expect(first.status == status)
            #expect(inner.fields.map(\.name.text) == ["message", "type", "param", "code"])
            #expect(string(inner, "message") == "Because\n\"of\" this")
            #expect("\(string(inner, "type") ?? "")/\(string(inner, "code") ?? "")" == openAI)

            let second = error.render(.anthropic, requestID: "req_1")
            let outer = try JSONObject(scanning: second.body)
            let nested = try JSONObject(scanning: second.body, in: #require(outer["error"]).range)
            #expect(second.status == status)
            #expect(string(outer, "type") == "error")
            #expect(string(outer, "request_id") == "req_1")
            #expect(string(nested, "type") == anthropic)
            #expect(string(nested, "message") == "Because\n\"of\" this")
        }
    }

    private func fields(_ kind: APIError.Kind) -> [String: String] {
        let rendered = APIError(kind, "").render(.anthropic, requestID: "r")
        return Dictionary(uniqueKeysWithValues: rendered.fields.map { ($0.name, $0.value) })
    }

    @Test func `an SDK is told not to retry for want of money, and when to retry else`() {
        #expect(fields(.insufficientQuota(shortage))["x-should-retry"] == "false")
        #expect(fields(.insufficientQuota(shortage))["retry-after"] == nil)
        #expect(fields(.creditHeld(shortage, retryAfterSeconds: 2))["retry-after"] == "2")
        #expect(fields(.rateLimited(limitedBy: "x", retryAfterSeconds: 9))["retry-after"] == "9")
        #expect(fields(.unavailable(retryAfterSeconds: 0))["retry-after"] == "1")
        #expect(fields(.methodNotAllowed(allowed: "GET"))["allow"] == "GET")
        #expect(fields(.internal) == ["content-type": "application/json"])
    }

    @Test func `a refusal for money carries figures that can be verified`() {
        let refused = APIError(.insufficientQuota(shortage), "No").render(.openAI, requestID: "r")
        #expect(
            text(refused.body)
                == #"{"error":{"message":"No","type":"insufficient_quota","param":null,"#
                + #""code":"insufficient_quota"},"farebox":{"balance":"1.5","held":"0.25","#
                + #""needed":"2.560000000001","limited_by":"balance"}}"#
        )
        let limited = APIError(.rateLimited(limitedBy: "rpm", retryAfterSeconds: 1), "No")
        #expect(
            text(limited.render(.anthropic, requestID: "r").body).hasSuffix(
                #","farebox":{"balance":null,"held":null,"needed":null,"limited_by":"rpm"}}"#
            )
        )
    }

    @Test func `a request fault keeps its field and its code`() throws {
        let error = APIError(RequestFault.unsupported("tools[0].type", "is odd"))
        let body = text(error.render(.openAI, requestID: "r").body)
        #expect(body.contains(#""param":"tools[0].type","code":"unsupported_parameter""#))
    }
}
