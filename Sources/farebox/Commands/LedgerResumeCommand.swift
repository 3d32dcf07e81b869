import Ledger
import Postgres
import Schema

/// `farebox ledger resume`: after a failover, lease again without waiting.
enum LedgerResumeCommand {
    static let all = [
        Command(
            words: ["ledger", "resume"],
            summary: "after a failover that lost no commit, lease again at once",
            options: [
                .flag(
                    "--nothing-lost",
                    "the promoted standby has every commit, or every instance has come back"
                ),
                .database, .json,
            ],
            run: run
        )
    ]

    private static func run(_ invocation: Invocation) async throws -> CommandResult {
        guard invocation.has("--nothing-lost") else {
            throw UsageError(
                "say --nothing-lost: leases that a lost commit granted would be granted again"
            )
        }
        return try await CommandDatabase.with(invocation) { database in
            let wasLearning = try await Incarnation.resume(database)
            return CommandResult(
                text: wasLearning
                    ? "The database leases again." : "The database was leasing already.",
                json: .object([("resumed", .flag(wasLearning))])
            )
        }
    }
}
