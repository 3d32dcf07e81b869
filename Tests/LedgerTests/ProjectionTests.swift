import Glibc
import Postgres
import Schema
import Synchronization
import TestSupport
import Testing

@testable import Ledger

@Suite(.enabled(if: TestServer.isConfigured, "FAREBOX_TEST_OWNER_URL is not set"))
struct ProjectionTests {
    /// litellm 37144: four dashboards, four totals.
    @Test func `every report gives what the events give, however far the projection has come`()
        async throws
    {
        try await LedgerFixture.run { ledger in
            var creation = Accounts.Creation(slug: "acme")
            creation.timeZone = "Asia/Kathmandu"
            let account = try await Accounts(ledger.service).create(creation, at: .sample).id
            let other = try await ledger.account(credit: Pico(1_000_000_000))
            _ = try await ledger.events.append([.grant(Pico(1_000_000_000), to: account)])
            var usage = VariedUsage()
            for round in 0..<3 {
                _ = try await ledger.events.append(usage.events(150, of: [account, other]))
                // None followed; all of it; the middle third beyond the checkpoint.
                if round == 1 { try await ledger.follow() }
                try await expectReportsEqual(ledger, account)
            }
            try await ledger.follow()
            try await expectReportsEqual(ledger, account)
            #expect(try await ledger.eventsBehind() == [0, 0])
            try await ledger.expectProjectionsEqual()
        }
    }

    private func expectReportsEqual(_ ledger: LedgerFixture, _ account: AccountID) async throws {
        let spans: [(from: String?, to: String?)] = [
            (nil, nil), ("2026-09-20T13:07:11Z", nil), (nil, "2026-10-01T00:00:00Z"),
            ("2026-09-12T00:15:00Z", "2026-10-03T11:45:00Z"),
            ("2026-09-12T00:15:01Z", "2026-10-03T11:44:59Z"),
            ("2026-09-20T10:01:00Z", "2026-09-20T10:14:00Z"),
            ("2026-09-20T10:01:00Z", "2026-09-20T10:16:00Z"),
        ]
        let groupings: [[UsageDimension]] =
            [[]] + UsageDimension.allCases.map { [$0] } + [[.day, .key, .model]]
        for (index, span) in spans.enumerated() {
            let filters = [
                .all, UsageFilter(key: KeyID(high: 1, low: 1)),
                UsageFilter(model: "gpt-5.4-mini", upstream: "openai"),
                UsageFilter(project: Accounts.defaultProject),
            ]
            let filter = filters[index % filters.count]
            var totals: Set<UsageSums> = []
            for grouping in groupings {
                func report(_ basis: UsageReportQuery.Basis) async throws -> AccountUsage {
                    try await ledger.events.usageReport(
                        account,
                        from: span.from.flatMap { Instant($0) },
                        to: span.to.flatMap { Instant($0) },
                        by: grouping,
                        of: filter,
                        basis: basis
                    )
                }
                let projected = try await report(.projection)
                let truth = try await report(.events)
                #expect(projected == truth, "\(grouping) \(span)")
                totals.insert(projected.total)
            }
            #expect(totals.count == 1, "\(totals.map(\.cost))")
        }
        let all = try await ledger.events.usageReport(account, by: [])
        #expect(all.total.calls > 0)
    }

    @Test func `the statement has every pico of a month, in the account's own zone`() async throws {
        try await LedgerFixture.run { ledger in
            var creation = Accounts.Creation(slug: "acme")
            creation.timeZone = "America/New_York"
            let account = try await Accounts(ledger.service).create(creation, at: .sample).id
            // One UTC day, two months there; the second call is not covered to its end.
            let evening = try #require(Instant("2026-03-01T03:30:00Z"))
            let night = try #require(Instant("2026-03-01T06:30:00Z"))
            _ = try await ledger.events.append([
                .grant(Pico(25), to: account),
                .usage(charge: Pico(10), of: account, at: evening),
                .usage(charge: Pico(20), of: account, at: night),
            ])
            try await ledger.follow()
            let lines = try await ledger.service.read { session in
                try session.execute(
                    """
                    SELECT service_month::text AS month, calls, input_tokens, charge_pico,
                        excess_pico
                    FROM statement_lines WHERE account_id = \(account) ORDER BY service_month
                    """
                ).map { row in
                    (
                        month: try row.get("month", as: String.self),
                        calls: try row.get("calls", as: Int64.self),
                        input: try row.get("input_tokens", as: Int64.self),
                        charge: try row.get("charge_pico", as: Pico.self),
                        excess: try row.get("excess_pico", as: Pico.self)
                    )
                }
            }
            #expect(lines.map(\.month) == ["2026-02-01", "2026-03-01"])
            #expect(lines.map(\.calls) == [1, 1])
            #expect(lines.map(\.input) == [17, 17])
            #expect(lines.map(\.charge) == [Pico(10), Pico(15)])
            #expect(lines.map(\.excess) == [.zero, Pico(5)])
        }
    }

