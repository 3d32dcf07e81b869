import Postgres
import Schema
import TestSupport
import Testing

@testable import Ledger

/// Several instances on one account that is short of credit.
@Suite struct EscrowRecallTests {
    /// One instance's book against a database that has so much free and so much leased elsewhere.
    private struct Desk {
        var book: LeaseBook
        let tenure: EscrowTenure
        var now = ContinuousClock.now
        var elsewhere: Pico
        var free: Pico
        var recalls = 0
        var returned: [Pico] = []
        var holds: [UInt64: EscrowHold] = [:]
        var refusals: [UInt64: EscrowRefusal] = [:]

        init(free: Int128, elsewhere: Int128) {
            (self.free, self.elsewhere) = (Pico(free), Pico(elsewhere))
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
        }

        mutating func wait(_ waiter: UInt64, want: Int128, least: Int128) {
            perform(
                book.wait(
                    waiter,
                    want: Pico(want),
                    least: Pico(least),
                    deadline: now + .seconds(2),
                    now: now,
                    tenure: tenure
                )
            )
        }

        mutating func recalled() { perform(book.recalled(now: now, tenure: tenure)) }

        mutating func settle(_ waiter: UInt64, charge: Int128) {
            guard let hold = holds[waiter] else { return }
            perform(book.settle(hold, charge: Pico(charge), now: now, tenure: tenure))
        }

        /// Lets time go by, waking the book when it wants to be.
        mutating func pass(_ time: Duration) {
            let end = now + time
            while let wake = book.nextWake(tenure: tenure), wake <= end {
                now = max(now, wake)
                perform(book.tick(now: now, tenure: tenure))
            }
            now = end
        }

        private mutating func perform(_ actions: [LeaseAction]) {
            for action in actions {
                switch action {
                case .recall: recalls += 1
                case .reclaim: Issue.record("reclaimed in the same incarnation")
                case .resume(let waiter, .success(let hold)): holds[waiter] = hold
                case .resume(let waiter, .failure(let refusal)): refusals[waiter] = refusal
                case .giveBack(let request):
                    returned.append(request.amount)
                    free += request.amount
                    let reply = GiveBackReply(
                        returned: request.amount,
                        head: head,
                        isLeaseClosed: false
                    )
                    perform(book.completed(request, .success(reply), now: now, tenure: tenure))
                case .acquire(let request):
                    let granted = free < request.least ? .zero : min(request.want, free)
                    free -= granted
                    let own = (book.leaseFigures?.granted ?? .zero) + granted
                    let reply = AcquireReply(
                        granted: granted,
                        head: head(own),
                        isLeaseClosed: false
                    )
                    perform(book.completed(request, .success(reply), now: now, tenure: tenure))
                }
            }
        }

        private var head: HeadSummary { head(book.leaseFigures?.granted ?? .zero) }

        private func head(_ own: Pico) -> HeadSummary {
            HeadSummary(
                version: 1,
                balance: free + elsewhere + own,
                creditLimit: .zero,
                escrowed: elsewhere + own,
                reserved: .zero,
                overdrawn: .zero,
                isSuspended: false
            )
        }
    }

    @Test
    func `A hold that only credit leased elsewhere can cover recalls it and is served by it`() {
        var desk = Desk(free: 0, elsewhere: 100)
        desk.wait(1, want: 60, least: 60)
        #expect(desk.recalls == 1)
        #expect(desk.holds.isEmpty)
        // The other gives back a moment later.
        desk.pass(.milliseconds(3))
        (desk.free, desk.elsewhere) = (Pico(100), .zero)
        desk.pass(.milliseconds(30))
        #expect(desk.holds[1]?.amount == Pico(60))
    }

    @Test
    func `A hold is cut to what is free only after the others had time to answer`() {
        var desk = Desk(free: 30, elsewhere: 100)
        desk.wait(1, want: 60, least: 10)
        desk.pass(.milliseconds(20))
        #expect(desk.recalls == 1)
        #expect(desk.holds.isEmpty)
        desk.pass(.milliseconds(60))
        #expect(desk.holds[1]?.amount == Pico(30))

        var answered = Desk(free: 30, elsewhere: 100)
        answered.wait(1, want: 60, least: 10)
        (answered.free, answered.elsewhere) = (Pico(100), .zero)
        answered.pass(.milliseconds(30))
        #expect(answered.holds[1]?.amount == Pico(60))
    }

