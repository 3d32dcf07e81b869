import Postgres
import Schema
import TestSupport
import Testing

@testable import Ledger

@Suite(.enabled(if: TestServer.isConfigured, "FAREBOX_TEST_OWNER_URL is not set"))
struct EventStoreTests {
    @Test func `eight connections appending the same and other events add up exactly`() async throws
    {
        try await LedgerFixture.run(connectionsMax: 8) { ledger in
            var accounts: [AccountID] = []
            for _ in 0..<4 { accounts.append(try await ledger.account(credit: Pico(1_000_000))) }
            // Each batch is appended by two tasks at once, in another order by each.
            let batches = (0..<24).map { batch in
                (0..<30).map { index in
                    Event.usage(charge: Pico(Int128(batch + index)), of: accounts[index % 4])
                }
            }
            try await withThrowingTaskGroup { group in
                for batch in batches + batches.reversed() {
                    let shuffled = batch.shuffled()
                    group.addTask {
                        let outcomes = try await ledger.events.append(shuffled)
                        #expect(
                            outcomes.allSatisfy {
                                if case .parked = $0 { false } else { true }
                            }
                        )
                    }
                }
                try await group.waitForAll()
            }
            for account in accounts {
                let charges = batches.joined().filter { $0.account == account }.map(charge)
                let head = try await ledger.head(of: account)
                #expect(head.balance == Pico(1_000_000) - charges.reduce(.zero, +))
                #expect(head.version == Int64(charges.count) + 1)
                try await expectGapless(ledger, account, count: head.version)
            }
        }
    }

    @Test func `a call's failed attempts come back from the database as they were`() async throws {
        try await LedgerFixture.run { ledger in
            let account = try await ledger.account(credit: Pico(1_000))
            let event = Event.usage(charge: Pico(7), of: account) {
                $0.attempts = EventEncodingTests.attempts
            }
            _ = try await ledger.events.append([event])
            guard case .usage(let usage) = event.body else { return }
            let read = try await ledger.events.usage(of: usage.request)
            #expect(read?.event == event)
        }
    }

    @Test func `versions have no gap although transactions roll back`() async throws {
        try await LedgerFixture.run(connectionsMax: 8) { ledger in
            let account = try await ledger.account(credit: Pico(1_000))
            struct Abandoned: Error {}
            try await withThrowingTaskGroup { group in
                for index in 0..<60 {
                    group.addTask {
                        let event = Event.usage(charge: Pico(1), of: account)
                        guard index % 3 == 0 else {
                            _ = try await ledger.events.append([event])
                            return
                        }
                        await #expect(throws: Abandoned.self) {
                            try await ledger.service.transaction { session in
                                _ = try AppendTransaction(session).run([HashedEvent(event)])
                                throw Abandoned()
                            }
                        }
                    }
                }
                try await group.waitForAll()
            }
            let head = try await ledger.head(of: account)
            #expect(head.version == 41)
            #expect(head.balance == Pico(960))
            try await expectGapless(ledger, account, count: 41)
        }
    }

    @Test func `a repeated append changes nothing, and other content under an id is parked`()
        async throws
    {
        try await LedgerFixture.run { ledger in
            let account = try await ledger.account(credit: Pico(1_000))
            let event = Event.usage(charge: Pico(10), of: account)
            _ = try await ledger.events.append([event])
            let before = try await ledger.head(of: account)
            #expect(try await ledger.events.append([event, event]) == [.duplicate, .duplicate])

            guard case .usage(var usage) = event.body else { return }
            usage.charge = Pico(9)
            let changed = Event(
                account: account,
                id: event.id,
                occurredAt: event.occurredAt,
                body: .usage(usage)
            )
            for _ in 0..<2 {
                #expect(
                    try await ledger.events.append([changed, event])
                        == [.parked(.contentChanged), .duplicate]
                )
            }
            #expect(try await ledger.head(of: account) == before)
            #expect(try await ledger.count("SELECT count(*) FROM parked_events") == 1)
        }
    }

    @Test func `an event that the database refuses is parked alone out of its batch`() async throws
    {
        try await LedgerFixture.run { ledger in
            let account = try await ledger.account(credit: Pico(1_000))
            let other = try await ledger.account(credit: Pico(1_000))
            // A constraint that the program does not know stands for every unforeseen refusal.
            try await ledger.owner.read { session in
                try session.script(
                    "ALTER TABLE events ADD CONSTRAINT no_poison CHECK (model <> 'poison')"
                )
            }
            var events = (0..<50).map { index in
                Event.usage(charge: Pico(1), of: index % 2 == 0 ? account : other)
            }
            events[20] = .usage(charge: Pico(1), of: account) { $0.model = "poison" }
            let outcomes = try await ledger.events.append(events)
            #expect(outcomes[20] == .parked(.refusedByDatabase))
            let appended = outcomes.filter { if case .appended = $0 { true } else { false } }
            #expect(appended.count == 49)
            #expect(try await ledger.head(of: account).balance == Pico(976))
            #expect(try await ledger.head(of: other).balance == Pico(975))
            let payload = try await ledger.owner.read { session in
                try session.execute("SELECT payload FROM parked_events").single()
                    .get("payload", as: [UInt8].self)
            }
            #expect(try EventEncoding.decode(payload) == events[20])
        }
    }

    @Test func `events of unknown accounts, of the future or malformed are parked, others go on`()
        async throws
    {
        try await LedgerFixture.run { ledger in
            let account = try await ledger.account(credit: Pico(1_000))
            let outcomes = try await ledger.events.append([
                .usage(charge: Pico(1), of: .make(at: .sample)),
                .usage(charge: Pico(1), of: account, at: .sample.adding(seconds: 90_000)),
                .usage(charge: Pico(1), of: account) { $0.model = "nul\0" },
                .usage(charge: Pico(1), of: account) { $0.tokens.output = -1 },
                .usage(charge: Pico(1), of: account),
            ])
            #expect(
                outcomes == [
                    .parked(.unknownAccount), .parked(.aheadOfClock), .parked(.malformed),
                    .parked(.malformed), .appended(version: 2, amount: Pico(-1), excess: .zero),
                ]
            )
        }
    }

    @Test func `a charge larger than everything becomes excess, never debt`() async throws {
        try await LedgerFixture.run { ledger in
            let account = try await ledger.account(credit: Pico(5))
            let outcomes = try await ledger.events.append([.usage(charge: Pico(9), of: account)])
            #expect(outcomes == [.appended(version: 2, amount: Pico(-5), excess: Pico(4))])
            #expect(try await ledger.head(of: account).balance == .zero)
        }
    }

    @Test func `more events than a batch takes are appended in order`() async throws {
        try await LedgerFixture.run { ledger in
            let account = try await ledger.account(credit: Pico(10_000))
            let events = (0..<2_345).map { _ in Event.usage(charge: Pico(1), of: account) }
            let outcomes = try await ledger.events.append(events)
            let versions = outcomes.map { outcome -> Int64 in
                if case .appended(let version, _, _) = outcome { version } else { 0 }
            }
            #expect(versions == Array(2...2_346))
        }
    }

    private func charge(_ event: Event) -> Pico {
        if case .usage(let usage) = event.body { usage.charge } else { .zero }
    }

    private func expectGapless(
        _ ledger: LedgerFixture,
        _ account: AccountID,
        count: Int64
    ) async throws {
        let versions = try await ledger.service.read { session in
            try session.execute(
                "SELECT version FROM events WHERE account_id = \(account) ORDER BY version"
            ).map { try $0.get("version", as: Int64.self) }
        }
        #expect(versions == Array(1...count))
    }
}
