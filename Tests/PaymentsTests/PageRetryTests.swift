import Testing

@testable import Payments

@Suite struct PageRetryTests {
    private let now = ContinuousClock.now

    private func pauses(_ codes: [PaymentError.Code]) -> (pauses: [Duration?], attempt: Int) {
        var retry = PageRetry(until: now + .seconds(5))
        let pauses = codes.map { retry.pause(after: PaymentError($0, ""), at: now) }
        return (pauses, retry.attempt)
    }

    @Test func `what may go better is asked for three times more, ever later`() {
        let found = pauses([.unavailable, .unavailable, .unavailable, .unavailable])
        #expect(
            found.pauses == [.milliseconds(250), .milliseconds(500), .milliseconds(1_000), nil]
        )
        #expect(found.attempt == 1)
    }

    @Test func `only what said that it failed is tried another way`() {
        #expect(pauses([.failed, .unavailable, .failed]).attempt == 3)
    }

    @Test func `what refuses is not asked again`() {
        #expect(pauses([.refused]).pauses == [nil])
    }

    @Test func `nobody is kept waiting behind the deadline`() {
        var retry = PageRetry(until: now + .milliseconds(200))
        #expect(retry.pause(after: PaymentError(.failed, ""), at: now) == nil)
    }
}