    @Test
    func `Nothing is recalled when nobody else has a lease or the balance is too low anyway`() {
        var alone = Desk(free: 30, elsewhere: 0)
        alone.wait(1, want: 60, least: 10)
        #expect(alone.holds[1]?.amount == Pico(30))
        #expect(alone.recalls == 0)

        var poor = Desk(free: 10, elsewhere: 20)
        poor.wait(1, want: 60, least: 60)
        #expect(poor.refusals[1]?.reason == .insufficient)
        #expect(poor.recalls == 0)
    }

    @Test
    func `Money that stays tied up elsewhere ends in a 429 at the deadline with few recalls`() {
        var desk = Desk(free: 0, elsewhere: 100)
        desk.wait(1, want: 60, least: 60)
        desk.pass(.milliseconds(1_900))
        #expect(desk.refusals.isEmpty)
        desk.pass(.milliseconds(200))
        #expect(desk.refusals[1]?.reason == .tiedUp(retryAfter: .seconds(1)))
        #expect((2...6).contains(desk.recalls), "\(desk.recalls)")
    }

    @Test
    func `A recalled lease gives back all that no hold takes and what comes free later`() {
        var desk = Desk(free: 1_000, elsewhere: 0)
        desk.wait(1, want: 100, least: 100)
        desk.wait(2, want: 700, least: 700)
        desk.pass(.milliseconds(20))
        desk.settle(2, charge: 10)
        desk.recalled()
        #expect(desk.returned == [Pico(690)])
        desk.pass(.milliseconds(20))
        desk.settle(1, charge: 1)
        desk.pass(.milliseconds(20))
        #expect(desk.returned == [Pico(690), Pico(99)])
        #expect(desk.book.holdings.available == .zero)
    }

    @Test
    func `A recalled lease keeps what covers a hold that waits for it`() {
        var desk = Desk(free: 100, elsewhere: 0)
        desk.wait(1, want: 100, least: 100)
        desk.wait(2, want: 90, least: 90)
        desk.recalled()
        desk.settle(1, charge: 0)
        #expect(desk.holds[2]?.amount == Pico(90))
        desk.pass(.milliseconds(20))
        #expect(desk.returned == [Pico(10)])
    }

    @Test func `A recall survives its notification's payload`() {
        let accounts = (0..<200).map { AccountID(high: 7, low: UInt64($0)) }
        let recall = LeaseRecall(instance: InstanceID(high: 1, low: 2), accounts: accounts)
        #expect(LeaseRecall(payload: recall.payload) == recall)
        #expect(recall.payload.utf8.count < 8_000)
        #expect(LeaseRecall(payload: "") == nil)
        #expect(LeaseRecall(payload: "\(recall.instance) x") == nil)
    }
}

/// Recalls between instances on the real database.
@Suite(.enabled(if: TestServer.isConfigured, "FAREBOX_TEST_OWNER_URL is not set"))
struct EscrowRecallPostgresTests {
    @Test(arguments: [true, false])
    func `What one instance has idle serves a call of another, with and without notifications`(
        isListening: Bool
    ) async throws {
        try await LedgerFixture.run { ledger in
            let account = try await ledger.account(credit: Pico(1_000))
            var settings = EscrowSettings()
            // Only a recall can bring the money back.
            settings.idleAfter = .seconds(600)
            if isListening { settings.recallPollInterval = .seconds(600) }
            let rich = EscrowAtWork(authority: ledger.authority, settings: settings)
            let poor = EscrowAtWork(authority: ledger.authority, settings: settings)
            let listener = NotificationListener(
                DatabaseConfiguration(url: ledger.serviceURL),
                channels: [EscrowService.recallChannel]
            )
            let hearing = Task {
                for await element in listener.elements {
                    guard isListening, case .notification(_, let payload) = element else {
                        continue
                    }
                    rich.service.recalled(payload)
                }
            }
            try await rich.run { richEscrow in
                let all = try await richEscrow.hold(
                    EscrowRequest(account, want: Pico(1_000), least: Pico(1_000))
                )
                richEscrow.release(all)
                #expect(richEscrow.holdings(account).available == Pico(1_000))
                try await poor.run { poorEscrow in
                    let hold = try await poorEscrow.hold(
                        EscrowRequest(account, want: Pico(900), least: Pico(900))
                    )
                    poorEscrow.release(hold)
                }
            }
            await listener.close()
            await hearing.value
            #expect(try await ledger.head(of: account).escrowed == .zero)
        }
    }
}
