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
