import Digest
import Postgres
import Schema

/// One batch of seals inside of a READ COMMITTED transaction that its caller begins and commits.
///
/// The last seals are read in a statement of their own, after the checkpoints are locked: so they
/// are what another process committed before it gave the lock back.
struct SealTransaction {
    private let session: Session

    init(_ session: Session) {
        self.session = session
    }

    /// Seals the events of these accounts, up to about `eventsMax`.
    func run(_ candidates: [SealCandidate], eventsMax: Int64) throws -> Sealer.Sweep {
        try session.preferIndexes()
        let locked = try lockCheckpoints(candidates)
        var rest = eventsMax
        var streams: [Stream] = []
        for last in try readLastSeals(locked.accounts) {
            guard let head = locked.heads[last.account], rest > 0 else { continue }
            // A stream that is sealed already has its checkpoint put right, and no event read.
            let end = last.version + min(max(0, head - last.version), rest)
            rest -= end - last.version
            streams.append(Stream(last: last, end: end))
        }
        try readEvents(into: &streams)
        return try write(streams, at: locked.instant)
    }

    /// An account's last seal: what the next one follows.
    private struct LastSeal {
        let account: AccountID
        /// Zero before the first seal.
        let version: Int64
        let hash: SHA256Digest
    }

    /// What is to be sealed of an account.
    private struct Stream {
        let last: LastSeal
        let end: Int64
        /// The hashes of the events behind the last seal.
        var events: [SHA256Digest] = []
        var oldest: Instant?
        var isBroken = false

        var account: AccountID { last.account }
    }

    private struct Locked {
        var accounts: [AccountID] = []
        var heads: [AccountID: Int64] = [:]
        var instant = Instant(microseconds: 0)
    }

    /// Locks the checkpoints that no other process has, and makes those that are missing.
    private func lockCheckpoints(_ candidates: [SealCandidate]) throws -> Locked {
        let fresh = candidates.filter { $0.checkpoint == nil }.map(\.account)
        if !fresh.isEmpty {
            _ = try session.executePrepared(
                """
                INSERT INTO seal_checkpoints (account_id) SELECT unnest(\(fresh))
                ON CONFLICT DO NOTHING
                """
            )
        }
        let rows = try session.executePrepared(
            """
            SELECT account_id, clock_timestamp() AS clock FROM seal_checkpoints
            WHERE account_id = ANY(\(candidates.map(\.account)))
            ORDER BY account_id FOR UPDATE SKIP LOCKED
            """
        )
        var locked = Locked()
        for row in rows {
            locked.accounts.append(try row.get("account_id"))
            locked.instant = try row.get("clock")
        }
        let heads = candidates.map { ($0.account, $0.head) }
        locked.heads = Dictionary(heads, uniquingKeysWith: { first, _ in first })
        return locked
    }

    private func readLastSeals(_ accounts: [AccountID]) throws -> [LastSeal] {
        try session.executePrepared(
            """
            SELECT batch.account_id, last.last_version, last.hash
            FROM unnest(\(accounts)) AS batch (account_id)
            LEFT JOIN LATERAL (
                SELECT last_version, hash FROM seals
                WHERE seals.account_id = batch.account_id
                ORDER BY first_version DESC LIMIT 1
            ) AS last ON true
            """
        ).map { row in
            LastSeal(
                account: try row.get("account_id"),
                version: try row.get("last_version", as: Int64?.self) ?? 0,
                hash: try row.get("hash", as: SHA256Digest?.self) ?? Seal.hashBeforeAll
            )
        }
    }

    private func readEvents(into streams: inout [Stream]) throws {
        guard !streams.isEmpty else { return }
        let rows = try session.executePrepared(
            """
            SELECT batch.place, \(SealedEvent.columns)
            FROM unnest(\(Array(streams.indices)), \(streams.map(\.account)),
                    \(streams.map(\.last.version)), \(streams.map(\.end)))
                AS batch (place, account_id, start, finish)
            CROSS JOIN LATERAL (
                SELECT * FROM events
                WHERE events.account_id = batch.account_id
                    AND events.version > batch.start AND events.version <= batch.finish
                ORDER BY events.version
            ) AS events
            """
        )
        for row in rows {
            let place = try row.get("place", as: Int.self)
            let event = try SealedEvent(row)
            let next = streams[place].last.version + Int64(streams[place].events.count) + 1
            if event.version != next { streams[place].isBroken = true }
            streams[place].events.append(event.hash)
            streams[place].oldest = min(streams[place].oldest ?? .distantFuture, event.recordedAt)
        }
        for place in streams.indices {
            let stream = streams[place]
            if stream.last.version + Int64(stream.events.count) != stream.end {
                streams[place].isBroken = true
            }
        }
    }

    private func write(_ streams: [Stream], at instant: Instant) throws -> Sealer.Sweep {
        var sweep = Sealer.Sweep()
        sweep.broken = streams.filter(\.isBroken).map(\.account)
        let whole = streams.filter { !$0.isBroken }
        guard !whole.isEmpty else { return sweep }
        let seals = whole.flatMap { Self.seals(of: $0, at: instant) }
        // A conflict here would be a fault to be seen: the lock and the last seal exclude it.
        _ = try session.executePrepared(
            """
            INSERT INTO seals (account_id, first_version, last_version, event_count, format,
                previous_hash, hash, fingerprints, sealed_at)
            SELECT * FROM unnest(\(seals.map(\.account)), \(seals.map(\.firstVersion)),
                \(seals.map(\.lastVersion)), \(seals.map(\.eventCount)), \(seals.map(\.format)),
                \(seals.map(\.previousHash)), \(seals.map(\.hash)),
                \(seals.map { Bytea($0.fingerprints) }), \(seals.map(\.sealedAt)))
            """
        )
        _ = try session.executePrepared(
            """
            UPDATE seal_checkpoints SET version = batch.version
            FROM unnest(\(whole.map(\.account)), \(whole.map(\.end)))
                AS batch (account_id, version)
            WHERE seal_checkpoints.account_id = batch.account_id
            """
        )
        sweep.sealed = whole.reduce(0) { $0 + Int64($1.events.count) }
        sweep.seals = seals.count
        let oldest = whole.compactMap(\.oldest).min() ?? instant
        sweep.lagMicroseconds = max(0, instant.microseconds - oldest.microseconds)
        return sweep
    }

    private static func seals(of stream: Stream, at instant: Instant) -> [Seal] {
        var seals: [Seal] = []
        var rest = stream.events[...]
        var previousHash = stream.last.hash
        var firstVersion = stream.last.version + 1
        while !rest.isEmpty {
            let seal = Seal(
                account: stream.account,
                firstVersion: firstVersion,
                events: rest.prefix(Seal.eventsMax),
                after: previousHash,
                at: instant
            )
            seals.append(seal)
            rest = rest.dropFirst(Seal.eventsMax)
            previousHash = seal.hash
            firstVersion = seal.lastVersion + 1
        }
        return seals
    }
}

extension Instant {
    /// Later than every event.
    fileprivate static let distantFuture = Instant(microseconds: .max)
}
