import Ledger
import Schema
import Shapes

/// `farebox account …`.
enum AccountCommands {
    static let all = [
        Command(
            words: ["account", "create"],
            summary: "make an account with a balance of zero",
            arguments: ["SLUG"],
            options: [
                .value("--name", "TEXT", "what people call it"),
                .value("--currency", "USD", "ISO 4217; it never changes"),
                .value("--time-zone", "UTC", "IANA name; days and months are reckoned in it"),
                .value("--credit-limit", "AMOUNT", "how far below zero the balance may go"),
                .value("--plan", "NAME", "the plan that it pays by instead of the price list"),
                .idempotencyKey, .database, .json,
            ],
            run: create
        ),
        Command(
            words: ["account", "list"],
            summary: "show all accounts",
            options: [.database, .json],
            run: list
        ),
        Command(
            words: ["account", "show"],
            summary: "show an account's balance and what is held",
            arguments: ["SLUG"],
            options: [.database, .json],
            run: { try await one($0) { accounts, slug in try await accounts.show(slug) } }
        ),
        Command(
            words: ["account", "suspend"],
            summary: "admit nothing more; running calls still settle",
            arguments: ["SLUG"],
            options: [.database, .json],
            run: { try await one($0) { accounts, slug in try await accounts.suspend(slug) } }
        ),
        Command(
            words: ["account", "resume"],
            summary: "admit calls again",
            arguments: ["SLUG"],
            options: [.database, .json],
            run: { try await one($0) { accounts, slug in try await accounts.resume(slug) } }
        ),
        Command(
            words: ["account", "limit"],
            summary: "set how far below zero the balance may go; it always posts",
            arguments: ["SLUG", "AMOUNT"],
            options: [.idempotencyKey, .database, .json],
            run: limit
        ),
        Command(
            words: ["account", "plan"],
            summary: "let an account pay by a plan from now on, or without NAME by the list",
            arguments: ["SLUG", "[NAME]"],
            options: [.database, .json],
            run: { invocation in
                let plan = invocation.optionalArgument(1)
                return try await one(invocation) { accounts, slug in
                    try await accounts.setPlan(plan, of: slug)
                }
            }
        ),
    ]

    private static func create(_ invocation: Invocation) async throws -> CommandResult {
        var creation = Accounts.Creation(slug: invocation.argument(0))
        creation.name = invocation["--name"]
        creation.plan = invocation["--plan"]
        creation.timeZone = invocation["--time-zone"] ?? creation.timeZone
        creation.creditLimit = try invocation.amount(option: "--credit-limit") ?? .zero
        if let code = invocation["--currency"] {
            guard let currency = Currency(code) else {
                throw UsageError("--currency must be three upper-case letters, not \"\(code)\"")
            }
            creation.currency = currency
        }
        let wanted = creation
        return try await CommandDatabase.with(invocation) { database in
            let account = try await Accounts(database).create(
                wanted,
                at: SystemClock.now(),
                idempotencyKey: invocation["--idempotency-key"]
            )
            return result([account], json: .account(account))
        }
    }

    private static func limit(_ invocation: Invocation) async throws -> CommandResult {
        let limit = try invocation.amount(invocation.argument(1), named: "AMOUNT")
        return try await CommandDatabase.with(invocation) { database in
            let account = try await Credits(database).setLimit(
                invocation.argument(0),
                to: limit,
                at: SystemClock.now(),
                idempotencyKey: invocation["--idempotency-key"]
            )
            return result([account], json: .account(account))
        }
    }

    private static func list(_ invocation: Invocation) async throws -> CommandResult {
        try await CommandDatabase.with(invocation) { database in
            let accounts = try await Accounts(database).list()
            return result(accounts, json: .array(accounts.map(JSONNode.account)))
        }
    }

    private static func one(
        _ invocation: Invocation,
        _ act: (Accounts, String) async throws -> AccountSummary
    ) async throws -> CommandResult {
        try await CommandDatabase.with(invocation) { database in
            let account = try await act(Accounts(database), invocation.argument(0))
            return result([account], json: .account(account))
        }
    }

    private static func result(_ accounts: [AccountSummary], json: JSONNode) -> CommandResult {
        var table = Table(
            .left("ACCOUNT"),
            .left("STATUS"),
            .right("BALANCE"),
            .right("HELD"),
            .right("AVAILABLE"),
            .right("LIMIT"),
            .left("CURRENCY"),
            .left("PLAN"),
            .right("VERSION")
        )
        for account in accounts {
            let amounts = [account.balance, account.held, account.available, account.creditLimit]
                .map { $0.decimal(fractionDigitsMin: account.currency.exponent) }
            table.rows.append(
                [account.slug, account.status.rawValue] + amounts
                    + [account.currency.code, account.plan ?? "", String(account.version)]
            )
        }
        return CommandResult(text: table.text, json: json)
    }
}
