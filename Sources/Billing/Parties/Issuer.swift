import Ledger
import Postgres
import Schema

/// Who issues documents, with the series of their numbers.
package struct Issuer: Hashable, Sendable {
    package let slug: String
    package var revision: Int64 = 0
    package let series: String
    package let party: DocumentParty
    /// How many days before the end of a closed month usage is still charged that comes behind the
    /// close; nil for however late.
    package var lateDays: Int32?
    /// What stands on its documents instead of its name.
    package var logo: Logo?

    /// The most days that usage may be late: ten years.
    package static let lateDaysMax: Int64 = 3_660

    package init(slug: String, series: String, party: DocumentParty) {
        self.slug = slug
        self.series = series
        self.party = party
    }

    /// From when on usage is charged that comes behind the close of a month.
    func chargedFrom(monthEnding end: Instant) -> Instant? {
        lateDays.map { end.adding(seconds: -Int64($0) * 86_400) }
    }

    /// The newest revisions of all issuers.
    static func all(_ session: Session) throws -> [Issuer] {
        try session.execute(
            "SELECT DISTINCT ON (issuer) * FROM issuers ORDER BY issuer, revision DESC"
        ).map { try Issuer($0) }
    }
}

extension Issuer: Revised {
    static let table: SQL = "issuers"
    static let ownerColumn: SQL = "issuer"

    init(_ row: Row) throws {
        slug = try row.get("issuer")
        revision = try row.get("revision")
        series = try row.get("series")
        party = try DocumentParty(stored: row.get("party"))
        lateDays = try row.get("late_days")
        logo = try Logo(row)
    }

    func insert(of owner: String, at now: Instant, _ session: Session) throws {
        _ = try session.execute(
            """
            INSERT INTO issuers (issuer, revision, series, party, late_days, logo, logo_png,
                created_at)
            VALUES (\(owner), \(revision), \(series), \(try party.stored()), \(lateDays),
                \(logo?.svg), \(logo?.png), \(now))
            """
        )
    }
}
