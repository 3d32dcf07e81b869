import Ledger
import Postgres
import Schema
import Shapes

/// `farebox alert …`: of what an account's owner wants to be told.
enum AlertCommands {
    static let all = [
        Command(
            words: ["alert", "set"],
            summary: "say from which balance on an account's owner is told that it is low",
            arguments: ["ACCOUNT"],
            options: [
                .value("--low-balance", "A|none", "the balance, with the credit limit"),
                .database, .json,
            ],
            run: set
        ),
        Command(
            words: ["alert", "show"],
            summary: "show what an account's owner is told of",
            arguments: ["ACCOUNT"],
            options: [.database, .json],
            run: show
        ),
    ]

    private static func set(_ invocation: Invocation) async throws -> CommandResult {
        guard let text = invocation["--low-balance"] else {
            throw UsageError("--low-balance A, or --low-balance none, is needed")
        }
        let threshold =
            text == "none" ? nil : try invocation.amount(text, named: "--low-balance")
        return try await CommandDatabase.with(invocation) { database in
            try await AlertSettings(database).setLowBalance(
                threshold,
                of: invocation.argument(0),
                at: SystemClock.now()
            )
            return try await result(invocation.argument(0), database)
        }
    }

    private static func show(_ invocation: Invocation) async throws -> CommandResult {
        try await CommandDatabase.with(invocation) { database in
            try await result(invocation.argument(0), database)
        }
    }

    private static func result(_ slug: String, _ database: Database) async throws -> CommandResult {
        let account = try await Accounts(database).show(slug)
        let lowBalance = try await AlertSettings(database).lowBalance(of: slug)
        var table = Table(.left("ACCOUNT"), .right("LOW BALANCE"), .left("CURRENCY"))
        table.rows = [
            [
                slug,
                lowBalance?.decimal(fractionDigitsMin: account.currency.exponent) ?? "none",
                account.currency.code,
            ]
        ]
        return CommandResult(
            text: table.text,
            json: .alerts(of: account, lowBalance: lowBalance)
        )
    }
}
