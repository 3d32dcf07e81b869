import EventLoop
import Glibc

/// The `date` field of responses, written anew once a second.
struct DateField {
    private var line: [UInt8] = []
    private var writtenAt: LoopTime?

    mutating func line(at now: LoopTime) -> [UInt8] {
        if let writtenAt, now < writtenAt + .seconds(1) { return line }
        writtenAt = now
        line = Self.line(secondsSince1970: time(nil))
        return line
    }

    /// As in `date: Sun, 06 Nov 1994 08:49:37 GMT`, with the line's end.
    static func line(secondsSince1970 seconds: Int) -> [UInt8] {
        var (seconds, parts) = (seconds, tm())
        gmtime_r(&seconds, &parts)
        let days: [StaticString] = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"]
        let months: [StaticString] = [
            "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
        ]
        var line: [UInt8] = []
        line.append("date: ")
        line.append(days[Int(parts.tm_wday)])
        line.append(", ")
        line.append(twoDigits: parts.tm_mday)
        line.append(" ")
        line.append(months[Int(parts.tm_mon)])
        line.append(" ")
        line.append(decimal: Int(parts.tm_year) + 1_900)
        line.append(" ")
        line.append(twoDigits: parts.tm_hour)
        line.append(":")
        line.append(twoDigits: parts.tm_min)
        line.append(":")
        line.append(twoDigits: parts.tm_sec)
        line.append(" GMT\r\n")
        return line
    }
}

extension [UInt8] {
    fileprivate mutating func append(twoDigits number: Int32) {
        append(UInt8(0x30 + number / 10))
        append(UInt8(0x30 + number % 10))
    }
}
