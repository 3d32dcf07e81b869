import Billing
import HTTPServer
import Ledger
import Payments
import Schema
import Testing

@testable import Console

@Suite struct ProblemTests {
    @Test func `a program can tell the guards of prices apart and act on them`() throws {
        let earliest = try #require(Instant("2026-12-01"))
        let problem = Problem(any: PriceBookError.effectiveTooSoon(earliest: earliest))
        #expect(problem.status == 422)
        let text = String(decoding: problem.response.body, as: UTF8.self)
        #expect(text.contains(#""type": "urn:farebox:price-too-soon""#))
        #expect(text.contains(#""earliest": "\#(earliest.description)""#))
    }

    @Test(
        arguments: [
            (.noVersion(PriceVersion(9)), 404), (.noPlan("gold"), 404),
            (.superseded(plan: "gold"), 412), (.invalidPlan("no"), 422),
            (.outcomeUnknown, 503), (.database("gone"), 503),
        ] as [(PriceBookError, Int)]
    )
    func `what is not there, what has changed and what is down are told apart`(
        error: PriceBookError,
        status: Int
    ) {
        #expect(Problem(any: error).status == status)
    }

    @Test(
        arguments: [
            (.unavailable, "urn:farebox:payment-provider-unavailable", "5"),
            (.failed, "urn:farebox:payment-provider-unavailable", "5"),
            (.refused, "urn:farebox:payment-provider-refused", nil),
        ] as [(PaymentError.Code, String, String?)]
    )
    func `a payment provider that fails can be told from one that refuses`(
        code: PaymentError.Code,
        type: String,
        retryAfter: String?
    ) {
        let response = Problem(any: PaymentError(code, "sk_test_hush")).response
        let text = String(decoding: response.body, as: UTF8.self)
        #expect(response.status == 502 && text.contains(type) && !text.contains("hush"))
        #expect(response.fields["retry-after"] == retryAfter)
    }

    @Test func `what the database said is in no answer`() {
        let error = LedgerError(.refused, "a rule forbids it", cause: "table account_heads")
        let text = String(decoding: Problem(any: error).response.body, as: UTF8.self)
        #expect(text.contains("a rule forbids it") && !text.contains("account_heads"))
        #expect(error.description.contains("account_heads"))
    }

    @Test func `a file that is no JSON and one that is no price file are the sender's fault`() {
        let broken = #expect(throws: PriceFileError.self) { try PriceFile(parsing: []) }
        #expect(broken.map { Problem(any: $0).status } == 400)
        let other = #expect(throws: PriceFileError.self) {
            try PriceFile(parsing: Array("{}".utf8))
        }
        #expect(other.map { Problem(any: $0).status } == 422)
    }
}
