import Postgres
import Schema

package enum VerificationRunEntity {}
package typealias VerificationRunID = Identifier<VerificationRunEntity>

/// What one verification came to.
package struct VerificationRun: Hashable, Sendable {
    package enum Subject: String, CaseIterable, Sendable {
        case ledger
        case documents
    }

    package static let examplesMax = 5

    package let id: VerificationRunID
    package let subject: Subject
    /// The one account or document; nil for all.
    package let scope: String?
    package let startedAt: Instant
    package let endedAt: Instant
    /// Events or documents that were looked at.
    package let checked: Int64
    package let findingCount: Int64
    /// The first of the findings.
    package let examples: [String]

    package init(
        _ subject: Subject,
        scope: String?,
        from startedAt: Instant,
        to endedAt: Instant,
        checked: Int64,
        findings: [String],
        findingCount: Int64
    ) {
        id = .make(at: startedAt)
        self.subject = subject
        self.scope = scope
        self.startedAt = startedAt
        // Clocks may be set back, and what is written must hold.
        self.endedAt = max(startedAt, endedAt)
        self.checked = checked
        self.findingCount = findingCount
        examples = Array(findings.prefix(Self.examplesMax))
    }

    fileprivate init(_ row: Row) throws(PostgresError) {
        id = try row.get("run_id")
        subject = try row.get("subject")
        scope = try row.get("scope")
        startedAt = try row.get("started_at")
        endedAt = try row.get("ended_at")
        checked = try row.get("checked")
        findingCount = try row.get("finding_count")
        examples = try row.get("examples")
    }

    /// What endpoints of all accounts are told when something was found.
    fileprivate var alert: Alert? {
        guard findingCount > 0 else { return nil }
        return Alert(
            .verificationFailed,
            of: nil,
            at: endedAt,
            data: [
                ("check", .text(subject.rawValue)), ("finding_count", .integer(findingCount)),
                ("examples", .array(examples.map(JSONNode.text))),
            ]
        )
    }
}

/// Keeps what verifications came to.
package struct VerificationRuns: Sendable {
    private let database: Database

    package init(_ database: Database) {
        self.database = database
    }

    /// Writes a run down, and tells of what it found.
    package func record(_ run: VerificationRun) async throws(LedgerError) {
        try await database.ledgerCommand { session in
            let written = try session.execute(
                """
                INSERT INTO verification_runs (run_id, subject, scope, started_at, ended_at,
                    checked, finding_count, examples)
                VALUES (\(run.id), \(run.subject), \(run.scope), \(run.startedAt),
                    \(run.endedAt), \(run.checked), \(run.findingCount), \(run.examples))
                ON CONFLICT (run_id) DO NOTHING
                """
            )
            // What is there already was written, and told, by an attempt whose answer was lost.
            guard written.affectedCount == 1, let alert = run.alert else { return }
            try AlertOutbox(session).write([alert])
        }
    }

    /// The last run over everything, of each subject that was ever verified.
    package func last() async throws(LedgerError) -> [VerificationRun] {
        try await database.ledgerRead { session in
            try session.execute(
                """
                SELECT DISTINCT ON (subject) * FROM verification_runs WHERE scope IS NULL
                ORDER BY subject, ended_at DESC
                """
            ).map { try VerificationRun($0) }
        }
    }
}

extension VerificationRun.Subject: PostgresRepresentable {}
