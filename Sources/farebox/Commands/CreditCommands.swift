import Ledger
import Schema
import Shapes

/// `farebox credit …`: money commands, each safe to repeat.
enum CreditCommands {
    static let all = [
        Command(
            words: ["credit", "grant"],
            summary: "add credit to an account",
            arguments: ["ACCOUNT", "AMOUNT"],
            options: [
                .value("--kind", "paid|promotional", "paid by default"),
                .value("--starts", "DATE", "when it comes into the balance; at once by default"),
                .value("--expires", "DATE", "from when on no call is admitted on it"),
                .value("--priority", "N", "lower burns first; 0 by default"),
                .value("--reference", "TEXT", "an outside reference; granted once for each"),
                .idempotencyKey, .database, .json,
            ],
            run: grant
        ),
        Command(
            words: ["credit", "list"],
            summary: "show an account's grants in the order in which they burn, and their rests",
            arguments: ["ACCOUNT"],
            options: [.database, .json],
            run: list
        ),
        Command(
            words: ["credit", "void"],
            summary: "take back what is unburned of a grant, never from under a running call",
            arguments: ["GRANT"],
            options: [.idempotencyKey, .database, .json],
            run: void
        ),
        Command(
            words: ["credit", "chargeback"],
            summary: "take back a whole payment, burned or not; it always posts",
            arguments: ["ACCOUNT", "GRANT|REFERENCE"],
            options: [
                .value("--reason", "TEXT", "why; it stands in the event"),
                .idempotencyKey, .database, .json,
            ],
            run: chargeBack
        ),
        Command(
            words: ["credit", "adjust"],
            summary: "correct a balance up or down, never below what is held",
            arguments: ["ACCOUNT", "±AMOUNT"],
            options: [
                .value("--reason", "TEXT", "why; it stands in the event"),
                .flag("--force", "take what is held as well, and overdraw the account"),
                .idempotencyKey, .database, .json,
            ],
            run: adjust
        ),
    ]

    private static func grant(_ invocation: Invocation) async throws -> CommandResult {
        let amount = try invocation.amount(invocation.argument(1), named: "AMOUNT")
        var grant = Credits.Grant(account: invocation.argument(0), amount: amount)
        grant.reference = invocation["--reference"]
        grant.startsAt = try invocation.instant(option: "--starts")
        grant.expiresAt = try invocation.instant(option: "--expires")
        if let priority = try invocation.integer(option: "--priority", in: -1_000...1_000) {
            grant.priority = Int32(priority)
        }
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
            let verb = granted.status == .scheduled ? "Scheduled" : "Granted"
            return CommandResult(
                text: "\(verb) \(currency.text(granted.amount)) to \(granted.account)"
                    + " (\(granted.kind.rawValue), \(granted.id)).",
                json: .grant(granted, currency)
            )
        }
    }

    private static func list(_ invocation: Invocation) async throws -> CommandResult {
        try await CommandDatabase.with(invocation) { database in
            let list = try await Credits(database).list(invocation.argument(0))
            let (account, currency) = (list.account, list.account.currency)
            return CommandResult(
                text: text(list),
                json: .object([
                    ("account", .text(account.slug)), ("version", .integer(account.version)),
                    ("balance", .money(account.balance, currency)),
                    ("unpaid", .money(list.unpaid, currency)),
                    ("grants", .array(list.grants.map { .grant($0, currency) })),
                ])
            )
        }
    }

    private static func void(_ invocation: Invocation) async throws -> CommandResult {
        guard let id = GrantID(invocation.argument(0)) else {
            throw UsageError("GRANT is the id of a grant, not \"\(invocation.argument(0))\"")
        }
        return try await CommandDatabase.with(invocation) { database in
            let grant = try await Credits(database).void(
                id,
                at: SystemClock.now(),
                idempotencyKey: invocation["--idempotency-key"]
            )
            let currency = try await Accounts(database).show(grant.account).currency
            let kept =
                grant.remaining > .zero
                ? " \(currency.text(grant.remaining)) is kept until running calls have ended." : ""
            return CommandResult(
                text: "Voided the grant \(grant.id) of \(grant.account).\(kept)",
                json: .grant(grant, currency)
            )
        }
    }

    private static func chargeBack(_ invocation: Invocation) async throws -> CommandResult {
        guard let reason = invocation["--reason"] else { throw UsageError("--reason is missing") }
        return try await CommandDatabase.with(invocation) { database in
            let account = try await Credits(database).chargeBack(
                Credits.Chargeback(
                    account: invocation.argument(0),
                    payment: invocation.argument(1),
                    reason: reason
                ),
                at: SystemClock.now(),
                idempotencyKey: invocation["--idempotency-key"]
            )
            return balance(of: account)
        }
    }

    private static func adjust(_ invocation: Invocation) async throws -> CommandResult {
        let amount = try invocation.amount(invocation.argument(1), named: "±AMOUNT")
        guard let reason = invocation["--reason"] else { throw UsageError("--reason is missing") }
        var adjustment = Credits.Adjustment(
            account: invocation.argument(0),
            amount: amount,
            reason: reason
        )
        adjustment.isForced = invocation.has("--force")
        let wanted = adjustment
        return try await CommandDatabase.with(invocation) { database in
            let account = try await Credits(database).adjust(
                wanted,
                at: SystemClock.now(),
                idempotencyKey: invocation["--idempotency-key"]
            )
            return balance(of: account)
        }
    }

    private static func balance(of account: AccountSummary) -> CommandResult {
        let overdrawn = account.head.overdrawn
        let warning =
            overdrawn > .zero
            ? " It is overdrawn by \(account.currency.text(overdrawn)): nothing is admitted." : ""
        return CommandResult(
            text: "The balance of \(account.slug) is"
                + " \(account.currency.text(account.balance)).\(warning)",
            json: .account(account)
        )
    }

    private static func text(_ list: GrantList) -> String {
        let currency = list.account.currency
        var table = Table(
            .left("GRANT"),
            .left("KIND"),
            .left("STATUS"),
            .right("AMOUNT"),
            .right("REMAINING"),
            .right("PRIORITY"),
            .left("STARTS"),
            .left("EXPIRES"),
            .left("REFERENCE")
        )
        for grant in list.grants {
            let amounts = [grant.amount, grant.remaining]
                .map { $0.decimal(fractionDigitsMin: currency.exponent) }
            table.rows.append(
                [
                    grant.id.description,
                    grant.origin == .grant ? grant.kind.rawValue : grant.origin.rawValue,
                    grant.status.rawValue,
                ] + amounts + [
                    String(grant.priority), grant.startsAt?.description ?? "",
                    grant.expiresAt?.description ?? "", grant.reference ?? "",
                ]
            )
        }
        let balance = list.account.balance
        return table.text
            + "\nAt version \(list.account.version) the grants have"
            + " \(currency.text(balance + list.unpaid)) left, \(currency.text(list.unpaid)) is"
            + " unpaid, and the balance is \(currency.text(balance))."
    }
}
