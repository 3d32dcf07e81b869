import Ledger
import Schema
import Shapes

/// `farebox ledger events`: the streams.
enum LedgerCommands {
    static let all = [
        Command(
            words: ["ledger", "events"],
            summary: "show an account's stream, one event a line",
            arguments: ["ACCOUNT"],
            options: [
                .value("--from-version", "N", "from this version on"),
                .flag("--follow", "go on as events come"), .database, .json,
            ],
            run: events
        )
    ]

    /// How often a followed stream is asked for more.
    private static let followInterval = Duration.milliseconds(200)

    private static func events(_ invocation: Invocation) async throws -> CommandResult {
        var next = try invocation.integer(option: "--from-version", in: 1...Int64.max) ?? 1
        let isFollowing = invocation.has("--follow")
        return try await CommandDatabase.with(invocation) { database in
            let account = try await Accounts(database).show(invocation.argument(0))
            let store = EventStore(database)
            while true {
                let page = try await store.events(of: account.id, from: next)
                for event in page {
                    say(line(event, account, isJSON: invocation.isJSON))
                }
                if let last = page.last {
                    next = last.version + 1
                } else if isFollowing {
                    try await Task.sleep(for: followInterval)
                } else {
                    return .silent
                }
            }
        }
    }

    private static func line(
        _ recorded: RecordedEvent,
        _ account: AccountSummary,
        isJSON: Bool
    ) -> String {
        if isJSON {
            return JSONNode.event(recorded, account: account.slug, account.currency).line
        }
        let event = recorded.event
        var words = [
            String(recorded.version), event.occurredAt.description, event.body.kind.rawValue,
            account.currency.text(recorded.amount),
        ]
        if case .usage(let usage) = event.body {
            words += [
                "req_\(usage.request.hexadecimal)", usage.model, usage.outcome.rawValue,
                "\(usage.tokens.inputTotal) in, \(usage.tokens.outputTotal) out",
            ]
        }
        return words.joined(separator: "  ")
    }
}
