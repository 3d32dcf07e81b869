import Ledger
import Postgres
import Schema

/// What documents rest on: its rows never change, for a change of it is a new revision.
protocol Revised: Hashable {
    /// What has revisions: an account, or the slug of an issuer.
    associatedtype Owner: PostgresValue

    /// The table of the revisions, and its column that names their owner.
    static var table: SQL { get }
    static var ownerColumn: SQL { get }

    /// From 1 on; 0 for one that is not kept yet.
    var revision: Int64 { get set }

    init(_ row: Row) throws

    /// Writes the row of a revision.
    func insert(of owner: Owner, at now: Instant, _ session: Session) throws
}

extension Revised {
    /// The newest revision, or a certain one; nil where there is none.
    static func read(
        _ owner: Owner,
        revision: Int64? = nil,
        _ session: Session
    ) throws -> Self? {
        try session.executePrepared(
            """
            SELECT * FROM \(table)
            WHERE \(ownerColumn) = \(owner) AND revision = coalesce(\(revision), revision)
            ORDER BY revision DESC LIMIT 1
            """
        ).first.map { try Self($0) }
    }

    /// Adds it as the next revision, and returns that; the newest one where it says the same.
    ///
    /// Whoever adds revisions of an owner must have locked something of it.
    func added(to owner: Owner, at now: Instant, _ session: Session) throws -> Self {
        let newest = try Self.read(owner, session)
        var added = self
        added.revision = newest?.revision ?? 0
        if added == newest { return added }
        added.revision += 1
        try added.insert(of: owner, at: now, session)
        return added
    }
}
