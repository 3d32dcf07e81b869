import Glibc
import Schema

/// Writes log lines: JSON objects for machines, readable lines at a terminal.
///
/// Bodies and secrets have no way in: a line is a message and named values.
package struct Log: Sendable {
    package enum Level: Int, Comparable, Sendable {
        case debug
        case info
        case warning
        case error

        package init?(_ name: String) {
            switch name {
            case "debug": self = .debug
            case "info": self = .info
            case "warning": self = .warning
            case "error": self = .error
            default: return nil
            }
        }

        var name: String {
            switch self {
            case .debug: "debug"
            case .info: "info"
            case .warning: "warning"
            case .error: "error"
            }
        }

        package static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }
    }

    package enum Value: Sendable, ExpressibleByStringLiteral, ExpressibleByIntegerLiteral {
        case text(String)
        case number(Int64)

        package init(stringLiteral text: String) { self = .text(text) }
        package init(integerLiteral number: Int64) { self = .number(number) }
    }

    private let least: Level
    private let isReadable: Bool
    private let clock: @Sendable () -> Instant
    private let write: @Sendable (String) -> Void

    /// - Parameters:
    ///   - least: lines below this level are not written.
    ///   - isReadable: lines for people instead of JSON.
    ///   - clock: dates the lines.
    ///   - write: takes one whole line with its line end.
    package init(
        least: Level,
        isReadable: Bool,
        clock: @escaping @Sendable () -> Instant,
        write: @escaping @Sendable (String) -> Void = Log.standardError
    ) {
        self.least = least
        self.isReadable = isReadable
        self.clock = clock
        self.write = write
    }

    /// One `write` a line, so that lines of several threads do not mix.
    package static let standardError: @Sendable (String) -> Void = { line in
        var line = line
        line.withUTF8 { bytes in
            // A log that cannot be written must not stop the gateway.
            _ = Glibc.write(STDERR_FILENO, bytes.baseAddress, bytes.count)
        }
    }

    package func debug(_ message: String, _ values: KeyValuePairs<String, Value> = [:]) {
        line(.debug, message, values)
    }

    package func info(_ message: String, _ values: KeyValuePairs<String, Value> = [:]) {
        line(.info, message, values)
    }

    package func warning(_ message: String, _ values: KeyValuePairs<String, Value> = [:]) {
        line(.warning, message, values)
    }

    package func error(_ message: String, _ values: KeyValuePairs<String, Value> = [:]) {
        line(.error, message, values)
    }

    package func writes(_ level: Level) -> Bool { level >= least }

    private func line(
        _ level: Level,
        _ message: String,
        _ values: KeyValuePairs<String, Value>
    ) {
        guard writes(level) else { return }
        var text = ""
        text.reserveCapacity(256)
        if isReadable {
            text += "\(clock()) \(level.name) \(message)"
            for (name, value) in values {
                text += " "
                text += name
                text += "="
                switch value {
                case .text(let content): text += content
                case .number(let number): text += String(number)
                }
            }
        } else {
            text += "{\"time\":\"\(clock())\",\"level\":\"\(level.name)\",\"message\":"
            Self.append(quoted: message, to: &text)
            for (name, value) in values {
                text += ",\""
                text += name
                text += "\":"
                switch value {
                case .text(let content): Self.append(quoted: content, to: &text)
                case .number(let number): text += String(number)
                }
            }
            text += "}"
        }
        text += "\n"
        write(text)
    }

    private static func append(quoted content: String, to text: inout String) {
        text += "\""
        for scalar in content.unicodeScalars {
            switch scalar {
            case "\"": text += "\\\""
            case "\\": text += "\\\\"
            case _ where scalar.value < 0x20: text += " "
            default: text.unicodeScalars.append(scalar)
            }
        }
        text += "\""
    }
}
