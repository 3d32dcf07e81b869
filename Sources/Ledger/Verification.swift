import Postgres
import Schema

/// Checks the constitution on what the database holds: I1 to I4, I6 of the escrow, and the content
/// of every event.
package struct Verification: Sendable {
    /// Findings beyond these are counted, not kept.
    package static let findingsMax = 1_000

    private static let pageSize = 5_000

    private let database: Database

    package init(_ database: Database) {
        self.database = database
    }

    /// Something that must not be.
    package struct Finding: Hashable, Sendable {
        package let account: AccountID
        /// The first version that is concerned; nil when it is the account as a whole.
        package let version: Int64?
        /// By the name it has in ARCHITECTURE.md: `I2`.
        package let invariant: String
        package let message: String
    }

    package struct Report: Hashable, Sendable {
        package var accounts: Int64 = 0
        package var events: Int64 = 0
        package var findings: [Finding] = []
        package var findingCount = 0

        package var isOK: Bool { findingCount == 0 }
    }

    /// How far it has come.
    package enum Progress: Hashable, Sendable {
        case checking(String)
        case readEvents(Int64, of: Int64)
    }

    /// Checks one account, or all of them.
    ///
    /// The sums are taken of one snapshot, so that running traffic does not disturb them. Then
    /// every event is read again and hashed, which takes as long as there are events.
    package func run(
        account: AccountID? = nil,
        progress: @escaping @Sendable (Progress) -> Void = { _ in }
    ) async throws(LedgerError) -> Report {
        var report = try await checkSums(account, progress)
        var cursor = Cursor(account: account ?? AccountID(high: 0, low: 0), version: 0)
        var done: Int64 = 0
        while let next = cursor.next {
            let page = try await readPage(next, within: account)
            report.add(page.findings)
            done += Int64(page.count)
            progress(.readEvents(done, of: report.events))
            cursor = Cursor(next: page.count < Self.pageSize ? nil : page.last)
        }
        return report
    }

    private func checkSums(
        _ account: AccountID?,
        _ progress: @escaping @Sendable (Progress) -> Void
    ) async throws(LedgerError) -> Report {
        do {
            return try await database.transaction(.repeatableRead) { session in
                let scope: SQL = account.map { "account_id = \($0)" } ?? "true"
                let totals = try session.execute(
                    """
                    SELECT count(*) AS accounts, coalesce(sum(version), 0)::bigint AS events
                    FROM account_heads WHERE \(scope)
                    """
                ).single()
                var report = Report()
                report.accounts = try totals.get("accounts")
                report.events = try totals.get("events")
                for check in VerificationCheck.all(scope) {
                    progress(.checking(check.name))
                    report.add(try session.execute(check.query).map { try Finding($0) })
                }
                return report
            }
        } catch {
            throw LedgerError(error)
        }
    }

    private struct Cursor {
        let next: (account: AccountID, version: Int64)?

        init(account: AccountID, version: Int64) {
            next = (account, version)
        }

        init(next: (account: AccountID, version: Int64)?) {
            self.next = next
        }
    }

    private struct Page: Sendable {
        var count = 0
        var last = (account: AccountID(high: 0, low: 0), version: Int64(0))
        var findings: [Finding] = []
    }

    /// Reads events behind a place and recomputes what they are recognised by.
    private func readPage(
        _ start: (account: AccountID, version: Int64),
        within account: AccountID?
    ) async throws(LedgerError) -> Page {
        try await database.ledgerRead { session in
            let scope: SQL = account.map { "account_id = \($0) AND" } ?? ""
            let rows = try session.execute(
                """
                SELECT \(EventRow.columns) FROM events
                WHERE \(scope) (account_id, version) > (\(start.account), \(start.version))
                ORDER BY account_id, version LIMIT \(Self.pageSize)
                """
            )
            var page = Page()
            page.count = rows.count
            for row in rows {
                let place = (
                    account: try row.get("account_id", as: AccountID.self),
                    version: try row.get("version", as: Int64.self)
                )
                page.last = place
                if let defect = defect(of: row) {
                    page.findings.append(
                        Finding(
                            account: place.account,
                            version: place.version,
                            invariant: "I2",
                            message: defect
                        )
                    )
                }
            }
            return page
        }
    }
}

/// What is wrong with a row by itself; nil when it is what its producer stated.
private func defect(of row: Row) -> String? {
    do {
        return try EventRow(row).isIntact
            ? nil : "the event was changed: its content does not have the hash stored with it"
    } catch {
        return "the event was changed: it cannot be read (\(error.message))"
    }
}

extension Verification.Finding {
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

extension Verification.Report {
    fileprivate mutating func add(_ more: [Verification.Finding]) {
        findingCount += more.count
        findings += more.prefix(Verification.findingsMax - findings.count)
    }
}
