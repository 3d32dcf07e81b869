import Ledger
import Schema
import Testing

/// In what order a book serves those that wait, one event after the other.
@Suite struct EscrowFairnessTests {
    /// A book whose lease of 1 000 is all that the account has, in ten holds of 100.
    private struct Crowd {
        var book: LeaseBook
        let tenure: EscrowTenure
        var now = ContinuousClock.now
        var holds: [EscrowHold] = []
        /// Who was served, in order.
        var served: [UInt64] = []

        init() {
            book = LeaseBook(
                account: AccountID(high: 1, low: 1),
                firstLease: LeaseID(high: 2, low: 2),
                settings: EscrowSettings()
            )
            let identity = InstanceIdentity(
                instance: InstanceID(high: 3, low: 3),
                epoch: 1,
                nonce: Nonce(high: 4, low: 4)
            )
            tenure = EscrowTenure(identity: identity, validUntil: now + .seconds(600))
            for waiter in 0..<10 { wait(UInt64(waiter), for: 100) }
            served = []
        }

        mutating func wait(_ waiter: UInt64, for amount: Int128) {
            let deadline = now + .seconds(60)
            perform(
                book.wait(
                    waiter,
                    want: Pico(amount),
                    least: Pico(amount),
                    deadline: deadline,
                    now: now,
                    tenure: tenure
                )
            )
            settleDown()
        }

        mutating func releaseOne() {
            let hold = holds.removeFirst()
            perform(book.settle(hold, charge: .zero, now: now, tenure: tenure))
            settleDown()
        }

        /// Lets time go by until everything that can be decided is.
        private mutating func settleDown() {
            for _ in 0..<5 {
                now += .milliseconds(300)
                perform(book.tick(now: now, tenure: tenure))
            }
        }

        /// The database has 1 000 and not one more.
        private mutating func perform(_ actions: [LeaseAction]) {
            for action in actions {
                switch action {
                case .resume(let waiter, .success(let hold)):
                    served.append(waiter)
                    holds.append(hold)
                case .resume(let waiter, .failure(let refusal)):
                    Issue.record("\(waiter) was refused: \(refusal)")
                case .giveBack(let request):
                    Issue.record("gave back \(request.amount)")
                case .reclaim:
                    Issue.record("reclaimed in the same incarnation")
                case .recall:
                    Issue.record("recalled what nobody else has")
                case .acquire(let request):
                    let granted = book.leaseFigures?.granted ?? .zero
                    let more = min(request.want, Pico(1_000) - granted)
                    let reply = AcquireReply(
                        granted: more < request.least ? .zero : more,
                        head: HeadSummary(
                            version: 1,
                            balance: Pico(1_000),
                            creditLimit: .zero,
                            escrowed: granted + (more < request.least ? .zero : more),
                            reserved: .zero,
                            overdrawn: .zero,
                            isSuspended: false
                        ),
                        isLeaseClosed: false
                    )
                    perform(book.completed(request, .success(reply), now: now, tenure: tenure))
                }
            }
        }
    }

    @Test
    func `Those that want the same are served in the order in which they came`() {
        var crowd = Crowd()
        for waiter in 100..<106 { crowd.wait(UInt64(waiter), for: 100) }
        #expect(crowd.served.isEmpty)
        for _ in 0..<6 { crowd.releaseOne() }
        #expect(crowd.served == Array(100..<106))
    }

    @Test
    func `Small holds pass a large one that waits eight times and no more`() {
        var crowd = Crowd()
        crowd.wait(99, for: 900)
        for waiter in 100..<120 { crowd.wait(UInt64(waiter), for: 100) }
        // Each small one that is served gives its hold back, for ever if it were let.
        for _ in 0..<8 { crowd.releaseOne() }
        #expect(crowd.served == Array(100..<108))
        for _ in 0..<8 { crowd.releaseOne() }
        #expect(crowd.served.count == 8, "credit is kept for the large one now")
        crowd.releaseOne()
        #expect(crowd.served.dropFirst(8).first == 99)
    }
}
