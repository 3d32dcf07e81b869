import Schema
import Testing

@testable import Ledger

/// How often calls of an account that may spend nothing ask the database.
@Suite struct OverdrawnWaiterTests {
    private static let overdrawn = HeadSummary(
        version: 1,
        balance: Pico(500),
        creditLimit: .zero,
        escrowed: Pico(400),
        reserved: .zero,
        overdrawn: Pico(10),
        isSuspended: false
    )

    @Test func `Calls that keep coming to an overdrawn account ask five times a second`() {
        var book = LeaseBook(
            account: AccountID(high: 1, low: 1),
            firstLease: LeaseID(high: 2, low: 2),
            settings: EscrowSettings()
        )
        let start = ContinuousClock.now
        let tenure = EscrowTenure(
            identity: InstanceIdentity(
                instance: InstanceID(high: 3, low: 3),
                epoch: 1,
                nonce: Nonce(high: 4, low: 4)
            ),
            validUntil: start + .seconds(600)
        )
        var (asked, refused) = (0, 0)
        for millisecond in 0..<10_000 {
            let now = start + .milliseconds(millisecond)
            var actions = book.tick(now: now, tenure: tenure)
            actions += book.wait(
                UInt64(millisecond),
                want: Pico(10),
                least: Pico(10),
                deadline: now + .seconds(2),
                now: now,
                tenure: tenure
            )
            while let action = actions.popLast() {
                switch action {
                case .acquire(let request):
                    asked += 1
                    let reply = AcquireReply(
                        granted: .zero,
                        head: Self.overdrawn,
                        isLeaseClosed: false
                    )
                    actions += book.completed(request, .success(reply), now: now, tenure: tenure)
                case .resume(_, let result):
                    guard case .failure(let refusal) = result else { continue }
                    refused += 1
                    #expect(refusal.reason == .tiedUp(retryAfter: .seconds(1)))
                default: continue
                }
            }
        }
        #expect(refused > 7_000)
        #expect((10...60).contains(asked), "\(asked)")
    }
}
