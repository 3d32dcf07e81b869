import Postgres
import Schema
import TestSupport
import Testing

@testable import Ledger

@Suite(.enabled(if: TestServer.isConfigured, "FAREBOX_TEST_OWNER_URL is not set"))
struct PostgresLeaseAuthorityTests {
    @Test func `of two processes with a copied nonce one is refused`() async throws {
        try await LedgerFixture.run { ledger in
            let first = try await ledger.register()
            let attempts = await withTaskGroup(of: Result<InstanceIdentity, LedgerError>.self) {
                group in
                for _ in 0..<2 {
                    group.addTask {
                        do throws(LedgerError) {
                            return .success(
                                try await ledger.authority.register(
                                    instance: first.instance,
                                    label: "copy",
                                    expectedNonce: first.nonce,
                                    freshNonce: .random()
                                )
                            )
                        } catch {
                            return .failure(error)
                        }
                    }
                }
                return await group.reduce(into: []) { $0.append($1) }
            }
            let winners = attempts.compactMap { try? $0.get() }
            #expect(winners.map(\.epoch) == [2])
            for case .failure(let error) in attempts { #expect(error.code == .journalCopied) }
            #expect(try await ledger.authority.heartbeat(HeartbeatRequest(first)) == .superseded)
            #expect(try await ledger.authority.heartbeat(HeartbeatRequest(winners[0])) == .current)
        }
    }

    @Test func `a repeated registration is the same one, and a lost journal is refused`()
        async throws
    {
        try await LedgerFixture.run { ledger in
            let first = try await ledger.register()
            let again = try await ledger.authority.register(
                instance: first.instance,
                label: "test",
                expectedNonce: nil,
                freshNonce: first.nonce
            )
            #expect(again == first)
            for expected in [nil, Nonce.random()] {
                let error = await #expect(throws: LedgerError.self) {
                    try await ledger.authority.register(
                        instance: first.instance,
                        label: "test",
                        expectedNonce: expected,
                        freshNonce: .random()
                    )
                }
                #expect(error?.code == .journalCopied)
            }
        }
    }

    @Test func `a repeat of an operation grants nothing more`() async throws {
        try await LedgerFixture.run { ledger in
            let account = try await ledger.account(credit: Pico(100))
            let lease = TestLease(ledger, try await ledger.register(), account)
            let first = try await lease.acquire(1, want: 60, least: 10)
            let again = try await lease.acquire(1, want: 60, least: 10)
            #expect(first.granted == Pico(60))
            #expect(again == first)
            #expect(try await ledger.head(of: account).escrowed == Pico(60))

            #expect(try await lease.acquire(2, want: 60, least: 41).granted == .zero)
            #expect(try await lease.acquire(3, want: 60, least: 40).granted == Pico(40))
            #expect(try await lease.giveBack(4, 25).returned == Pico(25))
            #expect(try await lease.giveBack(4, 25).returned == Pico(25))
            #expect(try await ledger.head(of: account).escrowed == Pico(75))
        }
    }

    @Test func `a charge moves balance, escrow and lease together`() async throws {
        try await LedgerFixture.run { ledger in
            let account = try await ledger.account(credit: Pico(100))
            let lease = TestLease(ledger, try await ledger.register(), account)
            _ = try await lease.acquire(1, want: 60, least: 60)
            _ = try await ledger.events.append([
                .usage(charge: Pico(45), lease: lease.id, of: account)
            ])
            var head = try await ledger.head(of: account)
            #expect(head.balance == Pico(55))
            #expect(head.escrowed == Pico(15))

            let closed = try await lease.giveBack(2, 0, closes: true)
            #expect(closed.returned == Pico(15))
            #expect(closed.isLeaseClosed)
            // Late usage settles against free balance, and what does not fit is excess.
            let late = try await ledger.events.append([
                .usage(charge: Pico(57), lease: lease.id, of: account)
            ])
            #expect(late == [.appended(version: 3, amount: Pico(-55), excess: Pico(2))])
            head = try await ledger.head(of: account)
            #expect(head.balance == .zero)
            #expect(head.escrowed == .zero)
        }
    }

