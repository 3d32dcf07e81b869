import Ledger
import Postgres
import Schema
import Testing

@testable import Billing

@Suite struct MonthStoryTests {
    @Test func `a prepaid year with promotional credit that expires`() async throws {
        try await MonthStage.run(at: "2025-01-10T12:00:00Z") { stage in
            let account = try await stage.account()
            try await stage.grant("20")
            let gift = try await stage.grant("5", .promotional, expires: "2025-03-01T00:00:00Z")
            try await stage.charge(Pico(1_234_567_890_123), account)
            try await stage.advance(to: "2025-03-05T00:00:00Z")
            try await stage.charge(Pico(2_000_000_000_000), account)
            try await stage.advance(to: "2026-01-02T00:00:00Z")
            let documents = try await stage.close("2025-12")
            #expect(documents.count == 12)
            #expect(documents.allSatisfy { $0.kind == .statement && $0.totals.due == .zero })
            let january = documents[0]
            #expect(january.totals.subtotal == MinorUnits(123))
            #expect(january.totals.creditsApplied == MinorUnits(123))
            #expect(january.creditsApplied.map(\.grant) == [gift.description])
            let march = documents[2]
            #expect(march.balances?.changes.map(\.kind) == ["usage", "credit_expired"])
            for (earlier, later) in zip(documents, documents.dropFirst()) {
                #expect(earlier.balances?.closing == later.balances?.opening)
            }
            let head = try await Accounts(stage.database).show("acme")
            #expect(documents.last?.balances?.closing == head.balance)
            #expect(head.balance == Pico("18"))
            #expect(try await stage.close("2025-12") == [])
        }
    }

