/// A month of the calendar, whatever the time zone: `2026-11`.
package struct Month: Hashable, Comparable, Sendable {
    package let year: Int64
    /// 1 to 12.
    package let number: Int64

    /// Fails for what is no month of the years 1970 to 9999.
    package init?(year: Int64, number: Int64) {
        guard (1970...9999).contains(year), (1...12).contains(number) else { return nil }
        (self.year, self.number) = (year, number)
    }

    /// The first of the months.
    package static let first = Month(index: 1970 * 12)

    private init(index: Int64) {
        (year, number) = (index / 12, index % 12 + 1)
    }

    /// The month that a day is in.
    package init(_ date: CalendarDate) {
        (year, number) = (date.year, date.month)
    }

    private var index: Int64 { year * 12 + number - 1 }

    package var firstDate: CalendarDate {
        guard let date = CalendarDate(year: year, month: number, day: 1) else {
            preconditionFailure("every month has a first day")
        }
        return date
    }

    package var lastDate: CalendarDate { next.firstDate.adding(days: -1) }

    package var next: Month { Month(index: index + 1) }
    package var previous: Month { Month(index: index - 1) }

    /// The month so many later, or earlier.
    package func advanced(by months: Int64) -> Month { Month(index: index + months) }

    package static func < (left: Month, right: Month) -> Bool { left.index < right.index }
}

extension Month: CustomStringConvertible {
    package var description: String { "\(year)-\(number < 10 ? "0" : "")\(number)" }

    /// Reads `2026-11`; nil for anything else.
    package init?(_ text: String) {
        guard text.utf8.count == 7, let first = CalendarDate("\(text)-01") else { return nil }
        self.init(year: first.year, number: first.month)
    }
}

extension CalendarDate {
    /// Reads `2026-11-25`; nil for anything else.
    package init?(_ text: String) {
        guard text.utf8.count == 10, let midnight = Instant(text) else { return nil }
        self.init(daysSince1970: midnight.microseconds / 86_400_000_000)
    }

    package func adding(days: Int64) -> CalendarDate {
        CalendarDate(daysSince1970: daysSince1970 + days)
    }
}
