import Postgres
import Schema
import TestSupport
import Testing

@testable import Ledger

@Suite(.enabled(if: TestServer.isConfigured, "FAREBOX_TEST_OWNER_URL is not set"))
struct ProjectionRebuildTests {
    /// Accounts with varied usage, and the projections followed up to half of it.
    private func seed(_ ledger: LedgerFixture) async throws -> [AccountID] {
        var accounts: [AccountID] = []
        for _ in 0..<5 { accounts.append(try await ledger.account(credit: Pico(1_000_000_000))) }
        var usage = VariedUsage()
        _ = try await ledger.events.append(usage.events(400, of: accounts))
        try await ledger.follow()
        _ = try await ledger.events.append(usage.events(400, of: accounts))
        return accounts
    }

    @Test func `a rebuild takes the live build's place, and leaves nothing of it behind`()
        async throws
    {
        try await LedgerFixture.run { ledger in
            let accounts = try await seed(ledger)
            let before = try await ledger.events.usageReport(accounts[0], by: [.hour, .key])
            for projection in Projection.allCases {
                let result = try await ProjectionRebuild(projection, ledger.service).run()
                #expect(result.build == 2)
                #expect(result.events == 805)
                #expect(result.stoppedStreams == 0)
                #expect(try await ledger.liveBuild(projection).number == 2)
                let table = projection.table.name
                let old = try await ledger.count(
                    "SELECT count(*) FROM \(unescaped: table) WHERE build <> 2"
                )
                #expect(old == 0)
            }
            #expect(try await ledger.count("SELECT count(*) FROM projections") == 2)
            #expect(try await ledger.eventsBehind() == [0, 0])
            let after = try await ledger.events.usageReport(accounts[0], by: [.hour, .key])
            #expect(after == before)
            try await ledger.expectProjectionsEqual()
        }
    }

    @Test func `a reader never sees half of a rebuild`() async throws {
        try await LedgerFixture.run(connectionsMax: 6) { ledger in
            let accounts = try await seed(ledger)
            let truth = try await ledger.events.usageReport(
                accounts[1],
                by: [.model],
                basis: .events
            )
            let reading = Task {
                var count = 0
                while !Task.isCancelled {
                    let report = try await ledger.events.usageReport(accounts[1], by: [.model])
                    #expect(report == truth)
                    count += 1
                }
                return count
            }
            for _ in 0..<5 { _ = try await ProjectionRebuild(.usage, ledger.service).run() }
            reading.cancel()
            #expect(try await reading.value > 5)
        }
    }

    @Test func `a rebuild that died is finished by a running instance`() async throws {
        try await LedgerFixture.run { ledger in
            _ = try await seed(ledger)
            var limits = ProjectionPlan.Limits()
            limits.eventsMax = 50
            let build = try await ledger.service.transaction { session in
                try ProjectionBuild.begin(.usage, .building, session)
            }
            var dying = ProjectionFollower(build, ledger.service, limits: limits)
            for _ in 0..<4 { _ = await dying.step() }
            let runner = ProjectionRunner(.usage, ledger.service)
            let running = Task { await runner.run() }
            let isLive = try await eventually {
                try await ledger.liveBuild(.usage).number == build.number
            }
            #expect(isLive)
            let isTidy = try await eventually {
                try await ledger.count("SELECT count(*) FROM usage_quarter_hours WHERE build = 1")
                    == 0
            }
            #expect(isTidy)
            running.cancel()
            await running.value
            try await ledger.expectProjectionsEqual()
        }
    }

    @Test func `a batch takes in all that came since, however much`() async throws {
        try await LedgerFixture.run { ledger in
            let accounts = try await seed(ledger)
            let build = try await ledger.liveBuild(.usage)
            var targets: [ProjectionTarget] = []
            for account in accounts {
                let version = try await ledger.head(of: account).version
                targets.append(ProjectionTarget(account: account, through: version, count: 0))
            }
            let wanted = targets
            let outcome = try await ledger.service.transaction { session in
                var batch = ProjectionBatch(build, session)
                return try batch.run(wanted, streamMax: .max)
            }
            guard case .moved(let moved) = outcome else {
                Issue.record("the build is not followed")
                return
            }
            for target in wanted { #expect(moved[target.account] == target.through) }
            try await ledger.follow()
            try await ledger.expectProjectionsEqual()
        }
    }

    @Test func `rules of a newer version are built aside while the old rows are used`() async throws
    {
        try await LedgerFixture.run { ledger in
            let accounts = try await seed(ledger)
            // As an older program has left it.
            try await ledger.owner.read { session in
                try session.script(
                    """
                    ALTER TABLE projections DROP CONSTRAINT projections_version_check;
                    UPDATE projections SET version = 0;
                    UPDATE usage_quarter_hours SET calls = calls + 7;
                    """
                )
            }
            // Rows of other rules are not read.
            let report = try await ledger.events.usageReport(accounts[0], by: [])
            let truth = try await ledger.events.usageReport(accounts[0], by: [], basis: .events)
            #expect(report == truth)
            let runner = ProjectionRunner(.usage, ledger.service)
            let running = Task { await runner.run() }
            #expect(
                try await eventually {
                    try await ledger.liveBuild(.usage).version == Projection.usage.version
                }
            )
            running.cancel()
            await running.value
            let comparison = try await ProjectionRebuild(.usage, ledger.service).check()
            #expect(comparison.differences == [])
        }
    }

