import Billing
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

    @Test func `a file that is no JSON and one that is no price file are the sender's fault`() {
        let broken = #expect(throws: PriceFileError.self) { try PriceFile(parsing: []) }
        #expect(broken.map { Problem(any: $0).status } == 400)
        let other = #expect(throws: PriceFileError.self) {
            try PriceFile(parsing: Array("{}".utf8))
        }
        #expect(other.map { Problem(any: $0).status } == 422)
    }
}
