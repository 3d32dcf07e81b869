import Postgres
import Schema
import TestSupport
import Testing

@testable import Ledger

/// What an instance and the database decide when the database has lost a part of its past.
@Suite struct FailoverDecisionTests {
    private let account = AccountID(high: 1, low: 1)
    private let lease = LeaseID(high: 2, low: 2)

    private func head(balance: Int128, escrowed: Int128) -> HeadSummary {
        HeadSummary(
            version: 1,
            balance: Pico(balance),
            creditLimit: .zero,
            escrowed: Pico(escrowed),
            reserved: .zero,
            overdrawn: .zero,
            isSuspended: false
        )
    }

    private func identity(_ timeline: Int32) -> InstanceIdentity {
        InstanceIdentity(
            instance: InstanceID(high: 3, low: 3),
            epoch: 1,
            nonce: Nonce(high: 4, low: 4),
            incarnation: Incarnation(system: 9, timeline: timeline)
        )
    }

    private func reclaim(_ sequence: Int64, _ remaining: Int128) -> ReclaimRequest {
        ReclaimRequest(
            identity: identity(2),
            account: account,
            lease: lease,
            opSequence: sequence,
            remaining: Pico(remaining)
        )
    }

    private func row(granted: Int128, settled: Int128, last: Int64) -> LeaseRow {
        LeaseRow(
            granted: Pico(granted),
            settled: Pico(settled),
            isOpen: true,
            opSequence: last,
            opKind: .acquire,
            opResult: Pico(granted)
        )
    }

    @Test func `a lease that the database does not know is opened with what it had`() throws {
        let done = try LeaseOperation.reclaim(
            reclaim(7, 60),
            head: head(balance: 100, escrowed: 0),
            lease: nil
        )
        #expect(done.result == Pico(60))
        #expect(done.change?.head.escrowed == Pico(60))
        #expect(done.change?.lease.remaining == Pico(60))
        #expect(done.change?.lease.opSequence == 7)
    }

    @Test func `a lease that the database knows of old is set to what its holder counts`() throws {
        let more = try LeaseOperation.reclaim(
            reclaim(7, 60),
            head: head(balance: 100, escrowed: 20),
            lease: row(granted: 50, settled: 30, last: 3)
        )
        #expect(more.change?.head.escrowed == Pico(60))
        #expect(more.change?.lease.remaining == Pico(60))
        // A give-back was lost: what it returned is free again.
        let less = try LeaseOperation.reclaim(
            reclaim(7, 5),
            head: head(balance: 100, escrowed: 20),
            lease: row(granted: 50, settled: 30, last: 3)
        )
        #expect(less.change?.head.escrowed == Pico(5))
        #expect(less.change?.lease.remaining == Pico(5))
    }

    @Test func `no more is reclaimed than is free, and a repeat is answered as it was`() throws {
        let done = try LeaseOperation.reclaim(
            reclaim(7, 60),
            head: head(balance: 100, escrowed: 70),
            lease: nil
        )
        #expect(done.result == Pico(30))
        #expect(done.change?.head.escrowed == Pico(100))
        let again = try LeaseOperation.reclaim(
            reclaim(7, 60),
            head: head(balance: 100, escrowed: 100),
            lease: done.change?.lease
        )
        #expect(again.result == Pico(30))
        #expect(again.change == nil)
        let error = #expect(throws: LedgerError.self) {
            try LeaseOperation.reclaim(
                reclaim(6, 60),
                head: head(balance: 100, escrowed: 100),
                lease: done.change?.lease
            )
        }
        #expect(error?.code == .outOfSequence)
    }

    @Test func `a book reclaims its lease instead of repeating what had no answer`() throws {
        let start = ContinuousClock.now
        var book = LeaseBook(account: account, firstLease: lease, settings: EscrowSettings())
        var tenure = EscrowTenure(identity: identity(1), validUntil: start + .seconds(600))
        func hold(_ waiter: UInt64, _ amount: Int128) -> [LeaseAction] {
            book.wait(
                waiter,
                want: Pico(amount),
                least: Pico(amount),
                deadline: start + .seconds(60),
                now: start + .seconds(Int(waiter)),
                tenure: tenure
            )
        }
        func acquired(_ actions: [LeaseAction]) throws -> AcquireRequest {
            for case .acquire(let request) in actions { return request }
            throw LedgerError(.invalid, "no acquire in \(actions)")
        }
        let first = try acquired(hold(1, 100))
        let granted = AcquireReply(
            granted: Pico(100),
            head: head(balance: 1_000, escrowed: 100),
            isLeaseClosed: false
        )
        _ = book.completed(first, .success(granted), now: start + .seconds(1), tenure: tenure)
        #expect(book.holdings.held == Pico(100))
        let second = try acquired(hold(2, 50))

        tenure.identity = identity(2)
        tenure.lapses += 1
        let actions = book.tick(now: start + .seconds(3), tenure: tenure)
        guard case .reclaim(let request)? = actions.first else {
            Issue.record("no reclaim in \(actions)")
            return
        }
        #expect(request.remaining == Pico(100))
        #expect(request.opSequence == second.opSequence + 1)
        // The answer to what was asked in the other incarnation is for nobody.
        #expect(
            book.completed(second, .success(granted), now: start + .seconds(3), tenure: tenure)
                .isEmpty
        )
        let reply = ReclaimReply(
            remaining: Pico(100),
            head: head(balance: 1_000, escrowed: 100),
            isLeaseClosed: false
        )
        let next = book.completed(
            request,
            .success(reply),
            now: start + .seconds(3),
            tenure: tenure
        )
        #expect(!book.isForgotten(tenure))
        #expect(try acquired(next).opSequence == request.opSequence + 1)
    }
}

