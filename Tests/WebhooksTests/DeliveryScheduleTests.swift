import Schema
import Testing

@testable import Webhooks

@Suite struct DeliveryScheduleTests {
    private let start = Instant(microseconds: 0)

    @Test func `a delivery is tried for three days and then given up`() {
        var now = start
        var pauses: [Int64] = []
        for tries in 1... {
            guard let next = DeliverySchedule.next(after: tries, beganAt: start, now: now) else {
                break
            }
            pauses.append((next.microseconds - now.microseconds) / 1_000_000)
            now = next
        }
        #expect(pauses.prefix(6) == [5, 30, 120, 600, 1_800, 3_600])
        #expect(pauses == pauses.sorted())
        let seconds = now.microseconds / 1_000_000
        #expect(seconds <= 3 * 86_400 && seconds > 3 * 86_400 - 3_600)
    }

    @Test(arguments: [(nil, 5), (-1, 5), (60, 60), (999_999, 3_600)] as [(Int64?, Int64)])
    func `a receiver may ask to wait, up to an hour`(wait: Int64?, pause: Int64) {
        let next = DeliverySchedule.next(after: 1, beganAt: start, now: start, wait: wait)
        #expect(next == start.adding(seconds: pause))
    }
}
