import Postgres
import Schema
import TestSupport
import Testing

@testable import Ledger

/// Leases of instances that fell silent for good.
@Suite struct LostLeaseDecisionTests {
    private let account = AccountID(high: 1, low: 1)
    private let lease = LeaseID(high: 2, low: 2)

    private func decision(isOpen: Bool) -> AppendDecision {
        let head = HeadSummary(
            version: 4,
            balance: Pico(100),
            creditLimit: .zero,
            escrowed: Pico(isOpen ? 70 : 0),
            reserved: .zero,
            overdrawn: .zero,
            isSuspended: false
        )
        let figures = LeaseFigures(granted: Pico(90), settled: Pico(20), isOpen: isOpen)
        let key = LeaseKey(account: account, lease: lease)
        return AppendDecision(
            heads: [account: head],
            leases: [key: figures],
            present: [:],
            now: .sample
        )
    }

    private var lost: HashedEvent {
        let lost = LeaseLost(
            lease: lease,
            instance: InstanceID(high: 3, low: 3),
            epoch: 1,
            bound: Pico(70)
        )
        return HashedEvent(
            Event(
                account: account,
                id: .make(at: .sample),
                occurredAt: .sample,
                body: .leaseLost(lost)
            )
        )
    }

    @Test func `a lost lease is closed, its rest is free again, and late usage settles from it`() {
        var append = decision(isOpen: true)
        #expect(append.add(lost) == .appended(version: 5, amount: .zero, excess: .zero))
        #expect(append.heads[account]?.escrowed == .zero)
        #expect(append.heads[account]?.balance == Pico(100))
        #expect(append.closedLeases.count == 1)
        // Of 130 that come later, 100 fit into what is free.
        let late = HashedEvent(.usage(charge: Pico(60), lease: lease, of: account))
        #expect(append.add(late) == .appended(version: 6, amount: Pico(-60), excess: .zero))
        let later = HashedEvent(.usage(charge: Pico(70), lease: lease, of: account))
        #expect(append.add(later) == .appended(version: 7, amount: Pico(-40), excess: Pico(30)))
    }

    @Test func `a lease that is closed already releases nothing twice`() {
        var append = decision(isOpen: false)
        _ = append.add(lost)
        #expect(append.heads[account]?.escrowed == .zero)
        #expect(append.closedLeases.isEmpty)
    }

    @Test func `an instance is live, silent, lost or stopped`() {
        let settings = EscrowSettings()
        func state(_ seconds: Int64, isStopped: Bool = false) -> InstanceState {
            InstanceState(
                silence: .seconds(seconds),
                isStopped: isStopped,
                releaseAfter: settings.releaseAfter,
                settings: settings
            )
        }
        #expect(state(-1) == .live)
        #expect(state(15) == .live)
        #expect(state(16) == .silent)
        #expect(state(1_260) == .silent)
        #expect(state(1_261) == .lost)
        #expect(state(1_261, isStopped: true) == .stopped)
    }
}

@Suite(.enabled(if: TestServer.isConfigured, "FAREBOX_TEST_OWNER_URL is not set"))
struct LostLeasePostgresTests {
    /// Lets an instance have been silent for so long.
    private func silence(
        _ identity: InstanceIdentity,
        _ seconds: Int64,
        in ledger: LedgerFixture
    ) async throws {
        try await ledger.owner.transaction { session in
            _ = try session.execute(
                """
                UPDATE instances SET renewed_at = clock_timestamp() - make_interval(secs => \(seconds))
                WHERE instance_id = \(identity.instance)
                """
            )
        }
    }

    /// Lets the database have heard an instance for so long without a break.
    private func hear(
        _ identity: InstanceIdentity,
        _ seconds: Int64,
        in ledger: LedgerFixture
    ) async throws {
        try await ledger.owner.transaction { session in
            _ = try session.execute(
                """
                UPDATE instances SET renewed_at = clock_timestamp(),
                    heard_since = clock_timestamp() - make_interval(secs => \(seconds))
                WHERE instance_id = \(identity.instance)
                """
            )
        }
    }

