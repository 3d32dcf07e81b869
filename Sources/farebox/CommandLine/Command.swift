import Schema

/// One command: its words, what it takes, and what it does.
struct Command: Sendable {
    struct Argument: Sendable {
        let name: String
        let isOptional: Bool
    }

    struct Option: Sendable {
        /// With its dashes: `--time-zone`.
        let name: String
        /// What stands for the value in the help; nil for a flag.
        let value: String?
        let summary: String
    }

    let words: [String]
    let summary: String
    var arguments: [Argument] = []
    var options: [Option] = []
    /// Whether it serves until a signal ends it, and so takes the signals for itself.
    var servesUntilSignalled = false
    let run: @Sendable (Invocation) async throws -> CommandResult

    /// How it is written: `account create SLUG [--name TEXT]`.
    var synopsis: String {
        let positional = arguments.map { $0.isOptional ? "[\($0.name)]" : $0.name }
        let optional = options.map { option in
            "[" + [option.name, option.value].compactMap(\.self).joined(separator: " ") + "]"
        }
        return (words + positional + optional).joined(separator: " ")
    }
}

extension Command.Argument: ExpressibleByStringLiteral {
    /// `"SLUG"` is required, `"[SLUG]"` may be left out.
    init(stringLiteral text: String) {
        isOptional = text.hasPrefix("[")
        name = isOptional ? String(text.dropFirst().dropLast()) : text
    }
}

extension Command.Option {
    static func value(_ name: String, _ value: String, _ summary: String) -> Self {
        Self(name: name, value: value, summary: summary)
    }

    static func flag(_ name: String, _ summary: String) -> Self {
        Self(name: name, value: nil, summary: summary)
    }

    static let database = value(
        "--database",
        "URL",
        "PostgreSQL to use instead of DATABASE_URL"
    )
    static let json = flag("--json", "print JSON for programs")
    static let idempotencyKey = value(
        "--idempotency-key",
        "KEY",
        "makes a repeat harmless: the same key acts once"
    )
}

/// What a command has to say, for people and for programs.
struct CommandResult: Sendable {
    var text: String
    /// One JSON value a line.
    var json: [JSONNode]
    /// 0 done, 1 refused or failed.
    var exitCode: Int32 = 0

    init(text: String, json: JSONNode..., exitCode: Int32 = 0) {
        self.text = text
        self.json = json
        self.exitCode = exitCode
    }

    init(text: String, json: [JSONNode], exitCode: Int32 = 0) {
        self.text = text
        self.json = json
        self.exitCode = exitCode
    }

    static let silent = CommandResult(text: "", json: [])
}

/// The command line cannot be understood: exit code 2.
struct UsageError: Error {
    let message: String

    init(_ message: String) {
        self.message = message
    }
}

/// The command was understood and refused, or failed: exit code 1.
struct CommandFailure: Error {
    let message: String

    init(_ message: String) {
        self.message = message
    }
}
