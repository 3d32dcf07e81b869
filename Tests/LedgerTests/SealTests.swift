import Postgres
import Schema
import TestSupport
import Testing

@testable import Ledger

@Suite(.enabled(if: TestServer.isConfigured, "FAREBOX_TEST_OWNER_URL is not set"))
struct SealTests {
    @Test func `each seal covers what came since the last one, and follows it`() async throws {
        try await LedgerFixture.run { ledger in
            let account = try await ledger.grantedAccount(Pico(100))
            let sealer = Sealer(ledger.service)
            #expect(try await sealer.sweep().sealed == 1)
            _ = try await ledger.events.append([
                .usage(charge: Pico(1), of: account), .usage(charge: Pico(2), of: account),
            ])
            let sweep = try await sealer.sweep()
            #expect(sweep.unsealed == 2)
            #expect(sweep.sealed == 2)
            #expect(sweep.seals == 1)
            #expect(sweep.lagMicroseconds >= 0)
            #expect(try await sealer.sweep() == Sealer.Sweep())

            let seals = try await Seals(ledger.service).seals(of: account)
            #expect(seals.map(\.firstVersion) == [1, 2])
            #expect(seals.map(\.lastVersion) == [1, 3])
            #expect(seals.map(\.previousHash) == [Seal.hashBeforeAll, seals[0].hash])
            #expect(try await Seals(ledger.service).seals(of: account, from: 2) == [seals[1]])
            #expect(try await Seals(ledger.service).latest() == [seals[1]])
            #expect(try await Seals(ledger.service).latest(of: account) == seals[1])
        }
    }

    @Test func `a stream longer than one seal gets several`() async throws {
        try await LedgerFixture.run { ledger in
            let account = try await ledger.grantedAccount(Pico(100))
            let count = Seal.eventsMax + 100
            _ = try await ledger.events.append(
                (0..<count).map { _ in .usage(charge: .zero, of: account) }
            )
            let sweep = try await Sealer(ledger.service).sweep()
            #expect(sweep.sealed == Int64(count) + 1)
            #expect(sweep.seals == 2)
            #expect(!sweep.isBehind)
            let report = try await Verification(ledger.service).run()
            #expect(report.findings == [])
            #expect(report.sealedEvents == Int64(count) + 1)
            #expect(report.seals == 2)
        }
    }

