import Digest
import Postgres
import Schema
import Testing

@testable import Ledger

@Suite struct KeyedCallTests {
    private static let answer = KeyedAnswer(
        status: 200,
        fields: [.init(name: "content-type", value: "application/json")],
        body: [0, 1, 255]
    )

    private func call(_ account: AccountID, _ name: String = "name") -> KeyedCall {
        KeyedCall(
            account: account,
            key: KeyID(high: 1, low: 2),
            name: name,
            requestHash: SHA256.hash(Array(name.utf8)),
            request: .make(at: .sample)
        )
    }

    @Test func `a call is claimed once, and its own claim can be repeated`() async throws {
        try await LedgerFixture.run { ledger in
            let identity = try await ledger.register()
            let store = KeyedCallStore(ledger.service, instance: identity.instance)
            let account = try await ledger.account()
            let first = call(account)
            #expect(try await store.claim(first) == .claimed)
            #expect(try await store.claim(first) == .claimed)
            #expect(try await store.claim(call(account)) == .running)
            try await store.end(first, charge: Pico(5), answer: Self.answer)
            #expect(try await store.claim(call(account)) == .answered(Self.answer))
            let other = KeyedCall(
                account: account,
                key: first.key,
                name: first.name,
                requestHash: SHA256.hash([1]),
                request: .make(at: .sample)
            )
            #expect(try await store.claim(other) == .otherRequest)
        }
    }