    /// What verification finds, but for grants, which the fixture makes below the commands.
    private func findings(_ ledger: LedgerFixture) async throws -> [String] {
        try await Verification(ledger.service).run().findings.map(\.message)
            .filter { !$0.hasPrefix("grant ") }
    }

    @Test func `whoever is back first after an outage closes the leases of all others`()
        async throws
    {
        try await LedgerFixture.run { ledger in
            let account = try await ledger.account(credit: Pico(100))
            let first = try await ledger.register()
            let other = try await ledger.register()
            _ = try await TestLease(ledger, other, account).acquire(1, want: 60, least: 60)
            func closed() async throws -> Int { try await ledger.authority.closeLost(first) }
            try await hear(first, 10_000, in: ledger)
            for identity in [first, other] { try await silence(identity, 5_000, in: ledger) }
            // Nobody was heard, however long they had been before.
            #expect(try await closed() == 0)
            #expect(try await ledger.authority.heartbeat(HeartbeatRequest(first)) == .current)
            #expect(try await closed() == 0)
            let patience = EscrowSettings().hearingMin.components.seconds
            try await hear(first, patience - 30, in: ledger)
            #expect(try await closed() == 0)
            // The other one was slower to come back, and lives.
            #expect(try await ledger.authority.heartbeat(HeartbeatRequest(other)) == .current)
            try await hear(first, patience + 1, in: ledger)
            #expect(try await closed() == 0)
            try await silence(other, 5_000, in: ledger)
            #expect(try await closed() == 1)
        }
    }

    @Test func `a process that was overtaken, or stopped for long, closes no leases`()
        async throws
    {
        try await LedgerFixture.run { ledger in
            let account = try await ledger.account(credit: Pico(100))
            let dead = try await ledger.register()
            _ = try await TestLease(ledger, dead, account).acquire(1, want: 60, least: 60)
            try await silence(dead, 5_000, in: ledger)
            let witness = try await ledger.register()
            try await hear(witness, 10_000, in: ledger)
            let stranger = InstanceIdentity(
                instance: witness.instance,
                epoch: witness.epoch,
                nonce: Nonce(high: 9, low: 9)
            )
            #expect(try await ledger.authority.closeLost(stranger) == 0)
            let pause = EscrowSettings().hearingBreak.components.seconds
            try await silence(witness, pause + 1, in: ledger)
            #expect(try await ledger.authority.closeLost(witness) == 0)
            // Its next heartbeat begins anew.
            #expect(try await ledger.authority.heartbeat(HeartbeatRequest(witness)) == .current)
            #expect(try await ledger.authority.closeLost(witness) == 0)
            try await hear(witness, 10_000, in: ledger)
            #expect(try await ledger.authority.heartbeat(HeartbeatRequest(witness)) == .current)
            #expect(try await ledger.authority.closeLost(witness) == 1)
        }
    }

