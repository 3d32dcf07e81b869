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

    /// All but the versions that were superseded for good before the grace began.
    private static func needed(
        _ headers: [PriceVersionHeader],
        at now: Instant
    ) -> [PriceVersionHeader] {
        let start = now.adding(seconds: -graceSeconds)
        return headers.filter { header in
            !headers.contains { other in
                other.source == header.source && other.currency == header.currency
                    && other.effectiveAt <= start && header.precedes(other)
            }
        }
    }

    func reading<Value: Sendable>(
        _ body: @escaping @Sendable (Session) throws -> Value
    ) async throws(PriceBookError) -> Value {
        do { return try await database.read(body) } catch { throw PriceBookError(error) }
    }
}

extension PriceVersionHeader {
    /// Whether the other version takes over from this one.
    func precedes(_ other: PriceVersionHeader) -> Bool {
        (effectiveAt, version) < (other.effectiveAt, other.version)
    }
}

/// Why a price version was not published or read.
package enum PriceBookError: Error, Sendable, CustomStringConvertible {
    /// The instant asked for leaves less than the notice; with the earliest that would do.
    case effectiveTooSoon(earliest: Instant)
    /// Prices that moved a thousandfold, in a sheet that was not forced.
    case jumps([PriceDiff.Change])
    /// A model's prices are incomplete.
    case defect(model: String, String)
    /// The database could not be reached or refused; nothing was published.
    case database(String)
    /// The commit's answer was lost: publish the same sheet again, which is safe.
    case outcomeUnknown

    init(_ error: any Error) {
        switch error {
        case let error as PriceBookError: self = error
        case let error as PostgresError where error.code == .commitOutcomeUnknown:
            self = .outcomeUnknown
        default: self = .database(String(describing: error))
        }
    }

    package var description: String {
        switch self {
        case .effectiveTooSoon(let earliest):
            "a price version takes effect \(PriceBook.noticeSeconds) seconds after it is "
                + "published, at \(earliest) or later"
        case .jumps(let changes):
            "prices moved by a factor of \(PriceDiff.jumpFactor) or more: "
                + changes.prefix(5).map(\.description).joined(separator: "; ")
                + (changes.count > 5 ? "; and \(changes.count - 5) more" : "")
        case .defect(let model, let text): "“\(model)”: \(text)"
        case .database(let text): text
        case .outcomeUnknown: "the database did not confirm the publication: try again"
        }
    }
}

extension PriceDiff.Change: CustomStringConvertible {
    /// `gpt-4o input: 2500000 → 2.5 pico`.
    package var description: String {
        func text(_ price: Pico?) -> String { price.map { String($0.units) } ?? "none" }
        return "\(model) \(item): \(text(before)) → \(text(after)) pico"
    }
}