    @Test func `a check names the rows that differ, and changes nothing`() async throws {
        try await LedgerFixture.run { ledger in
            let accounts = try await seed(ledger)
            try await ledger.follow()
            let account = accounts[3]
            try await ledger.service.transaction { session in
                _ = try session.execute(
                    """
                    WITH chosen AS (
                        SELECT ctid, row_number() OVER (ORDER BY starts_at, key_id, model, upstream,
                            project_id, upstream_cost_currency) AS number
                        FROM usage_quarter_hours WHERE account_id = \(account)
                    ), gone AS (
                        DELETE FROM usage_quarter_hours
                        WHERE ctid = (SELECT ctid FROM chosen WHERE number = 1)
                    )
                    UPDATE usage_quarter_hours SET calls = calls + 1, excess_pico = -1
                    WHERE ctid = (SELECT ctid FROM chosen WHERE number = 2)
                    """
                )
            }
            let comparison = try await ProjectionRebuild(.usage, ledger.service).check()
            #expect(comparison.accounts == 5)
            #expect(comparison.differenceCount == 2)
            #expect(comparison.differences.allSatisfy { $0.account == account })
            let messages = comparison.differences.map(\.message).sorted()
            #expect(messages.last == "it is missing")
            #expect(messages.first?.hasPrefix("calls is ") == true)
            #expect(messages.first?.contains("excess_pico is -1, the events make it ") == true)
            let again = try await ProjectionRebuild(.usage, ledger.service).check()
            #expect(again.differences == comparison.differences)
            #expect(try await ledger.count("SELECT count(*) FROM projections") == 2)
            _ = try await ProjectionRebuild(.usage, ledger.service).run()
            try await ledger.expectProjectionsEqual()
        }
    }

    /// lago 5564, 5525: many tiny events, a consumed amount that drifts.
    @Test func `twenty thousand events of one pico add up to twenty thousand pico`() async throws {
        try await LedgerFixture.run(connectionsMax: 6) { ledger in
            let account = try await ledger.account(credit: Pico(20_000))
            let instant = try #require(Instant("2026-11-25T10:00:00Z"))
            let key = KeyID(high: 1, low: 1)
            let project = ProjectID(high: 1, low: 1)
            var limits = ProjectionPlan.Limits()
            limits.eventsMax = 700
            limits.sweepInterval = .milliseconds(20)
            let runners = Projection.allCases.map {
                ProjectionRunner($0, ledger.service, limits: limits)
            }
            let running = Task {
                await withTaskGroup { group in
                    for runner in runners { group.addTask { await runner.run() } }
                }
            }
            for batch in 0..<20 {
                _ = try await ledger.events.append(
                    (0..<1_000).map { index in
                        let at = instant.adding(seconds: Int64(batch * 100 + index / 10))
                        return .usage(charge: Pico(1), of: account, at: at) { usage in
                            usage.key = key
                            usage.project = project
                        }
                    }
                )
            }
            #expect(
                try await eventually(within: .seconds(240)) {
                    try await ledger.eventsBehind() == [0, 0]
                }
            )
            running.cancel()
            await running.value
            for table in ["usage_quarter_hours", "statement_lines"] {
                let sum = try await ledger.count(
                    "SELECT sum(charge_pico) FROM \(unescaped: table)"
                )
                #expect(sum == 20_000, "\(table)")
            }
            let head = try await ledger.head(of: account)
            #expect(head.balance == .zero)
            #expect(try await ledger.count("SELECT count(*) FROM statement_lines") == 1)
            try await ledger.expectProjectionsEqual()
        }
    }

    /// formance 1552; openmeter 4902: a consumer that dies before or after it has moved on.
    @Test func `projectors whose connections are killed at random count every event once`()
        async throws
    {
        try await LedgerFixture.run(connectionsMax: 8) { ledger in
            var accounts: [AccountID] = []
            for _ in 0..<5 {
                accounts.append(try await ledger.account(credit: Pico(1_000_000_000)))
            }
            var usage = VariedUsage()
            var configuration = DatabaseConfiguration(url: ledger.serviceURL)
            configuration.applicationName = "victim"
            configuration.backoff = .milliseconds(1) ... .milliseconds(5)
            var limits = ProjectionPlan.Limits()
            limits.eventsMax = 40
            limits.retry = .milliseconds(1) ... .milliseconds(5)
            limits.sweepInterval = .milliseconds(10)
            try await withPool(configuration) { victims in
                let runners = Projection.allCases.map {
                    ProjectionRunner($0, victims, limits: limits)
                }
                let running = Task {
                    await withTaskGroup { group in
                        for runner in runners { group.addTask { await runner.run() } }
                    }
                }
                for _ in 0..<60 {
                    _ = try await ledger.events.append(usage.events(50, of: accounts))
                    _ = try await ledger.owner.read { session in
                        try session.execute(
                            """
                            SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                            WHERE application_name = 'victim' AND datname = current_database()
                            """
                        ).count
                    }
                }
                #expect(try await eventually { try await ledger.eventsBehind() == [0, 0] })
                running.cancel()
                await running.value
            }
            try await ledger.expectProjectionsEqual()
            #expect(try await ledger.count("SELECT sum(calls) FROM statement_lines") == 3_000)
        }
    }
}