    @Test func `of many that look for lost leases, each lease is closed by one of them`()
        async throws
    {
        try await LedgerFixture.run { ledger in
            var accounts: [AccountID] = []
            for _ in 0..<5 { accounts.append(try await ledger.account(credit: Pico(100))) }
            let dead = try await ledger.register()
            let live = try await ledger.register()
            var leases: [TestLease] = []
            for account in accounts {
                let lease = TestLease(ledger, dead, account)
                _ = try await lease.acquire(1, want: 60, least: 60)
                leases.append(lease)
                _ = try await TestLease(ledger, live, account).acquire(1, want: 30, least: 30)
            }
            try await hear(live, 10_000, in: ledger)
            let patience = EscrowSettings().releaseAfter
            try await silence(dead, patience.components.seconds - 60, in: ledger)
            #expect(try await ledger.authority.closeLost(live) == 0)
            try await silence(dead, patience.components.seconds + 1, in: ledger)
            let closed = try await withThrowingTaskGroup(of: Int.self) { group in
                for _ in 0..<4 {
                    group.addTask { try await ledger.authority.closeLost(live) }
                }
                return try await group.reduce(0, +)
            }
            #expect(closed == 5)
            for (account, lease) in zip(accounts, leases) {
                let head = try await ledger.head(of: account)
                #expect(head.escrowed == Pico(30))
                let event = try await ledger.events.events(of: account).last?.event
                let lost = LeaseLost(
                    lease: lease.id,
                    instance: dead.instance,
                    epoch: 1,
                    bound: Pico(60)
                )
                #expect(event?.body == .leaseLost(lost))
            }
            #expect(try await findings(ledger) == [])

            // It lives after all, and is told; its lease gives nothing more, another one does.
            let heartbeat = HeartbeatRequest(dead)
            guard case .released(let count) = try await ledger.authority.heartbeat(heartbeat) else {
                Issue.record("was not told")
                return
            }
            let again = HeartbeatRequest(dead, releasesKnown: count)
            #expect(try await ledger.authority.heartbeat(again) == .current)
            let reply = try await leases[0].acquire(2, want: 10, least: 10)
            #expect(reply.isLeaseClosed)
            #expect(reply.granted == .zero)
            let late = Event.usage(charge: Pico(80), lease: leases[0].id, of: accounts[0])
            let outcomes = try await ledger.events.append([late])
            #expect(outcomes == [.appended(version: 3, amount: Pico(-70), excess: Pico(10))])
            #expect(try await findings(ledger) == [])
        }
    }

    @Test func `an instance that may still run calls is released by force only`() async throws {
        try await LedgerFixture.run { ledger in
            let account = try await ledger.account(credit: Pico(100))
            let identity = try await ledger.register()
            _ = try await TestLease(ledger, identity, account).acquire(1, want: 60, least: 60)
            let instances = Instances(ledger.service)
            for isForced in [true, false] {
                let error = await #expect(throws: LedgerError.self) {
                    try await instances.release(identity.instance, isForced: isForced)
                }
                #expect(error?.code == .refused)
            }
            try await silence(identity, 100, in: ledger)
            let error = await #expect(throws: LedgerError.self) {
                try await instances.release(identity.instance, isForced: false)
            }
            #expect(error?.code == .refused)
            let shown = try await instances.show(identity.instance)
            #expect(shown.state == .silent)
            #expect(shown.openLeases == 1)
            #expect(shown.escrowed.map(\.amount) == [Pico(60)])
            #expect(try await instances.release(identity.instance, isForced: true) == 1)
            #expect(try await instances.release(identity.instance, isForced: true) == 0)
            #expect(try await ledger.head(of: account).escrowed == .zero)
            #expect(try await instances.list().map(\.openLeases) == [0])
        }
    }

    @Test func `an instance that finds its lease closed goes on with another`() async throws {
        try await LedgerFixture.run { ledger in
            let account = try await ledger.account(credit: Pico(1_000))
            var settings = EscrowSettings()
            settings.heartbeatInterval = .milliseconds(50)
            let work = EscrowAtWork(authority: ledger.authority, settings: settings)
            try await work.run { escrow in
                let running = try await escrow.hold(
                    EscrowRequest(account, want: Pico(400), least: Pico(400))
                )
                guard let identity = work.service.identity else { return }
                try await silence(identity, 10_000, in: ledger)
                _ = try await LostLeases(ledger.service).close(
                    of: identity.instance,
                    silentFor: .zero
                )
                #expect(await eventually { work.wasReleased })
                let next = try await escrow.hold(
                    EscrowRequest(account, want: Pico(900), least: Pico(900))
                )
                #expect(next.lease != running.lease)
                escrow.release(next)
                escrow.settle(running, charge: Pico(300))
                let event = Event.usage(
                    charge: Pico(300),
                    hold: Pico(400),
                    lease: running.lease,
                    of: account
                )
                _ = try await ledger.events.append([event])
                if let lease = running.lease {
                    escrow.shipped(account, lease: lease, amount: Pico(300))
                }
            }
            #expect(work.didDrain)
            let head = try await ledger.head(of: account)
            #expect(head.escrowed == .zero)
            #expect(try await Instances(ledger.service).list().map(\.state) == [.stopped])
        }
    }
}