/// Rejoining, on the real database.
@Suite(.enabled(if: TestServer.isConfigured, "FAREBOX_TEST_OWNER_URL is not set"))
struct FailoverPostgresTests {
    static let elsewhere = Incarnation(system: 1, timeline: 7)

    @Test func `an identity of another incarnation can do nothing before it has rejoined`()
        async throws
    {
        try await LedgerFixture.run { ledger in
            let account = try await ledger.account(credit: Pico(100))
            let present = try await ledger.register()
            let past = present.rejoined(Self.elsewhere)
            #expect(try await ledger.authority.heartbeat(HeartbeatRequest(past)) == .failedOver)
            let kept = TestLease(ledger, past, account)
            let error = await #expect(throws: LedgerError.self) {
                try await kept.acquire(1, want: 10, least: 10)
            }
            #expect(error?.code == .failedOver)
            let rejoined = try await ledger.authority.rejoin(
                RejoinRequest(identity: past, label: "test", keeping: [kept.id])
            )
            #expect(rejoined == present)
            #expect(
                try await TestLease(ledger, rejoined, account).acquire(1, want: 9, least: 9)
                    .granted == Pico(9)
            )
        }
    }

    @Test func `what the database forgot of an instance is registered anew, and the rest closed`()
        async throws
    {
        try await LedgerFixture.run { ledger in
            let account = try await ledger.account(credit: Pico(100))
            let other = try await ledger.account(credit: Pico(100))
            // Neither the instance nor its lease of the first account are known; of the second
            // account it knows a lease that the instance has closed.
            let known = try await ledger.register()
            _ = try await TestLease(ledger, known, other).acquire(1, want: 40, least: 40)
            let later = InstanceIdentity(
                instance: known.instance,
                epoch: 3,
                nonce: .random(),
                incarnation: Self.elsewhere
            )
            let lease = LeaseID.make(at: .sample)
            let rejoined = try await ledger.authority.rejoin(
                RejoinRequest(identity: later, label: "test", keeping: [lease])
            )
            #expect(try await ledger.head(of: other).escrowed == .zero)
            let request = ReclaimRequest(
                identity: rejoined,
                account: account,
                lease: lease,
                opSequence: 12,
                remaining: Pico(70)
            )
            let reply = try await ledger.authority.reclaim(request)
            #expect(reply.remaining == Pico(70))
            #expect(try await ledger.authority.reclaim(request) == reply)
            #expect(try await ledger.head(of: account).escrowed == Pico(70))
            let error = await #expect(throws: LedgerError.self) {
                try await ledger.authority.rejoin(
                    RejoinRequest(identity: known, label: "test", keeping: [])
                )
            }
            #expect(error?.code == .superseded)
        }
    }

    @Test func `a promoted database leases nothing new until all it may not know has run out`()
        async throws
    {
        try await LedgerFixture.run { ledger in
            let account = try await ledger.account(credit: Pico(100))
            // Its rows come from another history.
            try await ledger.owner.transaction { session in
                _ = try session.execute("UPDATE incarnations SET timeline = timeline + 1")
            }
            let identity = try await ledger.register()
            #expect(
                try await ledger.count("SELECT max(incarnation) FROM incarnations") == 2
            )
            let lease = TestLease(ledger, identity, account)
            let error = await #expect(throws: LedgerError.self) {
                try await lease.acquire(1, want: 10, least: 10)
            }
            #expect(error?.code == .learning)
            let status = try await LedgerStatus.read(ledger.service)
            #expect(status.learningSeconds > 20 * 60)
            #expect(try await Incarnation.resume(ledger.service))
            #expect(try await lease.acquire(1, want: 10, least: 10).granted == Pico(10))
            #expect(try await !Incarnation.resume(ledger.service))
            #expect(try await LedgerStatus.read(ledger.service).learningSeconds == 0)
        }
    }

    @Test func `a database whose standby lacks nothing leases on at once`() async throws {
        try await LedgerFixture.run { ledger in
            let account = try await ledger.account(credit: Pico(100))
            try await ledger.owner.transaction { session in
                _ = try session.execute("UPDATE incarnations SET timeline = timeline + 1")
            }
            var settings = EscrowSettings()
            settings.standby = .synchronous
            let authority = PostgresLeaseAuthority(ledger.service, settings: settings)
            let identity = try await authority.register(
                instance: InstanceID.make(at: .sample),
                label: "test",
                expectedNonce: nil,
                freshNonce: .random()
            )
            #expect(
                try await TestLease(ledger, identity, account).acquire(1, want: 10, least: 10)
                    .granted == Pico(10)
            )
        }
    }

    @Test func `what is leased goes back while a promoted database leases nothing new`()
        async throws
    {
        try await LedgerFixture.run { ledger in
            let account = try await ledger.account(credit: Pico(1_000))
            let work = EscrowAtWork(authority: ledger.authority, settings: EscrowSettings())
            try await work.run { escrow in
                let hold = try await escrow.hold(
                    EscrowRequest(account, want: Pico(10), least: Pico(10))
                )
                try await ledger.owner.transaction { session in
                    _ = try session.execute(
                        "UPDATE incarnations SET grants_from = clock_timestamp() + interval '1 h'"
                    )
                }
                // More than the lease has: asked for again and again, and refused.
                let refusal = await #expect(throws: EscrowRefusal.self) {
                    try await escrow.hold(
                        EscrowRequest(
                            account,
                            want: Pico(900),
                            least: Pico(900),
                            waitMax: .seconds(5)
                        )
                    )
                }
                #expect(refusal?.reason == .unavailable)
                escrow.release(hold)
            }
            #expect(work.didDrain)
            #expect(try await ledger.head(of: account).escrowed == .zero)
        }
    }

    @Test func `an instance that is failed over to offers its events again and goes on`()
        async throws
    {
        try await LedgerFixture.run { ledger in
            let account = try await ledger.account(credit: Pico(1_000))
            var settings = EscrowSettings()
            settings.heartbeatInterval = .milliseconds(50)
            let event = Event.usage(charge: Pico(5), of: account)
            // As it registered, the database was another one.
            let authority = ForgetfulAuthority(real: ledger.authority)
            let work = EscrowAtWork(
                authority: authority,
                settings: settings,
                reoffer: { () async throws(LedgerError) in
                    try await ledger.events.append([event]).count
                }
            )
            try await work.run { escrow in
                #expect(await eventually { work.service.identity?.incarnation != Self.elsewhere })
                let hold = try await escrow.hold(
                    EscrowRequest(account, want: Pico(900), least: Pico(900))
                )
                escrow.release(hold)
            }
            #expect(work.didDrain)
            #expect(try await ledger.head(of: account).balance == Pico(995))
            #expect(try await ledger.head(of: account).escrowed == .zero)
        }
    }

    /// Registers identities in an incarnation that the database is no longer in.
    private struct ForgetfulAuthority: ForwardingAuthority {
        let real: PostgresLeaseAuthority

        func register(
            instance: InstanceID,
            label: String,
            expectedNonce: Nonce?,
            freshNonce: Nonce,
            epochKnown: Int64
        ) async throws(LedgerError) -> InstanceIdentity {
            try await real.register(
                instance: instance,
                label: label,
                expectedNonce: expectedNonce,
                freshNonce: freshNonce,
                epochKnown: epochKnown
            ).rejoined(FailoverPostgresTests.elsewhere)
        }
    }
}
