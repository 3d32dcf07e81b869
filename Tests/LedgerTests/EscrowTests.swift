import Ledger
import Schema
import Synchronization
import TestSupport
import Testing

/// The escrow and its service at work, against the model of the database.
@Suite struct EscrowTests {
    private let account = AccountID(high: 5, low: 9)

    @Test
    func `Of 200 calls with credit for 37 exactly 37 are admitted and the rest get 402`()
        async throws
    {
        let authority = EscrowMemoryAuthority(balance: Pico(37 * 1_000 + 999))
        let work = EscrowAtWork(authority: authority)
        let account = account
        let admitted = try await work.run { escrow in
            try await withThrowingTaskGroup(of: Int.self) { group in
                for _ in 0..<200 {
                    group.addTask {
                        guard let hold = try await holdInsisting(escrow, account, Pico(1_000))
                        else { return 0 }
                        try? await Task.sleep(for: .milliseconds(.random(in: 0...20)))
                        escrow.settle(hold, charge: Pico(1_000))
                        authority.ship(hold, charge: Pico(1_000), to: escrow)
                        return 1
                    }
                }
                return try await group.reduce(0, +)
            }
        }
        #expect(admitted == 37)
        #expect(work.didDrain)
        #expect(authority.head.balance == Pico(999))
        #expect(authority.head.escrowed == .zero)
    }