    @Test func `what was released is claimed anew, and what has ended stays`() async throws {
        try await LedgerFixture.run { ledger in
            let identity = try await ledger.register()
            let store = KeyedCallStore(ledger.service, instance: identity.instance)
            let account = try await ledger.account()
            let first = call(account)
            #expect(try await store.claim(first) == .claimed)
            try await store.release(first)
            let second = call(account)
            #expect(try await store.claim(second) == .claimed)
            // A late word of the first changes nothing of the second's.
            try await store.release(first)
            try await store.end(first, charge: Pico(1), answer: nil)
            #expect(try await store.claim(call(account)) == .running)
            try await store.end(second, charge: Pico(7), answer: nil)
            try await store.release(second)
            #expect(
                try await store.claim(call(account)) == .ended(second.request, charge: Pico(7))
            )
        }
    }

    @Test func `an instance that is not registered claims nothing`() async throws {
        try await LedgerFixture.run { ledger in
            let store = KeyedCallStore(ledger.service, instance: .make(at: .sample))
            let account = try await ledger.account()
            #expect(try await store.claim(call(account)) == .running)
        }
    }

    @Test func `a dead instance's call waits for its lease and its charge`() async throws {
        try await LedgerFixture.run { ledger in
            let account = try await ledger.account(credit: Pico(1_000))
            let dead = try await ledger.register()
            let store = KeyedCallStore(ledger.service, instance: dead.instance)
            let (charged, free) = (call(account, "charged"), call(account, "free"))
            #expect(try await store.claim(charged) == .claimed)
            #expect(try await store.claim(free) == .claimed)
            try await ledger.owner.transaction { session in
                _ = try session.execute(
                    """
                    INSERT INTO leases (account_id, lease_id, instance_id, epoch, granted, op_seq,
                        op_kind, op_result)
                    VALUES (\(account), \(LeaseID.make(at: .sample)), \(dead.instance),
                        \(dead.epoch), 0, 1, 'acquire', 0)
                    """
                )
                _ = try session.execute("UPDATE instances SET epoch = epoch + 1")
            }
            #expect(try await store.claim(call(account, "free")) == .running)
            try await ledger.owner.transaction { session in
                _ = try session.execute("UPDATE leases SET state = 'closed', closed_at = now()")
            }
            _ = try await ledger.events.append([
                .usage(charge: Pico(9), of: account) { $0.request = charged.request }
            ])
            #expect(
                try await store.claim(call(account, "charged"))
                    == .ended(charged.request, charge: Pico(9))
            )
            #expect(try await store.claim(call(account, "free")) == .claimed)
            #expect(try await store.claim(call(account, "free")) == .running)
        }
    }

    @Test func `a call charged twice, when its lost journal came back after its repeat`()
        async throws
    {
        try await LedgerFixture.run { ledger in
            let account = try await Shop(ledger, limits: .none, credit: Pico(1_000)).account
            let lost = try await ledger.register()
            let lease = LeaseID.make(at: .sample)
            _ = try await ledger.authority.acquire(
                AcquireRequest(
                    identity: lost,
                    account: account,
                    lease: lease,
                    opSequence: 1,
                    want: Pico(100),
                    least: Pico(100)
                )
            )
            let first = call(account)
            let claims = KeyedCallStore(ledger.service, instance: lost.instance)
            #expect(try await claims.claim(first) == .claimed)
            try await ledger.owner.transaction { session in
                _ = try session.execute(
                    "UPDATE instances SET renewed_at = renewed_at - interval '1 minute'"
                )
            }
            #expect(try await claims.claim(call(account)) == .running)
            let released = try await Instances(ledger.service)
                .release(lost.instance, isForced: true)
            #expect(released == 1)
            // Its next start has registered, and ships what the first has left a moment later.
            _ = try await ledger.authority.register(
                instance: lost.instance,
                label: "test",
                expectedNonce: lost.nonce,
                freshNonce: .random()
            )
            let living = try await ledger.register()
            let others = KeyedCallStore(ledger.service, instance: living.instance)
            let second = call(account)
            #expect(try await others.claim(second) == .claimed)
            _ = try await ledger.events.append([
                .usage(charge: Pico(60), of: account) { $0.request = second.request }
            ])
            let late = try await ledger.events.append([
                .usage(charge: Pico(60), lease: lease, of: account) { $0.request = first.request }
            ])
            #expect(late == [.appended(version: 4, amount: .zero, excess: Pico(60))])
            #expect(try await ledger.head(of: account).balance == Pico(940))
            #expect(try await Verification(ledger.service).run().findings == [])
        }
    }

    @Test func `a late charge and a repeat that do not see each other`() async throws {
        try await LedgerFixture.run(connectionsMax: 4) { ledger in
            for number in 0..<20 {
                let account = try await ledger.account(credit: Pico(1_000))
                let lost = try await ledger.register()
                let claims = KeyedCallStore(ledger.service, instance: lost.instance)
                let first = call(account, "name-\(number)")
                #expect(try await claims.claim(first) == .claimed)
                try await ledger.owner.transaction { session in
                    _ = try session.execute("UPDATE instances SET stopped_at = clock_timestamp()")
                }
                let living = try await ledger.register()
                let others = KeyedCallStore(ledger.service, instance: living.instance)
                async let repeated = others.claim(call(account, "name-\(number)"))
                async let appended = ledger.events.append([
                    .usage(charge: Pico(60), lease: .make(at: .sample), of: account) {
                        $0.request = first.request
                    }
                ])
                let (claim, outcome) = try await (repeated, appended[0])
                switch claim {
                case .claimed:
                    #expect(outcome == .appended(version: 2, amount: .zero, excess: Pico(60)))
                case .ended(let request, let charge):
                    #expect(request == first.request && charge == Pico(60))
                    #expect(
                        outcome == .appended(version: 2, amount: Pico(-60), excess: .zero)
                    )
                default: Issue.record("\(claim)")
                }
            }
        }
    }

    @Test func `after a day a name is free, and the row is forgotten`() async throws {
        try await LedgerFixture.run { ledger in
            let identity = try await ledger.register()
            let store = KeyedCallStore(ledger.service, instance: identity.instance)
            let account = try await ledger.account()
            for name in ["old", "young"] {
                let call = call(account, name)
                #expect(try await store.claim(call) == .claimed)
                try await store.end(call, charge: .zero, answer: Self.answer)
            }
            try await ledger.owner.transaction { session in
                _ = try session.execute(
                    """
                    UPDATE keyed_calls SET claimed_at = claimed_at - interval '24 hours'
                    WHERE idempotency_key = 'old'
                    """
                )
            }
            #expect(try await store.forgetOld() == 1)
            #expect(try await store.claim(call(account, "old")) == .claimed)
            #expect(try await store.claim(call(account, "young")) == .answered(Self.answer))
        }
    }
}
