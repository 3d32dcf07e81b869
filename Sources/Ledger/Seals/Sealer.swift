import Postgres
import Schema

/// Seals what was appended since the last time, behind the append and off its path.
///
/// Any number of processes may sweep at once: each takes the accounts that no other one has, and
/// what a seal follows is read under that lock. A process that dies in between leaves nothing.
package struct Sealer: Sendable {
    /// Accounts and events of one transaction, so that its locks and its memory stay small.
    private static let accountsMax = 500
    private static let eventsMax: Int64 = 16 * Int64(Seal.eventsMax)
    /// Accounts of one sweep.
    private static let candidatesMax = 100_000

    private let database: Database

    package init(_ database: Database) {
        self.database = database
    }

    /// What a sweep found and did.
    package struct Sweep: Hashable, Sendable {
        /// Events without a seal when the sweep began.
        package var unsealed: Int64 = 0
        /// Events that it sealed.
        package var sealed: Int64 = 0
        package var seals = 0
        /// From the recording of the oldest event that it sealed to its seal, in microseconds.
        package var lagMicroseconds: Int64 = 0
        /// Accounts whose stream has a hole: nothing is sealed over it, and `ledger verify` says
        /// more.
        package var broken: [AccountID] = []

        /// Whether there was more than one sweep takes.
        package var isBehind: Bool { broken.isEmpty && sealed > 0 && sealed < unsealed }
    }

    /// Seals what there is to seal, up to a bound.
    ///
    /// - Throws: `.unavailable` and the like; what was sealed before stays sealed.
    package func sweep() async throws(LedgerError) -> Sweep {
        var sweep = Sweep()
        var rest = try await readCandidates()[...]
        sweep.unsealed = rest.reduce(0) { $0 + $1.unsealedCount }
        while !rest.isEmpty {
            let batch = Self.takeBatch(&rest)
            let done = try await database.ledgerTransaction { session in
                try SealTransaction(session).run(batch, eventsMax: Self.eventsMax)
            }
            sweep.add(done)
        }
        return sweep
    }

    private func readCandidates() async throws(LedgerError) -> [SealCandidate] {
        try await database.ledgerRead { session in
            try session.execute(
                """
                SELECT account_id, account_heads.version AS head,
                    seal_checkpoints.version AS sealed
                FROM account_heads LEFT JOIN seal_checkpoints USING (account_id)
                WHERE account_heads.version > coalesce(seal_checkpoints.version, 0)
                ORDER BY account_id LIMIT \(Self.candidatesMax)
                """
            ).map { row in
                SealCandidate(
                    account: try row.get("account_id"),
                    head: try row.get("head"),
                    checkpoint: try row.get("sealed")
                )
            }
        }
    }

    private static func takeBatch(_ rest: inout ArraySlice<SealCandidate>) -> [SealCandidate] {
        var events: Int64 = 0
        let batch = rest.prefix(accountsMax).prefix { candidate in
            defer { events += candidate.unsealedCount }
            return events == 0 || events + candidate.unsealedCount <= eventsMax
        }
        rest = rest.dropFirst(batch.count)
        return Array(batch)
    }
}

extension Sealer.Sweep {
    fileprivate mutating func add(_ done: Sealer.Sweep) {
        sealed += done.sealed
        seals += done.seals
        lagMicroseconds = max(lagMicroseconds, done.lagMicroseconds)
        broken += done.broken
    }
}

/// An account whose head is ahead of its seals.
struct SealCandidate: Sendable {
    let account: AccountID
    let head: Int64
    /// Up to where it is sealed; nil for an account that never was.
    let checkpoint: Int64?

    var unsealedCount: Int64 { head - (checkpoint ?? 0) }
}