    /// marten 1629, 1879; formance 1552.
    @Test func `projectors at once, in small batches, under writers, count every event once`()
        async throws
    {
        try await LedgerFixture.run(connectionsMax: 8) { ledger in
            var accounts: [AccountID] = []
            for _ in 0..<6 {
                accounts.append(try await ledger.account(credit: Pico(1_000_000_000)))
            }
            var usage = VariedUsage()
            let batches = (0..<40).map { _ in usage.events(20, of: accounts) }
            var limits = ProjectionPlan.Limits()
            limits.eventsMax = 7
            limits.streamsMax = 3
            limits.sweepInterval = .milliseconds(5)
            let runners = (0..<3).flatMap { _ in
                Projection.allCases.map {
                    ProjectionRunner($0, ledger.service, limits: limits)
                }
            }
            let store = EventStore(ledger.service) { appended in
                for runner in runners { runner.note(appended) }
            }
            let running = Task {
                await withTaskGroup { group in
                    for runner in runners { group.addTask { await runner.run() } }
                }
            }
            for batch in batches { _ = try await store.append(batch) }
            #expect(try await eventually { try await ledger.eventsBehind() == [0, 0] })
            running.cancel()
            await running.value
            try await ledger.expectProjectionsEqual()
        }
    }

    /// marten 4952: a page passed an event whose transaction was still open.
    @Test func `an append that commits late is not passed over`() async throws {
        try await LedgerFixture.run(connectionsMax: 8) { ledger in
            let slow = try await ledger.account(credit: Pico(1_000))
            let quick = try await ledger.account(credit: Pico(1_000))
            try await ledger.owner.read { session in
                try session.script(
                    """
                    CREATE TABLE gates (gate integer PRIMARY KEY);
                    INSERT INTO gates VALUES (1);
                    GRANT SELECT, UPDATE ON gates TO farebox_service;
                    CREATE FUNCTION wait_at_gate() RETURNS trigger LANGUAGE plpgsql AS $$
                    BEGIN
                        IF NEW.model = 'slow' THEN PERFORM FROM gates FOR UPDATE; END IF;
                        RETURN NEW;
                    END $$;
                    CREATE TRIGGER events_wait BEFORE INSERT ON events
                        FOR EACH ROW EXECUTE FUNCTION wait_at_gate();
                    """
                )
            }
            let (isClosed, isOpen) = (Signal(), Signal())
            async let gate: Void = ledger.owner.transaction { session in
                _ = try session.execute("SELECT FROM gates FOR UPDATE")
                isClosed.raise()
                // Blocks its own thread only.
                while !isOpen.isRaised { usleep(2_000) }
            }
            #expect(await eventually { isClosed.isRaised })
            let late = Event.usage(charge: Pico(3), of: slow) { $0.model = "slow" }
            let appending = Task { try await ledger.events.append([late]) }
            let isWaiting = try await eventually {
                try await ledger.count(
                    """
                    SELECT count(*) FROM pg_locks WHERE NOT granted AND pid IN (
                        SELECT pid FROM pg_locks WHERE relation = 'gates'::regclass
                            AND database = (SELECT oid FROM pg_database
                                WHERE datname = current_database()))
                    """
                ) > 0
            }
            #expect(isWaiting)
            for _ in 0..<5 {
                _ = try await ledger.events.append([.usage(charge: Pico(2), of: quick)])
                try await ledger.follow()
            }
            isOpen.raise()
            try await gate
            _ = try await appending.value
            try await ledger.follow()
            try await ledger.expectProjectionsEqual()
            let report = try await ledger.events.usageReport(slow, by: [])
            #expect(report.total.cost == Pico(3))
            #expect(try await ledger.eventsBehind() == [0, 0])
        }
    }

