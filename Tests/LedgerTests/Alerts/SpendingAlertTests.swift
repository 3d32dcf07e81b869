import Schema
import Testing

@testable import Ledger

/// What is told of an account's usage, by figures alone.
@Suite struct SpendingAlertTests {
    private let monday = CalendarDate(daysSince1970: 20_787)
    private var alerts: AccountAlerts {
        var alerts = AccountAlerts()
        alerts.runwayDays = 8
        alerts.anomalyPercent = 300
        return alerts
    }

    private func figures(
        spendable: Int128 = 1_000,
        week: Int128 = 0,
        days: [Int64: Int128] = [:]
    ) -> SpendingAlerts.Figures {
        SpendingAlerts.Figures(
            spendable: Pico(spendable),
            week: Pico(week),
            today: monday,
            days: Dictionary(
                uniqueKeysWithValues: days.map { (monday.adding(days: -$0.key), Pico($0.value)) }
            )
        )
    }

    @Test func `a runway that varies around its line is told every time`() {
        var told = SpendingAlerts.Told()
        func tell(spendable: Int128) -> [SpendingAlerts.Finding] {
            let figures = figures(spendable: spendable, week: 70)
            return SpendingAlerts(figures: figures).findings(alerts, told: &told)
        }
        #expect(tell(spendable: 80) == [])
        #expect(tell(spendable: 79) == [.shortRunway(days: 7, week: Pico(70))])
        #expect(tell(spendable: 70) == [])
        #expect(tell(spendable: 99) == [])
        #expect(tell(spendable: 79) == [])
        // A quarter longer than the line.
        #expect(tell(spendable: 100) == [])
        #expect(tell(spendable: -5) == [.shortRunway(days: 0, week: Pico(70))])
    }

    @Test func `an account that spends nothing has no runway to be told of`() {
        var told = SpendingAlerts.Told(isRunwayShort: true)
        let spending = SpendingAlerts(figures: figures(spendable: 0))
        #expect(spending.findings(alerts, told: &told) == [])
        #expect(!told.isRunwayShort)
    }

    @Test func `a busy Monday is compared with Sundays, and told more than once`() {
        var told = SpendingAlerts.Told()
        var days: [Int64: Int128] = [7: 100, 14: 100, 21: 100, 28: 100, 1: 1, 8: 1]
        days[0] = 300
        let usual = SpendingAlerts(figures: figures(days: days))
        #expect(usual.findings(alerts, told: &told) == [])
        days[0] = 301
        let unusual = SpendingAlerts(figures: figures(days: days))
        #expect(
            unusual.findings(alerts, told: &told)
                == [.anomaly(on: monday, spent: Pico(301), usual: Pico(100))]
        )
        #expect(unusual.findings(alerts, told: &told) == [])
    }

    @Test func `one call on a day that is always quiet is an anomaly`() {
        // 2 800 in four weeks, none of it on this weekday: a tenth of an average day is ten.
        let days: [Int64: Int128] = [1: 1_400, 9: 1_400]
        #expect(SpendingAlerts(figures: figures(days: days)).usual == Pico(10))
        var told = SpendingAlerts.Told()
        for (spent, isTold) in [(30, false), (31, true)] as [(Int128, Bool)] {
            let figures = figures(days: days.merging([0: spent]) { $1 })
            let findings = SpendingAlerts(figures: figures).findings(alerts, told: &told)
            #expect(findings.isEmpty == !isTold)
        }
    }

    @Test func `the first day of an account is an anomaly`() {
        var told = SpendingAlerts.Told()
        let spending = SpendingAlerts(figures: figures(days: [0: 1_000_000, 29: 5]))
        #expect(spending.usual == nil)
        #expect(spending.findings(alerts, told: &told) == [])
    }

    @Test func `nothing is told that nobody wants to know`() {
        var told = SpendingAlerts.Told()
        let spending = SpendingAlerts(
            figures: figures(spendable: 1, week: 70, days: [0: 1_000, 7: 1])
        )
        #expect(spending.findings(AccountAlerts(), told: &told) == [])
        #expect(told == SpendingAlerts.Told())
    }
}
