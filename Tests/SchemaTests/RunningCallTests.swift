import Testing

@testable import Schema

@Suite struct RunningCallTests {
    private func call(_ second: Int64, _ name: String) -> RunningCall {
        let at = Instant(microseconds: second * 1_000_000)
        return RunningCall(
            request: .make(at: at),
            account: .make(at: at),
            accountName: name,
            currency: .usd,
            key: .make(at: at),
            model: "m",
            upstream: "u",
            upstreamModel: "m",
            endpoint: .chatCompletions,
            isStreamed: true,
            admittedAt: at,
            milliseconds: 0,
            firstByteMilliseconds: nil,
            bytes: 0,
            outputTokens: 0,
            hold: .zero,
            failedAttempts: 0
        )
    }

    @Test func `lists of several loops come to the oldest calls and the count of all`() {
        let one = RunningCallList(calls: [call(4, "d"), call(1, "a")], count: 7)
        let other = RunningCallList(calls: [call(3, "c"), call(2, "b")], count: 2)
        let all = one.merging(other, limit: 3)
        #expect(all.calls.map(\.accountName) == ["a", "b", "c"])
        #expect(all.count == 9)
        #expect(RunningCallList().merging(all, limit: 9) == all)
    }
}