    /// killbill 2306: a parked account must not stop others, and must recover.
    @Test func `a poisoned event stops its own account only, is told of, and recovers`()
        async throws
    {
        try await LedgerFixture.run { ledger in
            var accounts: [AccountID] = []
            for _ in 0..<5 { accounts.append(try await ledger.account(credit: Pico(1_000))) }
            for account in accounts {
                _ = try await ledger.events.append(
                    (0..<9).map { index in
                        .usage(charge: Pico(1), of: account) { usage in
                            usage.model = account == accounts[2] && index == 5 ? "poison" : "good"
                        }
                    }
                )
            }
            try await ledger.owner.read { session in
                try session.script(
                    """
                    ALTER TABLE usage_quarter_hours ADD CONSTRAINT no_poison
                        CHECK (model <> 'poison')
                    """
                )
            }
            try await ledger.follow()
            let status = try await ProjectionStatus.read(ledger.service)
            let usage = try #require(status.first { $0.projection == "usage" })
            #expect(usage.stopped.map(\.account) == [accounts[2]])
            // The grant is version 1.
            #expect(usage.stopped.map(\.version) == [7])
            #expect(usage.stopped.first?.reason.contains("no_poison") == true)
            #expect(usage.eventsBehind == 4)
            #expect(status.first { $0.projection == "statement" }?.eventsBehind == 0)
            // Reports take from the events what the projection lacks.
            let report = try await ledger.events.usageReport(accounts[2], by: [.model])
            #expect(report.rows.map(\.sums.calls) == [8, 1])
            let comparison = try await ProjectionRebuild(.usage, ledger.service).check()
            #expect(comparison.isEqual)

            try await ledger.owner.read { session in
                try session.script(
                    """
                    ALTER TABLE usage_quarter_hours DROP CONSTRAINT no_poison;
                    UPDATE projection_checkpoints SET stopped_at = now() - interval '6 minutes'
                    WHERE stopped_at IS NOT NULL
                    """
                )
            }
            try await ledger.follow()
            #expect(try await ledger.eventsBehind() == [0, 0])
            #expect(try await ProjectionStatus.read(ledger.service).allSatisfy(\.stopped.isEmpty))
            try await ledger.expectProjectionsEqual()
        }
    }

    @Test func `a tail that a promoted database has lost is waited for by no projection`()
        async throws
    {
        try await LedgerFixture.run { ledger in
            let account = try await ledger.account(credit: Pico(1_000))
            _ = try await ledger.events.append([.usage(charge: Pico(1), of: account)])
            let build = try await ledger.liveBuild(.usage)
            var follower = ProjectionFollower(build, ledger.service)
            follower.note([ProjectionTarget(account: account, through: 50, count: 49)])
            #expect(try await follower.catchUp())
            #expect(follower.plan.isIdle)
            let status = try await ProjectionStatus.read(ledger.service)
            #expect(status.flatMap(\.stopped) == [])
            #expect(status.first { $0.projection == "usage" }?.eventsBehind == 0)
        }
    }

    @Test func `a stream with a gap is stopped and not summed up around it`() async throws {
        try await LedgerFixture.run { ledger in
            let account = try await ledger.account(credit: Pico(1_000))
            _ = try await ledger.events.append(
                (0..<4).map { _ in .usage(charge: Pico(1), of: account) }
            )
            try await ledger.owner.read { session in
                try session.script(
                    """
                    ALTER TABLE events DISABLE TRIGGER USER;
                    DELETE FROM events WHERE version = 3
                    """
                )
            }
            try await ledger.follow([.usage])
            let status = try await ProjectionStatus.read(ledger.service)
            let usage = try #require(status.first { $0.projection == "usage" })
            #expect(usage.stopped.first?.reason.contains("should be 5 events, and are 4") == true)
            #expect(try await ledger.count("SELECT count(*) FROM usage_quarter_hours") == 0)
        }
    }
}

/// Something that has happened or not, told between a test and a closure on another thread.
private final class Signal: Sendable {
    private let value = Atomic(false)

    var isRaised: Bool { value.load(ordering: .acquiring) }

    func raise() { value.store(true, ordering: .releasing) }
}
