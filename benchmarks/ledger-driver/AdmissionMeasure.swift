import Ledger
import Postgres
import Schema

/// Holds and ends calls out of one account's lease, as admission does.
enum AdmissionMeasure {
    /// `operations=N` calls, one after the other; those that the lease covered at once asked nobody.
    static func run(_ database: Database, _ options: Options) async throws -> [(String, Int64)] {
        let operations = try options.required("operations")
        let service = EscrowService(
            escrow: Escrow(),
            authority: PostgresLeaseAuthority(database),
            instance: .make(at: Population.now),
            label: "admission",
            nonces: ForgottenNonces(),
            reoffer: { 0 },
            report: { _ in }
        )
        _ = try await service.start()
        let work = Task { await service.run() }
        let escrow = service.escrow
        let account = Population.account(0)
        // What the account has free, so that the lease is as large as a busy one's.
        let much = Pico(1_000_000_000_000)
        escrow.release(try await escrow.hold(EscrowRequest(account, want: much, least: much)))
        let want = Pico(1_000_000)
        var asked: Int64 = 0
        let start = ContinuousClock.now
        for _ in 0..<operations {
            if let hold = escrow.tryHold(account, want: want) {
                escrow.release(hold)
            } else {
                asked += 1
                let request = EscrowRequest(account, want: want, least: want)
                escrow.release(try await escrow.hold(request))
            }
        }
        let took = start.duration(to: .now).microseconds
        await service.stop(by: .now + .seconds(10))
        work.cancel()
        await work.value
        return [("operations", operations), ("asked", asked), ("microseconds", took)]
    }
}

/// Of an instance that registers once.
private struct ForgottenNonces: EscrowNonces {
    func begin(_ fresh: Nonce) async throws(LedgerError) -> KnownRegistrations {
        KnownRegistrations(epoch: 0, nonces: [nil])
    }

    func confirm(_ fresh: Nonce, epoch: Int64) async throws(LedgerError) {}
}
