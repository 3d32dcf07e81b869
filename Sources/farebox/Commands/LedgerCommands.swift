import Ledger
import Schema

/// `farebox ledger status` and `farebox ledger events`: the state of the ledger and its streams.
enum LedgerCommands {
    static let all = [
        Command(
            words: ["ledger", "status"],
            summary: "show how much is in the ledger and its leases",
            options: [.database, .json],
            run: status
        ),
        Command(
            words: ["ledger", "events"],
            summary: "show an account's stream, one event a line",
            arguments: ["ACCOUNT"],
            options: [
                .value("--from-version", "N", "from this version on"),
                .flag("--follow", "go on as events come"), .database, .json,
            ],
            run: events
        ),
    ]

    /// How often a followed stream is asked for more.
    private static let followInterval = Duration.milliseconds(200)

    private static func status(_ invocation: Invocation) async throws -> CommandResult {
        try await CommandDatabase.with(invocation) { database in
            let status = try await LedgerStatus.read(database)
            let facts: [(String, Int64)] = [
                ("accounts", status.accounts), ("suspended_accounts", status.suspendedAccounts),
                ("overdrawn_accounts", status.overdrawnAccounts), ("events", status.events),
                ("unsealed_events", status.unsealedEvents),
                ("seal_lag_seconds", status.sealLagSeconds), ("open_leases", status.openLeases),
                ("parked_events", status.parkedEvents),
                ("live_instances", status.liveInstances),
                ("database_bytes", status.databaseBytes), ("event_bytes", status.eventBytes),
            ]
            var table = Table(.left("WHAT"), .right("COUNT"))
            table.rows = facts.map { name, count in
                [name.split(separator: "_").joined(separator: " "), String(count)]
            }
            return CommandResult(
                text: table.text,
                json: .object(facts.map { ($0.0, .integer($0.1)) })
            )
        }
    }

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
