import Postgres
import Schema
import TestSupport
import Testing

@testable import Ledger

@Suite(.enabled(if: TestServer.isConfigured, "FAREBOX_TEST_OWNER_URL is not set"))
struct VerificationRunTests {
    private let start = Instant(microseconds: 1_790_000_000_000_000)

    private func run(
        _ subject: VerificationRun.Subject,
        scope: String? = nil,
        at seconds: Int64,
        findings: [String] = []
    ) -> VerificationRun {
        VerificationRun(
            subject,
            scope: scope,
            from: start.adding(seconds: seconds),
            to: start.adding(seconds: seconds + 5),
            checked: 100,
            findings: findings,
            findingCount: Int64(findings.count)
        )
    }

    @Test func `the last run over everything is told, of each subject`() async throws {
        try await LedgerFixture.run { fixture in
            let database = fixture.service
            let runs = VerificationRuns(database)
            #expect(try await runs.last().isEmpty)
            for (scope, seconds) in [(nil, 0), (nil, 60), ("acme", 120)] as [(String?, Int64)] {
                try await runs.record(run(.ledger, scope: scope, at: seconds))
            }
            let documents = run(.documents, at: 30, findings: ["one", "two"])
            try await runs.record(documents)
            let last = try await runs.last()
            #expect(
                last.map(\.subject).sorted { $0.rawValue < $1.rawValue } == [.documents, .ledger]
            )
            #expect(last.first { $0.subject == .documents } == documents)
            #expect(last.first { $0.subject == .ledger }?.startedAt == start.adding(seconds: 60))
        }
    }

    @Test func `what a run found is told once, and with the run or not at all`() async throws {
        try await LedgerFixture.run { fixture in
            let database = fixture.service
            let runs = VerificationRuns(database)
            try await runs.record(run(.ledger, at: 0))
            #expect(try await WebhookMessages(database).list().isEmpty)
            let found = run(.ledger, at: 60, findings: (1...9).map { "finding \($0)" })
            try await runs.record(found)
            // As a repeat whose first answer was lost.
            try await runs.record(found)
            let messages = try await WebhookMessages(database).list()
            #expect(messages.map(\.kind) == ["verification.failed"])
            #expect(try await runs.last().first?.examples.count == VerificationRun.examplesMax)
        }
    }

    @Test func `a run cannot be changed or deleted`() async throws {
        try await LedgerFixture.run { fixture in
            try await VerificationRuns(fixture.service).record(run(.ledger, at: 0))
            for statement in [
                "UPDATE verification_runs SET finding_count = 0", "DELETE FROM verification_runs",
            ] {
                await #expect(throws: (any Error).self) {
                    try await fixture.owner.transaction { session in try session.script(statement) }
                }
            }
        }
    }
}
