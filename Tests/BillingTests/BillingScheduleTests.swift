import Ledger
import Schema
import Testing

@testable import Billing

@Suite struct BillingScheduleTests {
    private static let end = Instant(microseconds: 1_750_000_000_000_000)

    private func demand(
        _ content: BillingSchedule.Demand.Content,
        _ number: UInt64 = 1
    ) -> BillingSchedule.Demand {
        BillingSchedule.Demand(
            account: AccountID(high: number, low: number),
            slug: "a\(number)",
            content: content
        )
    }

    private func month(_ number: UInt64 = 1) throws -> BillingSchedule.Demand {
        demand(.month(try #require(Month("2025-06")), endsAt: Self.end), number)
    }

    private func schedule(
        hours: Int64? = 72,
        receipts: Bool = true
    ) -> BillingSchedule {
        var settings = BillingSchedule.Settings()
        settings.closeAfterHours = hours
        settings.issuesReceipts = receipts
        return BillingSchedule(settings)
    }

    @Test func `no document is finalized that nobody asked for`() throws {
        var schedule = BillingSchedule(.init())
        let late = Self.end.adding(seconds: 1_000_000_000)
        #expect(schedule.due([try month()], of: .months, at: late) == [])
        #expect(schedule.due([demand(.receipts)], of: .receipts, at: late) == [])
        let included = BillingSchedule.Work.allCases.filter(schedule.settings.includes)
        #expect(included == [.checkpoints])
    }

    @Test func `a month is due so many hours after its end, and not a second before`() throws {
        var schedule = schedule()
        let due = Self.end.adding(seconds: 72 * 3_600)
        let demand = try month()
        #expect(schedule.due([demand], of: .months, at: due.adding(seconds: -1)) == [])
        #expect(schedule.due([demand], of: .months, at: due) == [demand])
    }

    @Test func `a checkpoint is due when it is worth its writing`() {
        var schedule = schedule()
        let enough = demand(.checkpoint(eventsBehind: PeriodStore.eventsPerCheckpoint))
        let few = demand(.checkpoint(eventsBehind: PeriodStore.eventsPerCheckpoint - 1), 2)
        #expect(schedule.due([enough, few], of: .checkpoints, at: Self.end) == [enough])
    }

    @Test func `an account that fails waits longer each time, up to an hour, and alone`() throws {
        var schedule = schedule()
        var now = Self.end.adding(seconds: 72 * 3_600)
        let (poison, other) = (try month(1), try month(2))
        for pause in [60, 120, 240, 480, 960, 1_920, 3_600, 3_600] as [Int64] {
            #expect(schedule.due([poison, other], of: .months, at: now) == [poison, other])
            schedule.failed(poison, at: now)
            let before = now.adding(seconds: pause - 1)
            #expect(schedule.due([poison, other], of: .months, at: before) == [other])
            #expect(schedule.failing(.months) == 1)
            now = now.adding(seconds: pause)
        }
        schedule.succeeded(poison)
        #expect(schedule.failing(.months) == 0)
        #expect(schedule.due([poison], of: .months, at: now) == [poison])
    }

    @Test func `what fails in one kind of work waits in no other`() throws {
        var schedule = schedule()
        let now = Self.end.adding(seconds: 72 * 3_600)
        schedule.failed(try month(), at: now)
        #expect(schedule.due([demand(.receipts)], of: .receipts, at: now).count == 1)
    }

    @Test func `a failure is forgotten when another process did the work`() throws {
        var schedule = schedule()
        let now = Self.end.adding(seconds: 72 * 3_600)
        schedule.failed(try month(), at: now)
        #expect(schedule.due([], of: .months, at: now) == [])
        #expect(schedule.failing(.months) == 0)
    }
}
