import Foundation
import Journal
import Ledger
import LedgerModel
import Schema
import Synchronization
import Testing

@testable import Ingress

/// What a journal keeps whose instance a copy of it has taken over.
@Suite struct OvertakenJournalTests {
    private static let now = Instant(microseconds: 1_900_000_000_000_000)
    private static let account = AccountID(high: 1, low: 1)

    /// A journal with calls that were settled and calls that a process left without an end, as its
    /// next start finds it, and a ledger.
    private static func with(
        settled: [Event],
        drafts: [Event],
        _ body: (Journal, Ledger) async throws -> Void
    ) async throws {
        let folder = FileManager.default.temporaryDirectory
            .appending(path: "overtaken-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let configuration = JournalConfiguration(path: folder.appending(path: "journal").path)
        var journal = try await Journal.open(configuration)
        for event in settled + drafts {
            try await journal.enter(EntryID(event.id), EventEncoding.encode(event))
        }
        for event in settled {
            try await journal.settle(EntryID(event.id), EventEncoding.encode(event))
        }
        await journal.close()
        journal = try await Journal.open(configuration)
        try await body(journal, Ledger())
        await journal.close()
    }

    private final class Ledger: Sendable {
        private let database: Mutex<ModelDatabase>

        init() {
            var model = ModelDatabase(now: now)
            model.create(account)
            database = Mutex(model)
        }

        func append(_ events: [Event]) throws -> [AppendOutcome] {
            try database.withLock { try $0.append(events) }
        }

        var stream: [RecordedEvent] { database.withLock { $0.accounts[account]?.stream ?? [] } }
    }

    private static func call(
        _ number: UInt64,
        admitted seconds: Int64,
        _ outcome: UsageOutcome
    ) -> Event {
        let admittedAt = now.adding(seconds: -seconds)
        var usage = Usage(
            request: RequestID(high: number, low: 0),
            lease: nil,
            key: KeyID(high: 1, low: 2),
            project: ProjectID(high: 1, low: 3),
            admittedAt: admittedAt,
            model: "m",
            upstream: "u",
            upstreamModel: "m",
            endpoint: .chatCompletions,
            isStreamed: true,
            priceVersion: PriceVersion(1),
            hold: .zero
        )
        usage.outcome = outcome
        return Event(
            account: account,
            id: EventID(high: number, low: 9),
            occurredAt: admittedAt,
            body: .usage(usage)
        )
    }

    private func run(_ journal: Journal, _ ledger: Ledger) async throws -> OvertakenJournal.Report {
        try await OvertakenJournal(
            journal: journal,
            callTime: .seconds(1_260),
            append: { try ledger.append($0) }
        ).run(at: Self.now)
    }

    @Test func `What was settled is appended, and what cannot be running is ended`() async throws {
        try await Self.with(
            settled: [Self.call(1, admitted: 5, .completed)],
            drafts: [
                Self.call(2, admitted: 1_300, .interrupted),
                Self.call(3, admitted: 60, .interrupted),
            ]
        ) { journal, ledger in
            let report = try await run(journal, ledger)
            #expect((report.appended, report.ended, report.running) == (2, 1, 1))
            #expect(!report.isComplete)
            #expect(ledger.stream.map(\.event.id.high).sorted() == [1, 2])
            let again = try await run(journal, ledger)
            #expect((again.appended, again.running) == (0, 1))
        }
    }

    @Test func `The end that the copy has given a call stands`() async throws {
        let draft = Self.call(2, admitted: 1_300, .interrupted)
        try await Self.with(settled: [], drafts: [draft]) { journal, ledger in
            _ = try ledger.append([Self.call(2, admitted: 1_300, .completed)])
            let report = try await run(journal, ledger)
            #expect((report.alreadyThere, report.parked) == (1, 0))
            #expect(ledger.stream.count == 1)
        }
    }
}
