import Ledger
import Schema

/// `farebox credit …`: money commands, each safe to repeat.
enum CreditCommands {
    static let all = [
        Command(
            words: ["credit", "grant"],
            summary: "add credit to an account",
            arguments: ["ACCOUNT", "AMOUNT"],
            options: [
                .value("--kind", "paid|promotional", "paid by default"),
                .value("--reference", "TEXT", "an outside reference; granted once for each"),
                .idempotencyKey, .database, .json,
            ],
            run: grant
        ),
        Command(
            words: ["credit", "adjust"],
            summary: "correct a balance up or down, never below what is held",
            arguments: ["ACCOUNT", "±AMOUNT"],
            options: [
                .value("--reason", "TEXT", "why; it stands in the event"),
                .idempotencyKey, .database, .json,
            ],
            run: adjust
        ),
    ]

    private static func grant(_ invocation: Invocation) async throws -> CommandResult {
        let amount = try invocation.amount(invocation.argument(1), named: "AMOUNT")
        var grant = Credits.Grant(account: invocation.argument(0), amount: amount)
        grant.reference = invocation["--reference"]
        if let name = invocation["--kind"] {
            guard let kind = CreditGranted.Kind(rawValue: name) else {
                throw UsageError("--kind is paid or promotional, not \"\(name)\"")
            }
            grant.kind = kind
        }
        let wanted = grant
        return try await CommandDatabase.with(invocation) { database in
            let granted = try await Credits(database).grant(
                wanted,
                at: SystemClock.now(),
                idempotencyKey: invocation["--idempotency-key"]
            )
            let currency = try await Accounts(database).show(granted.account).currency
            return CommandResult(
                text: "Granted \(currency.text(granted.amount)) to \(granted.account)"
                    + " (\(granted.kind.rawValue), \(granted.id)).",
                json: .object([
                    ("id", .text(granted.id.description)), ("account", .text(granted.account)),
                    ("kind", .text(granted.kind.rawValue)),
                    ("amount", .money(granted.amount, currency)),
                    ("remaining", .money(granted.remaining, currency)),
                    ("expires_at", .optional(granted.expiresAt?.description)),
                ])
            )
        }
    }

    private static func adjust(_ invocation: Invocation) async throws -> CommandResult {
        let amount = try invocation.amount(invocation.argument(1), named: "±AMOUNT")
        guard let reason = invocation["--reason"] else { throw UsageError("--reason is missing") }
        return try await CommandDatabase.with(invocation) { database in
            let account = try await Credits(database).adjust(
                Credits.Adjustment(
                    account: invocation.argument(0),
                    amount: amount,
                    reason: reason
                ),
                at: SystemClock.now(),
                idempotencyKey: invocation["--idempotency-key"]
            )
            return CommandResult(
                text: "The balance of \(account.slug) is"
                    + " \(account.currency.text(account.balance)).",
                json: .account(account)
            )
        }
    }
}
