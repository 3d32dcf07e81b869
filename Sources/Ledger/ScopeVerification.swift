import Postgres
import Schema

/// Verifies one scope inside of one REPEATABLE READ transaction: what is compared was committed
/// before one and the same instant, so running traffic does not disturb it.
struct ScopeVerification {
    private static let eventsPerFetch = 2_000
    private static let sealsPerFetch = 200

    let session: Session
    let scope: VerificationScope
    /// Is told how many more events were read.
    let advance: @Sendable (Int) -> Void

    struct Outcome: Sendable {
        var report = Verification.Report()
        var pinned: PinnedSeals
    }

    /// Runs every check, then reads every event again, hashes it and holds it against its seal.
    func run(_ pins: PinnedSeals) throws -> Outcome {
        // For whole scans: they spill to disk later, and the cursors are read to their end.
        try session.script("SET LOCAL work_mem = '64MB'; SET LOCAL cursor_tuple_fraction = 1.0")
        var report = Verification.Report()
        let totals = try session.execute(
            """
            SELECT count(*) AS accounts, coalesce(sum(version), 0)::bigint AS events
            FROM account_heads WHERE \(scope.accounts)
            """
        ).single()
        report.accounts = try totals.get("accounts")
        report.events = try totals.get("events")
        for check in VerificationCheck.all(scope) {
            report.add(try session.execute(check.query).map { try Verification.Finding($0) })
        }
        var (audit, burnDowns) = (
            SealAudit(pins), try BurnDownVerification(session, scope)
        )
        try readStreams(&audit, &burnDowns, &report)
        report.add(burnDowns.findings)
        report.add(audit.findings)
        report.seals = audit.seals
        report.sealedEvents = audit.sealedEvents
        return Outcome(report: report, pinned: audit.pinned)
    }

    /// Reads the scope's events in order, feeds them to the audits, and reports what is wrong with
    /// them by themselves.
    private func readStreams(
        _ audit: inout SealAudit,
        _ burnDowns: inout BurnDownVerification,
        _ report: inout Verification.Report
    ) throws {
        try declareCursors()
        let fetch: SQL = "FETCH \(unescaped: "\(Self.eventsPerFetch)") FROM audited_events"
        var seals = try SealCursor(session, pageSize: Self.sealsPerFetch)
        while true {
            let rows = try session.execute(fetch)
            var data = DataComparison()
            for row in rows {
                let account = try row.get("account_id", as: AccountID.self)
                let event = try SealedEvent(row)
                while let seal = try seals.take(upTo: event.version, of: account) {
                    audit.begin(seal)
                }
                audit.add(event, of: account)
                let read = Result { () throws(PostgresError) in try EventRow(row) }
                try burnDowns.add(try? read.get().recorded, at: event.version, of: account)
                if let defect = defect(of: row, read, at: event.version, of: account, &data) {
                    report.add([.changed(defect, at: event.version, of: account)])
                }
            }
            report.add(try data.findings(session))
            advance(rows.count)
            if rows.count < Self.eventsPerFetch { break }
        }
        while let seal = try seals.take() { audit.begin(seal) }
        audit.finish()
        try burnDowns.finish()
        try session.script("CLOSE audited_events; CLOSE audited_seals")
    }

    private func declareCursors() throws {
        _ = try session.execute(
            """
            DECLARE audited_events NO SCROLL CURSOR FOR
            SELECT \(EventRow.columns),
                CASE WHEN kind = 'usage' THEN 0 ELSE num_nonnulls(\(EventColumns.usageColumns)) END
                    AS stray_count
            FROM \(scope.events) AS events WHERE \(scope.accounts)
            ORDER BY account_id, version
            """
        )
        _ = try session.execute(
            """
            DECLARE audited_seals NO SCROLL CURSOR FOR
            SELECT \(Seal.columns) FROM \(scope.seals) AS seals WHERE \(scope.accounts)
            ORDER BY account_id, first_version
            """
        )
    }

    /// What is wrong with a row by itself; nil when it is what its producer stated.
    private func defect(
        of row: Row,
        _ read: Result<EventRow, PostgresError>,
        at version: Int64,
        of account: AccountID,
        _ data: inout DataComparison
    ) -> String? {
        do {
            let read = try read.get()
            try data.add(row, read, at: version, of: account)
            guard read.isIntact else { return "its content does not have the hash stored with it" }
            let strays = try row.get("stray_count", as: Int.self)
            return strays == 0 ? nil : "it has columns that its kind does not have"
        } catch {
            return "it cannot be read (\(error.message))"
        }
    }
}

/// The seals of a scope, a page at a time.
private struct SealCursor {
    private let session: Session
    private let pageSize: Int
    private var page: [Seal] = []
    private var next = 0

    init(_ session: Session, pageSize: Int) throws {
        self.session = session
        self.pageSize = pageSize
        try fetch()
    }

    /// The next seal, if it begins no later than at this place.
    mutating func take(upTo version: Int64, of account: AccountID) throws -> Seal? {
        guard next < page.count else { return nil }
        let seal = page[next]
        guard (seal.account, seal.firstVersion) <= (account, version) else { return nil }
        return try take()
    }

    /// The next seal; nil at the end.
    mutating func take() throws -> Seal? {
        guard next < page.count else { return nil }
        let seal = page[next]
        next += 1
        if next == page.count, page.count == pageSize { try fetch() }
        return seal
    }

    private mutating func fetch() throws {
        next = 0
        page = try session.execute("FETCH \(unescaped: "\(pageSize)") FROM audited_seals")
            .map { try Seal($0) }
    }
}

/// Holds the column `data` against what an append of the same event would write there: nothing may
/// be in it that the event does not say.
///
/// PostgreSQL compares, for it alone knows which texts are the same JSON. What is missing was found
/// by the event's hash; what a newer version writes in addition is no fault of older rows.
private struct DataComparison {
    private var places: [(account: AccountID, version: Int64)] = []
    private var found: [JSONText?] = []
    private var expected: [JSONText?] = []

    mutating func add(
        _ row: Row,
        _ read: EventRow,
        at version: Int64,
        of account: AccountID
    ) throws(PostgresError) {
        let stored = try row.get("data", as: JSONText?.self)
        let own = read.recorded.event.body.data
        guard stored != nil else { return }
        places.append((account, version))
        found.append(stored)
        expected.append(own)
    }

    func findings(_ session: Session) throws -> [Verification.Finding] {
        guard !places.isEmpty else { return [] }
        return try session.execute(
            """
            SELECT place FROM unnest(\(Array(places.indices)), \(found), \(expected))
                AS batch (place, found, expected)
            WHERE NOT coalesce(found <@ expected, false)
            """
        ).map { row in
            let place = places[try row.get("place", as: Int.self)]
            return .changed(
                "its data are not those of its kind",
                at: place.version,
                of: place.account
            )
        }
    }
}

extension Verification.Finding {
    /// An event that was changed, and by what one sees it.
    fileprivate static func changed(
        _ defect: String,
        at version: Int64,
        of account: AccountID
    ) -> Verification.Finding {
        Verification.Finding(
            account: account,
            version: version,
            invariant: "I2",
            message: "the event was changed: \(defect)"
        )
    }

    /// Reads a row of a check: `account_id, version, invariant, message`.
    fileprivate init(_ row: Row) throws(PostgresError) {
        self.init(
            account: try row.get("account_id"),
            version: try row.get("version"),
            invariant: try row.get("invariant"),
            message: try row.get("message")
        )
    }
}
