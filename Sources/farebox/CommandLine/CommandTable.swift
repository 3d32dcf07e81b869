import EventLoop
import Schema

/// Every command, found by its words.
struct CommandTable {
    let commands: [Command]

    /// Runs a command line and returns the exit code: 0 done, 1 refused or failed, 2 usage.
    func run(_ words: [String], signals: SignalSource?) async -> Int32 {
        if words.isEmpty || words == ["--help"] || words == ["-h"] || words == ["help"] {
            say(overview)
            return words.isEmpty ? 2 : 0
        }
        if words.contains("--help") || words.contains("-h") {
            return help(words.filter { $0 != "--help" && $0 != "-h" })
        }
        do {
            let (command, rest) = try find(words)
            let invocation = try Invocation(command, rest, signals: signals)
            let result = try await command.run(invocation)
            if invocation.isJSON {
                for node in result.json { say(node.line) }
            } else if !result.text.isEmpty {
                say(result.text)
            }
            return result.exitCode
        } catch let error as UsageError {
            complain("\(error.message)\ntry: farebox --help")
            return 2
        } catch let error as CommandFailure {
            complain(error.message)
            return 1
        } catch {
            complain("\(error)")
            return 1
        }
    }

    /// Whether the command line names a command that serves until a signal ends it.
    func servesUntilSignalled(_ words: [String]) -> Bool {
        (try? find(words))?.0.servesUntilSignalled ?? false
    }

    private func find(_ words: [String]) throws -> (Command, ArraySlice<String>) {
        let matches = commands.filter { words.starts(with: $0.words) }
        guard let command = matches.max(by: { $0.words.count < $1.words.count }) else {
            throw UsageError("there is no command \"\(words.prefix(2).joined(separator: " "))\"")
        }
        return (command, words.dropFirst(command.words.count))
    }

    private func help(_ words: [String]) -> Int32 {
        let matches = commands.filter { command in
            let count = min(command.words.count, words.count)
            return command.words.prefix(count).elementsEqual(words.prefix(count))
        }
        guard !matches.isEmpty else {
            complain("there is no command \"\(words.joined(separator: " "))\"")
            return 2
        }
        say(matches.map(Self.page).joined(separator: "\n\n"))
        return 0
    }

    private static func page(_ command: Command) -> String {
        var lines = ["farebox \(command.synopsis)", "", "  \(command.summary)"]
        if !command.options.isEmpty { lines.append("") }
        let heads = command.options.map { option in
            [option.name, option.value].compactMap(\.self).joined(separator: " ")
        }
        let width = heads.map(\.count).max() ?? 0
        for (head, option) in zip(heads, command.options) {
            let padding = String(repeating: " ", count: width - head.count)
            lines.append("  \(head)\(padding)  \(option.summary)")
        }
        return lines.joined(separator: "\n")
    }

    private var overview: String {
        let width = commands.map { $0.words.joined(separator: " ").count }.max() ?? 0
        let lines = commands.map { command in
            let words = command.words.joined(separator: " ")
            let padding = String(repeating: " ", count: width - words.count)
            return "  \(words)\(padding)  \(command.summary)"
        }
        return """
            Farebox: a prepaid gate in front of LLM APIs.

            farebox COMMAND [ARGUMENTS] [--json]

            \(lines.joined(separator: "\n"))

            farebox COMMAND --help tells more. Exit code 0: done, 1: refused or failed, 2: usage.
            """
    }
}
