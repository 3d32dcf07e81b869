import Digest
import Postgres
import Schema

/// The only way into the streams.
package struct EventStore: Sendable {
    /// The most events of one transaction.
    package static let batchMax = 1_000

    let database: Database
    private let onAppend: @Sendable ([ProjectionTarget]) -> Void

    /// - Parameter onAppend: is told what this store has appended, once it is durable; must return
    ///   at once. Projections follow by it without having to look.
    package init(
        _ database: Database,
        onAppend: @escaping @Sendable ([ProjectionTarget]) -> Void = { _ in }
    ) {
        self.database = database
        self.onAppend = onAppend
    }

    /// Appends events, in order, and returns what became of each.
    ///
    /// Everything returned is durable. Appending the same events again changes nothing, so after
    /// an error all of them may be given again, whether some were appended or not.
    ///
    /// - Throws: `.unavailable`, `.outcomeUnknown`: give the same events again; `.corrupt`.
    package func append(_ events: [Event]) async throws(LedgerError) -> [AppendOutcome] {
        try await append(hashed: events.map { HashedEvent($0) })
    }

    /// The same for events whose hashes are known.
    package func append(hashed: [HashedEvent]) async throws(LedgerError) -> [AppendOutcome] {
        var outcomes: [AppendOutcome] = []
        outcomes.reserveCapacity(hashed.count)
        for start in stride(from: 0, to: hashed.count, by: Self.batchMax) {
            let batch = hashed[start..<min(start + Self.batchMax, hashed.count)]
            let appended = try await append(Array(batch))
            onAppend(Self.targets(batch, appended))
            outcomes += appended
        }
        return outcomes
    }

    /// How far each stream has grown.
    package static func targets(
        _ batch: some Sequence<HashedEvent>,
        _ outcomes: [AppendOutcome]
    ) -> [ProjectionTarget] {
        var targets: [AccountID: ProjectionTarget] = [:]
        for (hashed, outcome) in zip(batch, outcomes) {
            guard let version = outcome.version else { continue }
            let account = hashed.event.account
            targets[
                account,
                default: ProjectionTarget(account: account, through: version, count: 0)
            ].count += 1
            // Versions grow within a batch.
            targets[account]?.through = version
        }
        return Array(targets.values)
    }

    /// Appends a batch; one that the data in it spoil is halved until the spoilt event is alone.
    private func append(_ batch: [HashedEvent]) async throws(LedgerError) -> [AppendOutcome] {
        do {
            return try await database.repeatableTransaction { session in
                try AppendTransaction(session).run(batch)
            }
        } catch let error as PostgresError where error.fault == .caller {
            guard batch.count > 1 else { return [try await park(batch[0], error)] }
            let middle = batch.count / 2
            let first = try await append(Array(batch[..<middle]))
            return first + (try await append(Array(batch[middle...])))
        } catch {
            throw LedgerError(error)
        }
    }

    private func park(
        _ hashed: HashedEvent,
        _ error: PostgresError
    ) async throws(LedgerError) -> AppendOutcome {
        do {
            let outcomes = try await database.repeatableTransaction { session in
                try AppendTransaction(session).run([hashed], poison: error.description)
            }
            return outcomes[0]
        } catch {
            throw LedgerError(error)
        }
    }
}
