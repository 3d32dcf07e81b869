import Glibc
import Schema
import Synchronization

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
    /// Takes whole lines with their line ends.
    let write: @Sendable ([UInt8]) -> Void

    /// - Parameters:
    ///   - least: lines below this level are not written.
    ///   - isReadable: lines for people instead of JSON.
    ///   - clock: dates the lines.
    ///   - write: takes whole lines with their line ends.
    package init(
        least: Level,
        isReadable: Bool,
        clock: @escaping @Sendable () -> Instant,
        write: @escaping @Sendable ([UInt8]) -> Void = Log.standardError
    ) {
        self.least = least
        self.isReadable = isReadable
        self.clock = clock
        self.write = write
    }

    private static let isWriting = Mutex(())

    /// Under a lock, so that lines of several threads do not mix.
    package static let standardError: @Sendable ([UInt8]) -> Void = { lines in
        isWriting.withLock { _ in
            lines.withUnsafeBytes { bytes in
                var rest = bytes[...]
                while !rest.isEmpty {
                    let count = Glibc.write(
                        STDERR_FILENO,
                        UnsafeRawBufferPointer(rebasing: rest).baseAddress,
                        rest.count
                    )
                    // A log that cannot be written must not stop the gateway.
                    guard count > 0 else { return }
                    rest = rest.dropFirst(count)
                }
            }
        }
    }

    package func debug(_ message: String, _ values: KeyValuePairs<StaticString, Value> = [:]) {
        line(.debug, message, values)
    }

    package func info(_ message: String, _ values: KeyValuePairs<StaticString, Value> = [:]) {
        line(.info, message, values)
    }

    package func warning(_ message: String, _ values: KeyValuePairs<StaticString, Value> = [:]) {
        line(.warning, message, values)
    }

    package func error(_ message: String, _ values: KeyValuePairs<StaticString, Value> = [:]) {
        line(.error, message, values)
    }

    package func writes(_ level: Level) -> Bool { level >= least }

    private func line(
        _ level: Level,
        _ message: String,
        _ values: KeyValuePairs<StaticString, Value>
    ) {
        guard writes(level) else { return }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(256)
        encode(level, message, into: &bytes) { line in
            for (name, value) in values {
                switch value {
                case .text(let text): line.add(name, text)
                case .number(let number): line.add(name, number)
                }
            }
        }
        write(bytes)
    }

    /// Appends a line to others that are to be written with it.
    func encode(
        _ level: Level,
        _ message: String,
        into lines: inout [UInt8],
        _ values: (inout LogLine) -> Void
    ) {
        var line = LogLine(bytes: lines, isReadable: isReadable)
        lines = []
        line.begin(level, message, at: clock())
        values(&line)
        line.end()
        lines = line.bytes
    }
}
