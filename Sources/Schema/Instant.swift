/// A point in time, in microseconds since 1970-01-01T00:00:00Z, as PostgreSQL keeps it.
///
/// An instant dates a fact. It never orders events (versions do) nor measures a duration
/// (a monotonic clock does), so a clock that steps can do no harm.
package struct Instant: Hashable, Comparable, Sendable {
    package let microseconds: Int64

    package init(microseconds: Int64) {
        self.microseconds = microseconds
    }

    package static func < (left: Self, right: Self) -> Bool {
        left.microseconds < right.microseconds
    }

    package func adding(seconds: Int64) -> Instant {
        Instant(microseconds: microseconds + seconds * 1_000_000)
    }
}

extension Instant: CustomStringConvertible {
    /// RFC 3339 in UTC with six decimals, or none when they are zero: `2026-11-24T10:00:00Z`.
    package var description: String {
        let (days, timeOfDay) = microseconds.flooredQuotientAndRemainder(by: 86_400_000_000)
        let date = CalendarDate(daysSince1970: days)
        let seconds = timeOfDay / 1_000_000
        let fraction = timeOfDay % 1_000_000
        return String(unsafeUninitializedCapacity: 40) { buffer in
            var writer = DigitWriter(buffer)
            writer.write(date)
            writer.write("T")
            writer.write(seconds / 3_600, width: 2)
            writer.write(":")
            writer.write(seconds / 60 % 60, width: 2)
            writer.write(":")
            writer.write(seconds % 60, width: 2)
            if fraction != 0 {
                writer.write(".")
                writer.write(fraction, width: 6)
            }
            writer.write("Z")
            return writer.count
        }
    }

    /// Reads RFC 3339 (`2026-11-24T10:00:00.5+01:00`) or a date alone, which is its UTC midnight.
    ///
    /// Digits beyond microseconds are cut off. Returns nil for anything else.
    package init?(_ text: String) {
        var scanner = TimestampScanner(text)
        guard let date = scanner.date() else { return nil }
        let midnight = date.daysSince1970 * 86_400_000_000
        if scanner.isAtEnd {
            self.init(microseconds: midnight)
            return
        }
        guard let time = scanner.time(), let offset = scanner.offset(), scanner.isAtEnd else {
            return nil
        }
        self.init(microseconds: midnight + time - offset)
    }
}

/// A day of the proleptic Gregorian calendar.
package struct CalendarDate: Hashable, Comparable, Sendable, CustomStringConvertible {
    package let year: Int64
    package let month: Int64
    package let day: Int64

    /// Fails for a day that the calendar does not have.
    package init?(year: Int64, month: Int64, day: Int64) {
        guard (1...12).contains(month), day >= 1, day <= Self.dayCount(year: year, month: month)
        else { return nil }
        (self.year, self.month, self.day) = (year, month, day)
    }

    /// Converts a day number; the algorithm shifts the year to begin in March.
    package init(daysSince1970: Int64) {
        let (era, dayOfEra) = (daysSince1970 + 719_468).flooredQuotientAndRemainder(by: 146_097)
        let yearOfEra =
            (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let marchMonth = (5 * dayOfYear + 2) / 153
        day = dayOfYear - (153 * marchMonth + 2) / 5 + 1
        month = marchMonth < 10 ? marchMonth + 3 : marchMonth - 9
        year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
    }

    package var daysSince1970: Int64 {
        let marchYear = month <= 2 ? year - 1 : year
        let (era, yearOfEra) = marchYear.flooredQuotientAndRemainder(by: 400)
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
        return era * 146_097 + dayOfEra - 719_468
    }

    package var description: String {
        String(unsafeUninitializedCapacity: 32) { buffer in
            var writer = DigitWriter(buffer)
            writer.write(self)
            return writer.count
        }
    }

    package static func < (left: Self, right: Self) -> Bool {
        (left.year, left.month, left.day) < (right.year, right.month, right.day)
    }

    private static func dayCount(year: Int64, month: Int64) -> Int64 {
        switch month {
        case 2: year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28
        case 4, 6, 9, 11: 30
        default: 31
        }
    }
}

/// Reads the parts of an RFC 3339 timestamp from left to right.
private struct TimestampScanner {
    private var rest: Substring.UTF8View

    init(_ text: String) { rest = text[...].utf8 }

    var isAtEnd: Bool { rest.isEmpty }

    mutating func date() -> CalendarDate? {
        guard let year = digits(4), take("-"), let month = digits(2), take("-"),
            let day = digits(2)
        else { return nil }
        return CalendarDate(year: year, month: month, day: day)
    }

    /// Microseconds since midnight.
    mutating func time() -> Int64? {
        guard take("T") || take("t") || take(" "), let hour = digits(2), take(":"),
            let minute = digits(2), take(":"), let second = digits(2),
            hour < 24, minute < 60, second < 60
        else { return nil }
        var fraction: Int64 = 0
        if take(".") {
            var scale: Int64 = 100_000
            var count = 0
            while let digit = digits(1) {
                fraction += digit * scale
                scale /= 10
                count += 1
            }
            guard count > 0 else { return nil }
        }
        return ((hour * 60 + minute) * 60 + second) * 1_000_000 + fraction
    }

    /// Microseconds east of UTC.
    mutating func offset() -> Int64? {
        if take("Z") || take("z") { return 0 }
        let isWest = take("-")
        guard isWest || take("+"), let hours = digits(2), take(":"), let minutes = digits(2),
            hours < 24, minutes < 60
        else { return nil }
        return (hours * 60 + minutes) * 60_000_000 * (isWest ? -1 : 1)
    }

    private mutating func digits(_ count: Int) -> Int64? {
        guard rest.count >= count else { return nil }
        var value: Int64 = 0
        for character in rest.prefix(count) {
            guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(character) else { return nil }
            value = value * 10 + Int64(character - UInt8(ascii: "0"))
        }
        rest = rest.dropFirst(count)
        return value
    }

    private mutating func take(_ character: Unicode.Scalar) -> Bool {
        guard rest.first == UInt8(ascii: character) else { return false }
        rest = rest.dropFirst()
        return true
    }
}

/// Writes decimal digits into a buffer that is long enough for any date.
private struct DigitWriter {
    private let buffer: UnsafeMutableBufferPointer<UInt8>
    private(set) var count = 0

    init(_ buffer: UnsafeMutableBufferPointer<UInt8>) { self.buffer = buffer }

    mutating func write(_ character: Unicode.Scalar) { put(UInt8(ascii: character)) }

    mutating func write(_ date: CalendarDate) {
        write(date.year, width: 4)
        write("-")
        write(date.month, width: 2)
        write("-")
        write(date.day, width: 2)
    }

    /// The number with leading zeros, and as many digits more as it needs.
    mutating func write(_ value: Int64, width: Int) {
        if value < 0 { write("-") }
        var scale: UInt64 = 1
        var digitCount = 1
        while digitCount < width || value.magnitude / scale >= 10 {
            scale *= 10
            digitCount += 1
        }
        while scale > 0 {
            put(UInt8(ascii: "0") + UInt8(value.magnitude / scale % 10))
            scale /= 10
        }
    }

    private mutating func put(_ byte: UInt8) {
        buffer[count] = byte
        count += 1
    }
}

extension Int64 {
    fileprivate func flooredQuotientAndRemainder(by divisor: Int64) -> (Int64, Int64) {
        let (quotient, remainder) = quotientAndRemainder(dividingBy: divisor)
        return remainder < 0 ? (quotient - 1, remainder + divisor) : (quotient, remainder)
    }
}
