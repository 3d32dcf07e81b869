import Postgres
import Schema
import TestSupport
import Testing

@testable import Ledger

/// The windows that spending is counted in, as the database reckons them.
@Suite(.enabled(if: TestServer.isConfigured, "FAREBOX_TEST_OWNER_URL is not set"))
struct SpendDayTests {
    struct Case: Sendable {
        let zone: String
        let instant: Instant?
        let starts: Instant?
        let ends: Instant?
        let monthStarts: Instant?

        init(_ line: Substring) {
            let words = line.split(separator: " ").map(String.init)
            zone = words[0]
            instant = Instant(words[1])
            starts = Instant(words[2])
            ends = Instant(words[3])
            monthStarts = Instant(words[4])
        }
    }

    /// Zone, instant of an admission; its day from and to, and the beginning of its month.
    ///
    /// By line: 29 February; the end of a February without one; the end of a year. Days of 23 and
    /// of 25 hours. Parts of an hour, with 29 February. St. John's in spring, in the last second
    /// of October and the first of November. There in 2006 clocks went back at one minute past
    /// midnight: what the calendar then showed twice is the day's that had begun. Midnight comes
    /// twice on the first of a month; it does not come; a day was left out.
    private static let cases = """
        UTC 2028-02-29T12:00:00Z 2028-02-29 2028-03-01 2028-02-01
        UTC 2027-02-28T23:59:59.999999Z 2027-02-28 2027-03-01 2027-02-01
        UTC 2026-12-31T23:59:59Z 2026-12-31 2027-01-01 2026-12-01
        Europe/Berlin 2026-03-29T12:00:00Z 2026-03-28T23:00:00Z 2026-03-29T22:00:00Z \
        2026-02-28T23:00:00Z
        Europe/Berlin 2026-10-25T00:30:00Z 2026-10-24T22:00:00Z 2026-10-25T23:00:00Z \
        2026-09-30T22:00:00Z
        Asia/Kathmandu 2028-02-29T18:14:59Z 2028-02-28T18:15:00Z 2028-02-29T18:15:00Z \
        2028-01-31T18:15:00Z
        America/St_Johns 2026-03-08T12:00:00Z 2026-03-08T03:30:00Z 2026-03-09T02:30:00Z \
        2026-03-01T03:30:00Z
        America/St_Johns 2026-11-01T02:29:59Z 2026-10-31T02:30:00Z 2026-11-01T02:30:00Z \
        2026-10-01T02:30:00Z
        America/St_Johns 2026-11-01T02:30:00Z 2026-11-01T02:30:00Z 2026-11-02T03:30:00Z \
        2026-11-01T02:30:00Z
        America/St_Johns 2006-10-29T03:10:00Z 2006-10-29T02:30:00Z 2006-10-30T03:30:00Z \
        2006-10-01T02:30:00Z
        America/Havana 2026-11-01T05:30:00Z 2026-11-01T04:00:00Z 2026-11-02T05:00:00Z \
        2026-11-01T04:00:00Z
        Asia/Beirut 2026-03-28T22:00:00Z 2026-03-28T22:00:00Z 2026-03-29T21:00:00Z \
        2026-02-28T22:00:00Z
        Pacific/Apia 2011-12-30T10:00:00Z 2011-12-30T10:00:00Z 2011-12-31T10:00:00Z \
        2011-12-01T10:00:00Z
        """.split(separator: "\n").map(Case.init)

    @Test func `a window wrong by the offset, by an hour of summer time or by a month's end`()
        async throws
    {
        try await LedgerFixture.run { ledger in
            for test in Self.cases {
                let instant = try #require(test.instant)
                let day = try await ledger.service.read { session in
                    try SpendDay(
                        session.execute("SELECT * FROM spend_day(\(instant), \(test.zone))")
                            .single()
                    )
                }
                #expect(day.startsAt == test.starts, "\(instant) in \(test.zone)")
                #expect(day.endsAt == test.ends, "\(instant) in \(test.zone)")
                #expect(day.monthStartsAt == test.monthStarts, "\(instant) in \(test.zone)")
            }
        }
    }

    @Test func `an instant that lies in two days or in none`() async throws {
        let zones = [
            "UTC", "America/St_Johns", "America/Havana", "Asia/Beirut", "Australia/Lord_Howe",
            "Pacific/Chatham", "Africa/Cairo",
        ]
        try await LedgerFixture.run { ledger in
            for zone in zones {
                let days = try await ledger.service.read { session in
                    try session.execute(
                        """
                        WITH RECURSIVE days AS (
                            SELECT * FROM spend_day('2027-12-15T12:00:00Z', \(zone))
                            UNION ALL
                            SELECT next.*
                            FROM days, LATERAL spend_day(days.ends_at, \(zone)) AS next
                            WHERE days.ends_at < '2029-01-15'
                        )
                        SELECT * FROM days ORDER BY starts_at
                        """
                    ).map { try SpendDay($0) }
                }
                #expect(days.count > 390)
                var monthStarts = days[0].monthStartsAt
                for (day, next) in zip(days, days.dropFirst()) {
                    #expect(day.endsAt == next.startsAt, "\(zone)")
                    // A month begins with one of its days, and ends where the next begins.
                    if next.monthStartsAt != monthStarts {
                        #expect(next.monthStartsAt == next.startsAt, "\(zone)")
                        monthStarts = next.monthStartsAt
                    }
                    #expect(SpendDay.quarter(of: day.startsAt) == day.startsAt, "\(zone)")
                }
                #expect(Set(days.map(\.monthStartsAt)).count >= 14, "\(zone)")
            }
        }
    }

    @Test func `a quarter of an hour is found on both sides of 1970`() {
        for (instant, quarter) in [(0, 0), (1, 0), (900_000_000, 900_000_000), (-1, -900_000_000)] {
            #expect(
                SpendDay.quarter(of: Instant(microseconds: Int64(instant))).microseconds
                    == Int64(quarter)
            )
        }
    }
}
