import Ledger
import Postgres
import Schema
import TestSupport
import Testing

/// Whole instances against the real database: leases, appends and registrations.
@Suite(.enabled(if: TestServer.isConfigured, "FAREBOX_TEST_OWNER_URL is not set"))
struct EscrowPostgresTests {
    @Test
    func `Of 200 calls over three instances with credit for 37 exactly 37 are admitted`()
        async throws
    {
        try await LedgerFixture.run { ledger in
            let account = try await ledger.account(credit: Pico(37 * 1_000 + 999))
            let instances = (0..<3).map { _ in EscrowAtWork(authority: ledger.authority) }
            let admitted = try await withThrowingTaskGroup(of: Int.self) { group in
                for (number, instance) in instances.enumerated() {
                    group.addTask {
                        try await instance.run { escrow in
                            try await callInParallel(
                                number == 0 ? 68 : 66,
                                escrow,
                                ledger,
                                account
                            )
                        }
                    }
                }
                return try await group.reduce(0, +)
            }
            #expect(admitted == 37)
            for instance in instances { #expect(instance.didDrain) }
            let head = try await ledger.head(of: account)
            #expect(head.balance == Pico(999))
            #expect(head.escrowed == .zero)
            #expect(
                try await ledger.count("SELECT count(*) FROM events WHERE kind = 'usage'") == 37
            )
            #expect(
                try await ledger.count("SELECT count(*) FROM leases WHERE state = 'open'") == 0
            )
        }
    }

    @Test
    func `A restarted instance closes what its last process left open`() async throws {
        try await LedgerFixture.run { ledger in
            let account = try await ledger.account(credit: Pico(10_000))
            let (nonces, instance) = (EscrowMemoryNonces(), InstanceID.make(at: .sample))
            // The first process dies with a call under way: its service just ends.
            let first = EscrowAtWork(
                authority: ledger.authority,
                nonces: nonces,
                instance: instance
            )
            _ = try await first.service.start()
            let running = Task { await first.service.run() }
            let hold = try await first.escrow.hold(
                EscrowRequest(account, want: Pico(600), least: Pico(600))
            )
            running.cancel()
            await running.value
            #expect(try await ledger.head(of: account).escrowed == Pico(600))

            let second = EscrowAtWork(
                authority: ledger.authority,
                nonces: nonces,
                instance: instance
            )
            try await second.run { _ in
                #expect(second.service.identity?.epoch == 2)
                let event = Event.usage(
                    charge: Pico(250),
                    hold: Pico(600),
                    lease: hold.lease,
                    of: account
                )
                _ = try await ledger.events.append([event])
                #expect(try await second.service.closeEarlierEpochs() == 1)
                let head = try await ledger.head(of: account)
                #expect(head.balance == Pico(9_750))
                #expect(head.escrowed == .zero)
            }
        }
    }

    /// Calls that each cost their whole hold, until credit is used up.
    private func callInParallel(
        _ count: Int,
        _ escrow: Escrow,
        _ ledger: LedgerFixture,
        _ account: AccountID
    ) async throws -> Int {
        try await withThrowingTaskGroup(of: Int.self) { group in
            for _ in 0..<count {
                group.addTask {
                    guard let hold = try await holdInsisting(escrow, account, Pico(1_000)) else {
                        return 0
                    }
                    escrow.settle(hold, charge: hold.amount)
                    let event = Event.usage(
                        charge: hold.amount,
                        lease: hold.lease,
                        of: account
                    )
                    #expect(try await ledger.events.append([event]).count == 1)
                    if let lease = hold.lease {
                        escrow.shipped(account, lease: lease, amount: hold.amount)
                    }
                    return 1
                }
            }
            return try await group.reduce(0, +)
        }
    }
}