    @Test func `a postpaid year in St John's meets its clock changes and its leap day`()
        async throws
    {
        try await MonthStage.run(at: "2024-02-15T12:00:00Z") { stage in
            let account = try await stage.account(zone: "America/St_Johns", limit: "100")
            // 29 February, 23:30 there; 1 March, 00:10 there; 31 March is in summer time.
            try await stage.charge(Pico(5_000_000_000_000), account, at: "2024-03-01T03:00:00Z")
            try await stage.charge(Pico(7_005_000_000_000), account, at: "2024-03-01T03:40:00Z")
            try await stage.charge(Pico(1_000_000_000_000), account, at: "2024-04-01T02:29:59Z")
            try await stage.charge(Pico(2_000_000_000_000), account, at: "2024-04-01T02:30:00Z")
            try await stage.advance(to: "2024-05-02T00:00:00Z")
            let documents = try await stage.close("2024-04")
            #expect(
                documents.map { $0.period?.month.description } == [
                    "2024-02", "2024-03", "2024-04",
                ]
            )
            #expect(documents.map(\.kind) == [.invoice, .invoice, .invoice])
            #expect(documents.map(\.totals.due.count) == [500, 800, 200])
            #expect(documents[1].totals.booked == Pico("0.005"))
            #expect(documents[1].period?.startsAt == Instant("2024-03-01T03:30:00Z"))
            #expect(documents[1].period?.endsAt == Instant("2024-04-01T02:30:00Z"))
            #expect(documents[0].issueDate == CalendarDate("2024-05-01"))
            #expect(documents[0].dueDate == CalendarDate("2024-05-15"))
            // Rounding is booked: what is owed is whole cents.
            #expect(try await Accounts(stage.database).show("acme").balance == Pico("-15"))
        }
    }

    @Test func `a month is drafted while the one before is still open`() async throws {
        try await MonthStage.run(at: "2025-06-10T00:00:00Z") { stage in
            let account = try await stage.account(limit: "100")
            try await stage.charge(Pico(1_000_000_000_000), account)
            try await stage.advance(to: "2025-07-02T00:00:00Z")
            try await stage.charge(Pico(4_000_000_000_000), account)
            // Late, and of the month that is still open.
            try await stage.charge(Pico(2_000_000_000_000), account, at: "2025-06-30T23:59:00Z")
            let invoices = Invoices(stage.database)
            let july = try await invoices.draft("acme", at: stage.now)
            #expect(july?.period?.month == Month("2025-07"))
            #expect(july?.totals.due == MinorUnits(400))
            let june = try await invoices.draft("acme", Month("2025-06"), at: stage.now)
            #expect(june?.totals.due == MinorUnits(300))
            try await stage.advance(to: "2025-08-02T00:00:00Z")
            #expect(try await stage.close("2025-07").map(\.totals.due.count) == [300, 400])
        }
    }

    @Test func `a late event stands dated on the next invoice, and on no other`() async throws {
        try await MonthStage.run(at: "2025-06-10T00:00:00Z") { stage in
            let account = try await stage.account(limit: "100")
            try await stage.charge(Pico(1_000_000_000_000), account)
            try await stage.advance(to: "2025-07-02T00:00:00Z")
            let june = try await stage.close("2025-06")
            #expect(june.map(\.totals.due.count) == [100])
            try await stage.charge(Pico(3_000_000_000_000), account, at: "2025-06-30T23:59:00Z")
            try await stage.charge(Pico(4_000_000_000_000), account)
            try await stage.advance(to: "2025-08-02T00:00:00Z")
            let july = try await stage.close("2025-07")
            #expect(july.map(\.totals.due.count) == [700])
            #expect(july[0].lines.map { $0.serviceMonth?.description } == ["2025-06", nil])
            #expect(july[0].events == 2)
        }
    }

    @Test func `a month that is not over is refused, and nothing is changed`() async throws {
        try await MonthStage.run(at: "2025-06-10T00:00:00Z") { stage in
            let account = try await stage.account(limit: "100")
            try await stage.charge(Pico(1_000_000_000_000), account)
            // Nor is the month before it closed, which is over and could be.
            try await stage.advance(to: "2025-07-02T00:00:00Z")
            let before = try await Accounts(stage.database).show("acme")
            await #expect(throws: LedgerError.self) { try await stage.close("2025-07") }
            #expect(try await Accounts(stage.database).show("acme") == before)
            #expect(try await stage.invoices.list().isEmpty)
            let error = await #expect(throws: LedgerError.self) {
                try await stage.invoices.show("INV-2025-00001")
            }
            #expect(error?.code == .notFound)
        }
    }

    @Test func `two closers at once make one document for each month`() async throws {
        try await MonthStage.run(at: "2025-01-10T00:00:00Z") { stage in
            let account = try await stage.account(limit: "100")
            try await stage.charge(Pico(1_000_000_000_000), account)
            try await stage.advance(to: "2025-05-01T12:00:00Z")
            let copy = stage
            async let one = copy.close("2025-04")
            async let other = copy.close("2025-04")
            let documents = try await one + other
            #expect(documents.count == 4)
            #expect(try await stage.invoices.list().count == 4)
        }
    }

    @Test func `many accounts close at once without a gap, and one that fails stops nobody`()
        async throws
    {
        try await MonthStage.run(at: "2025-06-10T00:00:00Z", connections: 6) { stage in
            for index in 0..<60 {
                let account = try await stage.account("a\(index)", limit: "9")
                try await stage.charge(Pico(Int128(index) * 1_000_000_007), account)
            }
            let slug = "poison"
            let poison = try await stage.account(slug, limit: "9")
            try await stage.charge(Pico(5), poison)
            // Its numbers cannot be counted: the issuer of its profile has gone.
            try await stage.database.transaction { session in
                _ = try session.execute(
                    """
                    INSERT INTO billing_profiles (account_id, revision, issuer, party, created_at)
                    VALUES (\(poison), 2, 'nobody', '{"legalName":"P","address":[]}', now())
                    """
                )
            }
            try await stage.advance(to: "2025-07-02T00:00:00Z")
            let month = try #require(Month("2025-06"))
            let copy = stage
            async let one = copy.invoices.closeAll(through: month, at: copy.now)
            async let other = copy.invoices.closeAll(through: month, at: copy.now)
            let reports = try await [one, other]
            #expect(reports.map { $0.failures.map(\.account) } == [[slug], [slug]])
            #expect(reports.reduce(0) { $0 + $1.documents.count } == 60)
            #expect(try await stage.invoices.list(month: month).count == 60)
        }
    }

    @Test func `a draft from the projection is what a close makes of the events`() async throws {
        try await MonthStage.run(at: "2025-06-10T00:00:00Z") { stage in
            let account = try await stage.account(limit: "100")
            for _ in 0..<20 { try await stage.charge(Pico(123_456_789_012), account, tokens: 3) }
            _ = try await ProjectionRebuild(.statement, stage.database).run()
            try await stage.charge(Pico(77), account)
            let month = try #require(Month("2025-06"))
            let drafted = try await stage.invoices.draft("acme", month, at: stage.now)
            var draft = try #require(drafted)
            try await stage.advance(to: "2025-07-01T00:00:00Z")
            let documents = try await stage.close("2025-06")
            var closed = try #require(documents.first)
            #expect(closed.lines == draft.lines)
            closed.seals = []
            (closed.number, closed.issuedAt, closed.issueDate) = (nil, nil, nil)
            closed.dueDate = nil
            // Whom it is for was known to the draft already; when it is due was not.
            draft.seals = []
            #expect(closed == draft)
        }
    }

    @Test func `calls that come while a month is read stand on its document`() async throws {
        try await MonthStage.run(at: "2025-06-10T00:00:00Z") { stage in
            let account = try await stage.account(limit: "100")
            for _ in 0..<5 { try await stage.charge(Pico(7), account, tokens: 2) }
            let version = try await Accounts(stage.database).show("acme").version
            try await stage.advance(to: "2025-07-01T00:00:00Z")
            let (now, june) = (stage.now, try #require(Month("2025-06")))
            let read = try await stage.database.ledgerSnapshot { session in
                let calendar = try MonthCalendar(of: account, through: now, session)
                let bounds = try #require(calendar.bounds(of: june))
                let fold = try PeriodStore(session).read(account, at: version, calendar)
                return try ReadUsage(fold, bounds, of: account, calendar, session)
            }
            for _ in 0..<3 {
                try await stage.charge(Pico(11), account, at: "2025-06-30T00:00:00Z", tokens: 5)
            }
            try await stage.charge(Pico(13), account)
            _ = try await stage.database.ledgerCommand { session in
                try CloseMonth(
                    session: session,
                    prices: PriceMemory(),
                    months: MonthMemory(),
                    now: now
                ).run("acme", through: june, read, events: (.make(at: now), .make(at: now)))
            }
            let document = try #require(try await stage.invoices.list().first?.document)
            #expect(document.events == 8)
            #expect(document.totals.exact == Pico(5 * 7 + 3 * 11))
            #expect(try await stage.invoices.verdicts().allSatisfy { $0.isOK })
        }
    }

    @Test func `a close reads a long stream before it locks the head`() async throws {
        try await MonthStage.run(at: "2025-06-10T00:00:00Z") { stage in
            let account = try await stage.account(limit: "100")
            for index in 1...25 { try await stage.charge(Pico(Int128(index)), account) }
            try await stage.advance(to: "2025-07-01T00:00:00Z")
            let copy = stage
            async let seen = copy.holdHead(of: account, untilCheckpoint: 20)
            try await stage.waitForLock(of: account)
            try await PeriodCatchUp(stage.database, pageSize: 10).run("acme", at: stage.now)
            #expect(try await seen)
            let folds = try await stage.database.transaction { session in
                let calendar = try MonthCalendar(of: account, through: copy.now, session)
                return try [false, true].map { fromEvents in
                    try PeriodStore(session)
                        .read(account, at: 25, calendar, fromEvents: fromEvents)
                }
            }
            #expect(folds[0] == folds[1])
            #expect(try await stage.close("2025-06").map(\.events) == [25])
        }
    }
}

extension MonthStage {
    /// Locks the head of an account until its checkpoint has come to a version.
    fileprivate func holdHead(
        of account: AccountID,
        untilCheckpoint version: Int64
    ) async throws -> Bool {
        try await database.transaction { session in
            _ = try session.execute(
                "SELECT FROM account_heads WHERE account_id = \(account) FOR UPDATE"
            )
            for _ in 0..<900 {
                let rows = try session.execute(
                    """
                    SELECT version FROM period_checkpoints
                    WHERE account_id = \(account) AND version >= \(version)
                    """
                )
                if !rows.isEmpty { return true }
                _ = try session.execute("SELECT pg_sleep(0.1)::text")
            }
            return false
        }
    }

    fileprivate func waitForLock(of account: AccountID) async throws {
        for _ in 0..<900 {
            let isLocked = try await database.transaction { session in
                try session.execute(
                    """
                    SELECT FROM account_heads WHERE account_id = \(account)
                    FOR UPDATE SKIP LOCKED
                    """
                ).isEmpty
            }
            if isLocked { return }
            try await Task.sleep(for: .milliseconds(100))
        }
        Issue.record("the head was never locked")
    }
}
