import Postgres
import Schema

/// The published price versions in PostgreSQL: append-only, read as snapshots.
package struct PriceBook: Sendable {
    /// How long before it takes effect a version is published at least, so that every instance
    /// holds it beforehand.
    package static let noticeSeconds: Int64 = 60
    /// The channel that PostgreSQL notifies when a version is published.
    package static let notificationChannel = "farebox_prices"
    /// How far back a snapshot still knows what was in force, for clocks that are behind.
    private static let graceSeconds: Int64 = 600

    let database: Database

    package init(_ database: Database) {
        self.database = database
    }

    /// The facts of every version, oldest first.
    package func list() async throws(PriceBookError) -> [PriceVersionHeader] {
        try await reading { session in try PriceRows.headers(session) }
    }

    /// A version with all its prices, however old; nil when there is none of this number.
    package func edition(_ version: PriceVersion) async throws(PriceBookError) -> PriceEdition? {
        try await reading { session in
            guard
                let header = try PriceRows.headers(session).first(where: { $0.version == version })
            else { return nil }
            return PriceEdition(header, models: try PriceRows.models(session, version))
        }
    }

    /// The versions in force and to come.
    ///
    /// What `previous` holds is not read again: a published version never changes, so a poll that
    /// finds nothing new costs one small statement.
    package func load(
        reusing previous: PriceSnapshot = .empty
    ) async throws(PriceBookError) -> PriceSnapshot {
        try await reading { session in
            let now = try PriceRows.now(session)
            let needed = Self.needed(try PriceRows.headers(session), at: now)
            let held = Dictionary(
                uniqueKeysWithValues: previous.editions.map { ($0.header.version, $0) }
            )
            return PriceSnapshot(
                try needed.map { header in
                    if let edition = held[header.version], edition.header == header {
                        return edition
                    }
                    let models = try PriceRows.models(session, header.version)
                    return PriceEdition(header, models: models)
                }
            )
        }
    }

    /// What was, is or will be in force at one instant, and nothing else.
    package func load(at instant: Instant) async throws(PriceBookError) -> PriceSnapshot {
        try await reading { session in
            let headers = try PriceRows.headers(session)
            let lines = Set(headers.map(\.line))
            return PriceSnapshot(
                try lines.compactMap { headers.inForce($0, at: instant) }.map { header in
                    PriceEdition(header, models: try PriceRows.models(session, header.version))
                }
            )
        }
    }

    /// All but the versions that were superseded for good before the grace began.
    private static func needed(
        _ headers: [PriceVersionHeader],
        at now: Instant
    ) -> [PriceVersionHeader] {
        let start = now.adding(seconds: -graceSeconds)
        return headers.filter { header in
            !headers.contains { other in
                other.line == header.line && other.effectiveAt <= start && header.precedes(other)
            }
        }
    }

    func reading<Value: Sendable>(
        _ body: @escaping @Sendable (Session) throws -> Value
    ) async throws(PriceBookError) -> Value {
        do { return try await database.read(body) } catch { throw PriceBookError(error) }
    }
}
