import EventLoop
import Schema

/// A command line, matched against its command.
struct Invocation: Sendable {
    let isJSON: Bool
    /// The process's signals, for a command that serves until one comes.
    let signals: SignalSource?
    private let command: Command
    private let arguments: [String]
    private let values: [String: String]

    /// Throws `UsageError` for what the command does not know, a missing value or argument.
    init(
        _ command: Command,
        _ words: some Collection<String>,
        signals: SignalSource? = nil
    ) throws {
        var arguments: [String] = []
        var values: [String: String] = [:]
        var rest = words[...]
        while let word = rest.popFirst() {
            guard word.hasPrefix("--"), word.count > 2 else {
                arguments.append(word)
                continue
            }
            let parts = word.split(separator: "=", maxSplits: 1)
            let name = String(parts[0])
            guard let option = command.options.first(where: { $0.name == name }) else {
                throw UsageError("\(command.words.joined(separator: " ")) has no option \(name)")
            }
            guard values[name] == nil else { throw UsageError("\(name) is given twice") }
            if option.value == nil {
                guard parts.count == 1 else { throw UsageError("\(name) takes no value") }
                values[name] = ""
            } else if parts.count == 2 {
                values[name] = String(parts[1])
            } else if let value = rest.popFirst() {
                values[name] = value
            } else {
                throw UsageError("\(name) needs a value")
            }
        }
        let required = command.arguments.count { !$0.isOptional }
        guard arguments.count >= required else {
            throw UsageError("\(command.arguments[arguments.count].name) is missing")
        }
        guard arguments.count <= command.arguments.count else {
            throw UsageError("\"\(arguments[command.arguments.count])\" is one argument too many")
        }
        self.command = command
        self.signals = signals
        self.arguments = arguments
        self.values = values
        isJSON = values["--json"] != nil
    }

    /// The command's words: `key revoke`.
    var name: String { command.words.joined(separator: " ") }

    subscript(option: String) -> String? { values[option] }

    func has(_ flag: String) -> Bool { values[flag] != nil }

    /// The argument at a position that the command declares as required.
    func argument(_ index: Int) -> String { arguments[index] }

    func optionalArgument(_ index: Int) -> String? {
        index < arguments.count ? arguments[index] : nil
    }

    func amount(_ text: String, named name: String) throws -> Pico {
        guard let amount = Pico(text) else {
            throw UsageError(
                "\(name) must be a decimal amount with at most 12 decimals, not \"\(text)\""
            )
        }
        return amount
    }

    func amount(option: String) throws -> Pico? {
        try values[option].map { try amount($0, named: option) }
    }

    func instant(option: String) throws -> Instant? {
        try values[option].map { text in
            guard let instant = Instant(text) else {
                throw UsageError(
                    "\(option) must be a date (2026-12-31) or RFC 3339 time, not \"\(text)\""
                )
            }
            return instant
        }
    }

    /// A whole number and its unit: `90s`, `30m`, `24h`, `7d`.
    func duration(option: String) throws -> Duration? {
        try values[option].map { text in
            let units: [Character: Int64] = ["s": 1, "m": 60, "h": 3_600, "d": 86_400]
            guard let last = text.last, let unit = units[last],
                let count = Int64(text.dropLast()), (0...36_500).contains(count)
            else {
                throw UsageError(
                    "\(option) must be a number and its unit (90s, 30m, 24h, 7d), not \"\(text)\""
                )
            }
            return .seconds(count * unit)
        }
    }

    /// Addresses and ranges of them, separated by commas.
    func addressRanges(option: String) throws -> [AddressRange]? {
        try values[option].map { text in
            try text.split(separator: ",", omittingEmptySubsequences: false).map { part in
                guard let range = AddressRange(String(part)) else {
                    throw UsageError(
                        "\(option) must be addresses such as 10.0.0.0/8, not \"\(part)\""
                    )
                }
                return range
            }
        }
    }

    func integer(option: String, in range: ClosedRange<Int64>) throws -> Int64? {
        try values[option].map { text in
            guard let value = Int64(text), range.contains(value) else {
                throw UsageError(
                    "\(option) must be a whole number from \(range.lowerBound) to"
                        + " \(range.upperBound), not \"\(text)\""
                )
            }
            return value
        }
    }
}
