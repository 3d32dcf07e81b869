import Testing

@testable import Ingress

@Suite struct CircuitBreakerTests {
    private let start = ContinuousClock.now

    private func opened(at instant: ContinuousClock.Instant) -> CircuitBreaker {
        var breaker = CircuitBreaker()
        for _ in 0..<5 {
            #expect(breaker.enter(at: instant) == .free)
            breaker.fail(isProbe: false, at: instant)
        }
        return breaker
    }

    @Test func `failures in a row open it, and a success between them does not`() {
        var breaker = CircuitBreaker()
        for _ in 0..<4 { breaker.fail(isProbe: false, at: start) }
        #expect(!breaker.isQuiet)
        breaker.succeed(isProbe: false)
        #expect(breaker.isQuiet)
        for _ in 0..<4 { breaker.fail(isProbe: false, at: start) }
        #expect(breaker.enter(at: start) == .free)
        breaker.fail(isProbe: false, at: start)
        #expect(breaker.enter(at: start) == .refused)
    }

    @Test func `one probe at a time decides`() {
        var breaker = opened(at: start)
        #expect(breaker.enter(at: start + .milliseconds(4_999)) == .refused)
        #expect(breaker.enter(at: start + .seconds(5)) == .probe)
        #expect(breaker.enter(at: start + .seconds(6)) == .refused)
        breaker.succeed(isProbe: true)
        #expect(breaker.enter(at: start + .seconds(6)) == .free)
        #expect(breaker.isQuiet)
    }

    @Test func `a failed probe opens it for twice as long, up to a minute`() {
        var breaker = opened(at: start)
        var now = start
        for wait in [5, 10, 20, 40, 60, 60] {
            #expect(breaker.enter(at: now + .seconds(wait) - .milliseconds(1)) == .refused)
            now += .seconds(wait)
            #expect(breaker.enter(at: now) == .probe)
            breaker.fail(isProbe: true, at: now)
        }
        #expect(breaker.enter(at: now + .seconds(60)) == .probe)
        breaker.succeed(isProbe: true)
        for _ in 0..<5 { breaker.fail(isProbe: false, at: now) }
        #expect(breaker.state == .open(until: now + .seconds(5)))
    }

    @Test func `calls from before the opening decide nothing`() {
        var breaker = opened(at: start)
        breaker.succeed(isProbe: false)
        breaker.fail(isProbe: false, at: start + .seconds(3))
        #expect(breaker.state == .open(until: start + .seconds(5)))
        #expect(breaker.enter(at: start + .seconds(5)) == .probe)
        breaker.succeed(isProbe: false)
        #expect(breaker.state == .halfOpen)
    }

    @Test func `a probe that was given up leaves the decision to the next call`() {
        var breaker = opened(at: start)
        #expect(breaker.enter(at: start + .seconds(5)) == .probe)
        breaker.giveUp(isProbe: true, at: start + .seconds(6))
        #expect(breaker.enter(at: start + .seconds(6)) == .probe)
    }

    @Test func `a probe that has begun to be answered lets others go, and still decides`() {
        var breaker = opened(at: start)
        let later = start + .seconds(5)
        #expect(breaker.enter(at: later) == .probe)
        breaker.begin(isProbe: true)
        #expect(breaker.enter(at: later) == .free)
        // Neither those nor calls from before the opening decide.
        breaker.succeed(isProbe: false)
        breaker.fail(isProbe: false, at: later)
        #expect(breaker.state == .recovering)
        breaker.fail(isProbe: true, at: later)
        #expect(breaker.state == .open(until: later + .seconds(10)))
    }

    @Test func `under other settings an opening lasts no longer than they allow`() {
        let breaker = opened(at: start)
        var settings = CircuitSettings()
        settings.openForMax = .seconds(2)
        #expect(
            breaker.resumed(under: settings, at: start).state == .open(until: start + .seconds(2))
        )
        var probing = breaker
        _ = probing.enter(at: start + .seconds(5))
        let resumed = probing.resumed(under: settings, at: start + .seconds(6))
        #expect(resumed.state == .open(until: start + .seconds(6)))
    }
}