    @Test
    func `A call that needs less than it wants is given what is left`() async throws {
        let work = EscrowAtWork(authority: EscrowMemoryAuthority(balance: Pico(700)))
        let account = account
        try await work.run { escrow in
            let hold = try await escrow.hold(
                EscrowRequest(account, want: Pico(1_000), least: Pico(600))
            )
            #expect(hold.amount == Pico(700))
            // On a slow machine the wait may end before the authority has answered at all.
            var refusal: EscrowRefusal?
            repeat {
                refusal = await #expect(throws: EscrowRefusal.self) {
                    try await escrow.hold(
                        EscrowRequest(
                            account,
                            want: Pico(500),
                            least: Pico(500),
                            waitMax: .milliseconds(200)
                        )
                    )
                }
            } while refusal?.reason == .unavailable
            #expect(refusal?.reason == .tiedUp(retryAfter: .seconds(1)))
            #expect(refusal?.balance == Pico(700))
            #expect(refusal?.held == Pico(700))
            #expect(refusal?.needed == Pico(500))
            escrow.release(hold)
            let second = try await escrow.hold(
                EscrowRequest(account, want: Pico(500), least: Pico(500))
            )
            escrow.release(second)
        }
    }

    @Test
    func `A cancelled wait holds nothing and lets the next one pass`() async throws {
        let work = EscrowAtWork(authority: EscrowMemoryAuthority(balance: Pico(1_000)))
        let account = account
        try await work.run { escrow in
            let first = try await escrow.hold(
                EscrowRequest(account, want: Pico(600), least: Pico(600))
            )
            let waiting = Task {
                try await escrow.hold(
                    EscrowRequest(
                        account,
                        want: Pico(900),
                        least: Pico(900),
                        waitMax: .seconds(60)
                    )
                )
            }
            try await Task.sleep(for: .milliseconds(50))
            waiting.cancel()
            let refusal = await #expect(throws: EscrowRefusal.self) { try await waiting.value }
            #expect(refusal?.reason == .cancelled)
            let second = try await escrow.hold(
                EscrowRequest(account, want: Pico(400), least: Pico(400))
            )
            #expect(escrow.holdings(account).held == Pico(1_000))
            escrow.release(first)
            escrow.release(second)
            escrow.release(second)
            #expect(escrow.holdings(account).held == .zero)
        }
        #expect(work.didDrain)
    }

    @Test
    func `With the database away the lease goes on serving and the rest is unavailable`()
        async throws
    {
        let authority = EscrowMemoryAuthority(balance: Pico(1_000_000))
        let work = EscrowAtWork(authority: authority)
        let account = account
        try await work.run { escrow in
            let hold = try await escrow.hold(
                EscrowRequest(account, want: Pico(1_000), least: Pico(1_000))
            )
            authority.state.withLock { $0.isAway = true }
            escrow.settle(hold, charge: Pico(100))
            let second = try #require(escrow.tryHold(account, want: Pico(900)))
            let refusal = await #expect(throws: EscrowRefusal.self) {
                try await escrow.hold(
                    EscrowRequest(
                        account,
                        want: Pico(800),
                        least: Pico(800),
                        waitMax: .milliseconds(150)
                    )
                )
            }
            #expect(refusal?.reason == .unavailable)
            authority.state.withLock { $0.isAway = false }
            let third = try await escrow.hold(
                EscrowRequest(
                    account,
                    want: Pico(800),
                    least: Pico(800),
                    waitMax: .seconds(30)
                )
            )
            authority.ship(hold, charge: Pico(100), to: escrow)
            escrow.release(second)
            escrow.release(third)
        }
        #expect(work.didDrain)
        #expect(authority.head.escrowed == .zero)
    }

    @Test
    func `Idle credit goes back while the instance lives`() async throws {
        let authority = EscrowMemoryAuthority(balance: Pico(1_000))
        var settings = EscrowSettings()
        settings.idleAfter = .milliseconds(300)
        settings.sweepInterval = .milliseconds(100)
        let work = EscrowAtWork(authority: authority, settings: settings)
        let account = account
        try await work.run { escrow in
            let hold = try await escrow.hold(
                EscrowRequest(account, want: Pico(1_000), least: Pico(1_000))
            )
            #expect(authority.head.available == .zero)
            escrow.settle(hold, charge: Pico(1))
            // All but the charge that is not appended yet.
            #expect(await eventually { authority.head.available == Pico(999) })
            authority.ship(hold, charge: Pico(1), to: escrow)
            #expect(await eventually { escrow.holdings(account) == EscrowHoldings() })
            #expect(authority.head.escrowed == .zero)
        }
    }

    @Test
    func `Of two processes with one journal the earlier stops admitting and says so`()
        async throws
    {
        let authority = EscrowMemoryAuthority(balance: Pico(10_000))
        var settings = EscrowSettings()
        settings.heartbeatInterval = .milliseconds(50)
        let (nonces, instance) = (EscrowMemoryNonces(), InstanceID.make(at: .sample))
        let first = EscrowAtWork(
            authority: authority,
            settings: settings,
            nonces: nonces,
            instance: instance
        )
        let account = account
        try await first.run { [first] escrow in
            let hold = try await escrow.hold(
                EscrowRequest(account, want: Pico(10), least: Pico(10))
            )
            let copy = EscrowAtWork(
                authority: authority,
                nonces: nonces.copy,
                instance: instance
            )
            _ = try await copy.service.start()
            #expect(await eventually { first.wasSuperseded })
            #expect(!escrow.isAdmitting)
            #expect(escrow.tryHold(account, want: Pico(1)) == nil)
            #expect(escrow.tryHold(account, want: .zero) == nil)
            escrow.release(hold)
            // The first journal has missed the copy's registration: it is the copy now.
            let again = EscrowAtWork(authority: authority, nonces: nonces, instance: instance)
            let error = await #expect(throws: LedgerError.self) {
                _ = try await again.service.start()
            }
            #expect(error?.code == .journalCopied)
        }
    }

    @Test
    func `A hold of zero needs no credit but is refused to who is suspended or overdrawn`()
        async throws
    {
        let authority = EscrowMemoryAuthority(balance: .zero)
        let work = EscrowAtWork(authority: authority)
        let account = account
        try await work.run { escrow in
            let hold = try await escrow.hold(EscrowRequest(account, want: .zero, least: .zero))
            #expect(hold.lease == nil)
            escrow.settle(hold, charge: .zero)
            var head = authority.head
            head.isSuspended = true
            escrow.observe(account, head)
            let refusal = await #expect(throws: EscrowRefusal.self) {
                try await escrow.hold(EscrowRequest(account, want: .zero, least: .zero))
            }
            #expect(refusal?.reason == .suspended)
            head.isSuspended = false
            escrow.observe(account, head)
            escrow.release(try await escrow.hold(EscrowRequest(account, want: .zero, least: .zero)))
        }
    }

    @Test
    func `A running call grows within the lease and not beyond it`() async throws {
        let work = EscrowAtWork(authority: EscrowMemoryAuthority(balance: Pico(1_000)))
        let account = account
        try await work.run { escrow in
            let large = try await escrow.hold(
                EscrowRequest(account, want: Pico(900), least: Pico(900))
            )
            escrow.release(large)
            let hold = try #require(escrow.tryHold(account, want: Pico(100)))
            let grown = try #require(escrow.tryGrow(hold, to: Pico(850)))
            #expect(grown.amount == Pico(850))
            #expect(escrow.tryGrow(grown, to: Pico(901)) == nil)
            // The hold as it was before it grew ends all of it.
            escrow.release(hold)
            #expect(escrow.holdings(account).held == .zero)
        }
    }

    @Test
    func `A large call is not starved by a stream of small ones`() async throws {
        let work = EscrowAtWork(authority: EscrowMemoryAuthority(balance: Pico(1_000)))
        let account = account
        try await work.run { escrow in
            let isServed = Switch()
            try await withThrowingTaskGroup(of: Void.self) { group in
                let full = try await escrow.hold(
                    EscrowRequest(account, want: Pico(1_000), least: Pico(1_000))
                )
                group.addTask {
                    let hold = try await escrow.hold(
                        EscrowRequest(
                            account,
                            want: Pico(900),
                            least: Pico(900),
                            waitMax: .seconds(60)
                        )
                    )
                    isServed.turnOn()
                    escrow.release(hold)
                }
                try await Task.sleep(for: .milliseconds(50))
                for _ in 0..<8 {
                    group.addTask {
                        while !isServed.isOn {
                            let hold = try await escrow.hold(
                                EscrowRequest(
                                    account,
                                    want: Pico(200),
                                    least: Pico(200),
                                    waitMax: .seconds(60)
                                )
                            )
                            try await Task.sleep(for: .milliseconds(2))
                            escrow.release(hold)
                        }
                    }
                }
                escrow.release(full)
                try await group.waitForAll()
            }
            #expect(isServed.isOn)
        }
    }
}

/// Something that happens once.
private final class Switch: Sendable {
    private let state = Atomic(false)
    var isOn: Bool { state.load(ordering: .relaxed) }
    func turnOn() { state.store(true, ordering: .relaxed) }
}
