import Digest
import Postgres
import Schema

/// The only way into the streams.
package struct EventStore: Sendable {
    /// The most events of one transaction.
    package static let batchMax = 1_000

    let database: Database

    package init(_ database: Database) {
        self.database = database
    }

    /// Appends events, in order, and returns what became of each.
    ///
    /// Everything returned is durable. Appending the same events again changes nothing, so after
    /// an error all of them may be given again, whether some were appended or not.
    ///
    /// - Throws: `.unavailable`, `.outcomeUnknown`: give the same events again; `.corrupt`.
    package func append(_ events: [Event]) async throws(LedgerError) -> [AppendOutcome] {
        let hashed = events.map { HashedEvent($0) }
        var outcomes: [AppendOutcome] = []
        outcomes.reserveCapacity(events.count)
        for start in stride(from: 0, to: hashed.count, by: Self.batchMax) {
            let batch = hashed[start..<min(start + Self.batchMax, hashed.count)]
            outcomes += try await append(Array(batch))
        }
        return outcomes
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