    @Test func `sealers of many processes make one chain while events come`() async throws {
        try await LedgerFixture.run(connectionsMax: 8) { ledger in
            var accounts: [AccountID] = []
            for _ in 0..<5 { accounts.append(try await ledger.grantedAccount(Pico(1_000))) }
            let streams = accounts
            try await withThrowingTaskGroup(of: Int64.self) { group in
                for _ in 0..<4 {
                    group.addTask {
                        var sealed: Int64 = 0
                        for _ in 0..<20 {
                            sealed += try await Sealer(ledger.service).sweep().sealed
                        }
                        return sealed
                    }
                }
                group.addTask {
                    for _ in 0..<40 {
                        let batch = streams.map { Event.usage(charge: Pico(1), of: $0) }
                        _ = try await ledger.events.append(batch)
                    }
                    return 0
                }
                let sealed = try await group.reduce(0, +)
                let rest = try await Sealer(ledger.service).sweep()
                #expect(sealed + rest.sealed == 5 * 41)
            }
            let report = try await Verification(ledger.service).run()
            #expect(report.findings == [])
            #expect(report.sealedEvents == 5 * 41)
            #expect(
                try await ledger.count("SELECT sum(version) FROM seal_checkpoints") == 5 * 41
            )
        }
    }

    @Test func `a stream with a hole is not sealed over, and the others are`() async throws {
        try await LedgerFixture.run { ledger in
            let broken = try await ledger.grantedAccount(Pico(9))
            let whole = try await ledger.grantedAccount(Pico(9))
            for account in [broken, whole] {
                _ = try await ledger.events.append([
                    .usage(charge: Pico(1), of: account), .usage(charge: Pico(1), of: account),
                ])
            }
            try await tamper(
                ledger,
                "DELETE FROM events WHERE version = 2 AND account_id = '\(broken)'"
            )
            let sweep = try await Sealer(ledger.service).sweep()
            #expect(sweep.broken == [broken])
            #expect(sweep.sealed == 3)
            #expect(try await Seals(ledger.service).latest().map(\.account) == [whole])
        }
    }

    @Test func `a checkpoint that was moved is found, and put right by the next sweep`()
        async throws
    {
        try await LedgerFixture.run { ledger in
            let account = try await ledger.grantedAccount(Pico(9))
            _ = try await ledger.events.append([.usage(charge: Pico(1), of: account)])
            _ = try await Sealer(ledger.service).sweep()
            for version: Int64 in [1, 7] {
                try await tamper(ledger, "UPDATE seal_checkpoints SET version = \(version)")
                let report = try await Verification(ledger.service).run()
                #expect(report.findings.map(\.version) == [min(version, 2) + 1])
                for _ in 0..<6 {
                    _ = try await ledger.events.append([.usage(charge: Pico(1), of: account)])
                }
                #expect(try await Sealer(ledger.service).sweep().broken == [])
                #expect(try await Verification(ledger.service).run().findings == [])
                // Moved back without new events: nothing to seal, but to put right.
                try await tamper(ledger, "UPDATE seal_checkpoints SET version = 1")
                #expect(try await Sealer(ledger.service).sweep().seals == 0)
                #expect(try await Verification(ledger.service).run().findings == [])
                try await restart(ledger)
            }
        }
    }

    @Test func `the status says what no seal covers, and for how long`() async throws {
        try await LedgerFixture.run { ledger in
            let account = try await ledger.grantedAccount(Pico(9))
            _ = try await ledger.events.append([.usage(charge: Pico(1), of: account)])
            #expect(try await LedgerStatus.read(ledger.service).unsealedEvents == 2)
            try await tamper(
                ledger,
                "UPDATE events SET recorded_at = recorded_at - interval '90s' WHERE version = 1"
            )
            #expect(try await LedgerStatus.read(ledger.service).sealLagSeconds >= 90)
            _ = try await Sealer(ledger.service).sweep()
            let status = try await LedgerStatus.read(ledger.service)
            #expect(status.unsealedEvents == 0)
            #expect(status.sealLagSeconds == 0)
        }
    }

    private func tamper(_ ledger: LedgerFixture, _ sql: String) async throws {
        try await ledger.owner.read { session in
            try session.script("BEGIN; ALTER TABLE events DISABLE TRIGGER USER; \(sql); COMMIT")
        }
    }

    /// Unseals all but the first two events of every account.
    private func restart(_ ledger: LedgerFixture) async throws {
        try await ledger.owner.read { session in
            try session.script(
                """
                BEGIN; ALTER TABLE seals DISABLE TRIGGER USER; ALTER TABLE events DISABLE TRIGGER USER;
                DELETE FROM seals WHERE first_version > 2; DELETE FROM events WHERE version > 2;
                UPDATE account_heads SET version = 2, balance =
                    (SELECT sum(amount_pico) FROM events WHERE events.account_id = account_heads.account_id);
                UPDATE seal_checkpoints SET version = 2; COMMIT
                """
            )
        }
    }
}

extension LedgerFixture {
    /// An account made by the commands, so that its grant is recorded as grants are.
    func grantedAccount(_ amount: Pico) async throws -> AccountID {
        var generator = SystemRandomNumberGenerator()
        let slug = "a\(String(generator.next(), radix: 16))"
        let account = try await Accounts(service).create(.init(slug: slug), at: .sample)
        _ = try await Credits(service).grant(.init(account: slug, amount: amount), at: .sample)
        return account.id
    }
}