    @Test func `many instances acquiring at once never get more than there is`() async throws {
        try await LedgerFixture.run(connectionsMax: 8) { ledger in
            let account = try await ledger.account(credit: Pico(1_000))
            let granted = try await withThrowingTaskGroup(of: Pico.self) { group in
                for _ in 0..<16 {
                    group.addTask {
                        let lease = TestLease(ledger, try await ledger.register(), account)
                        var sum = Pico.zero
                        for sequence in 1...10 {
                            sum += try await lease.acquire(
                                Int64(sequence),
                                want: 23,
                                least: 5
                            ).granted
                        }
                        return sum
                    }
                }
                return try await group.reduce(.zero, +)
            }
            #expect(granted <= Pico(1_000))
            #expect(granted > Pico(995))
            #expect(try await ledger.head(of: account).escrowed == granted)
        }
    }

    @Test func `a new epoch closes what earlier ones left, and they get nothing more`() async throws
    {
        try await LedgerFixture.run { ledger in
            let account = try await ledger.account(credit: Pico(100))
            let other = try await ledger.account(credit: Pico(100))
            let old = try await ledger.register()
            let lease = TestLease(ledger, old, account)
            _ = try await lease.acquire(1, want: 60, least: 60)
            _ = try await TestLease(ledger, old, other).acquire(1, want: 70, least: 1)
            _ = try await ledger.events.append([
                .usage(charge: Pico(45), lease: lease.id, of: account)
            ])
            let new = try await ledger.authority.register(
                instance: old.instance,
                label: "test",
                expectedNonce: old.nonce,
                freshNonce: .random()
            )
            let error = await #expect(throws: LedgerError.self) {
                try await lease.acquire(2, want: 1, least: 1)
            }
            #expect(error?.code == .superseded)
            // The old epoch's lease stands beside the new one until its events are shipped.
            _ = try await TestLease(ledger, new, account).acquire(1, want: 10, least: 10)
            #expect(try await ledger.head(of: account).escrowed == Pico(25))
            #expect(try await ledger.authority.closeEarlierEpochs(new) == 2)
            #expect(try await ledger.authority.closeEarlierEpochs(new) == 0)
            #expect(try await ledger.head(of: account).escrowed == Pico(10))
            #expect(try await ledger.head(of: other).escrowed == .zero)
        }
    }

    @Test func `an instance has one open lease an account`() async throws {
        try await LedgerFixture.run { ledger in
            let account = try await ledger.account(credit: Pico(100))
            let identity = try await ledger.register()
            _ = try await TestLease(ledger, identity, account).acquire(1, want: 1, least: 1)
            let error = await #expect(throws: LedgerError.self) {
                try await TestLease(ledger, identity, account).acquire(1, want: 1, least: 1)
            }
            #expect(error?.code == .outOfSequence)
        }
    }
}

/// One lease of one instance, and the operations on it.
struct TestLease: Sendable {
    let id = LeaseID.make(at: .sample)
    private let ledger: LedgerFixture
    private let identity: InstanceIdentity
    private let account: AccountID

    init(_ ledger: LedgerFixture, _ identity: InstanceIdentity, _ account: AccountID) {
        self.ledger = ledger
        self.identity = identity
        self.account = account
    }

    func acquire(_ sequence: Int64, want: Int128, least: Int128) async throws -> AcquireReply {
        try await ledger.authority.acquire(
            AcquireRequest(
                identity: identity,
                account: account,
                lease: id,
                opSequence: sequence,
                want: Pico(want),
                least: Pico(least)
            )
        )
    }

    func giveBack(
        _ sequence: Int64,
        _ amount: Int128,
        closes: Bool = false
    ) async throws -> GiveBackReply {
        try await ledger.authority.giveBack(
            GiveBackRequest(
                identity: identity,
                account: account,
                lease: id,
                opSequence: sequence,
                amount: Pico(amount),
                closes: closes
            )
        )
    }
}
