import Schema

/// Decides what an account's usage is to tell, from figures that were read; each once.
struct SpendingAlerts: Hashable, Sendable {
    /// What an account has and what it uses up.
    struct Figures: Hashable, Sendable {
        /// Balance and credit limit together.
        var spendable: Pico
        /// What the last seven days cost.
        var week: Pico
        /// Today in the account's time zone.
        var today: CalendarDate
        /// What today and the 28 days before it cost; those that are missing cost nothing.
        var days: [CalendarDate: Pico]
    }

    /// What was told, and must not be told again.
    struct Told: Hashable, Sendable {
        var isRunwayShort = false
        var anomalyOn: CalendarDate?
    }

    /// One alert, with the figures that show it.
    enum Finding: Hashable, Sendable {
        case shortRunway(days: Int64, week: Pico)
        case anomaly(on: CalendarDate, spent: Pico, usual: Pico)
    }

    /// How many days back the usual is looked for.
    static let usualDays: Int64 = 28

    let figures: Figures

    /// What is to be told now; notes in `told` that it was.
    func findings(_ alerts: AccountAlerts, told: inout Told) -> [Finding] {
        [shortRunway(alerts.runwayDays, &told), anomaly(alerts.anomalyPercent, &told)]
            .compactMap(\.self)
    }

    // MARK: Runway

    /// For how many days the balance lasts at the pace of the last seven; nil when nothing was
    /// spent in them.
    var runwayDays: Int64? {
        guard figures.week > .zero else { return nil }
        return Int64(clamping: figures.spendable.clampedToZero.units * 7 / figures.week.units)
    }

    /// Told when the runway falls below the line, and again only after it was a quarter longer: a
    /// pace that varies would cross the line every day.
    private func shortRunway(_ limit: Int64?, _ told: inout Told) -> Finding? {
        guard let limit else {
            told.isRunwayShort = false
            return nil
        }
        guard let days = runwayDays, days < limit else {
            if runwayDays.map({ $0 * 4 >= limit * 5 }) ?? true { told.isRunwayShort = false }
            return nil
        }
        guard !told.isRunwayShort else { return nil }
        told.isRunwayShort = true
        return .shortRunway(days: days, week: figures.week)
    }

    // MARK: Anomaly

    /// What a day like today costs: the average of the same weekday in the last four weeks, but at
    /// least a tenth of an average day of them, so that one call on a quiet Sunday says nothing.
    ///
    /// Nil when nothing was spent in these weeks: then there is no usual.
    var usual: Pico? {
        func cost(_ daysAgo: Int64) -> Int128 {
            (figures.days[figures.today.adding(days: -daysAgo)] ?? .zero).units
        }
        let all = (1...Self.usualDays).reduce(0) { $0 + cost($1) }
        guard all > 0 else { return nil }
        let weekday = (1...Self.usualDays / 7).reduce(0) { $0 + cost($1 * 7) }
        return Pico(
            max(weekday / Int128(Self.usualDays / 7), all / Int128(Self.usualDays * 10))
        )
    }

    /// Told once for a day.
    private func anomaly(_ percent: Int64?, _ told: inout Told) -> Finding? {
        let spent = figures.days[figures.today] ?? .zero
        guard let percent, told.anomalyOn != figures.today, let usual,
            spent.units * 100 > usual.units * Int128(percent)
        else { return nil }
        told.anomalyOn = figures.today
        return .anomaly(on: figures.today, spent: spent, usual: usual)
    }
}
