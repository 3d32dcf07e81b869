import Ingress
import Testing

@testable import farebox

@Suite struct UpstreamWatchTests {
    private typealias Change = UpstreamWatch.Change

    @Test func `an upstream is told once when it goes down and once when it is back`() {
        var watch = UpstreamWatch()
        #expect(watch.look([("a", .closed), ("b", .closed)]) == [])
        #expect(
            watch.look([("a", .open), ("b", .closed)]) == [Change(upstream: "a", isDown: true)]
        )
        // A probe, a failed probe, and another.
        for state in [UpstreamStatus.Circuit.halfOpen, .open, .open, .halfOpen] {
            #expect(watch.look([("a", state), ("b", .closed)]) == [])
        }
        let back = watch.look([("a", .closed), ("b", .open)])
        #expect(
            back == [Change(upstream: "a", isDown: false), Change(upstream: "b", isDown: true)]
        )
    }

    @Test func `an upstream that is configured no more is forgotten`() {
        var watch = UpstreamWatch()
        #expect(watch.look([("a", .open)]).count == 1)
        #expect(watch.look([]) == [])
        #expect(watch.look([("a", .closed)]) == [])
        #expect(watch.look([("a", .open)]) == [Change(upstream: "a", isDown: true)])
    }
}
