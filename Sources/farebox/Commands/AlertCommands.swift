import Ledger
import Postgres
import Schema
import Shapes

/// `farebox alert …`: of what an account's owner wants to be told.
enum AlertCommands {
    static let all = [
        Command(
            words: ["alert", "set"],
            summary: "say of what an account's owner is told; none for an alert takes it away",
            arguments: ["ACCOUNT"],
            options: [
                .value("--low-balance", "A|none", "balance and credit limit fall below this"),
                .value("--runway-days", "N|none", "they last for fewer days than this"),
                .value(
                    "--anomaly-percent",
                    "N|none",
                    "a day costs more than so many percent of what its weekday usually costs"
                ),
                .value("--unused-days", "N|none", "a key is not used for so many days"),
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
        var changes = AccountAlertChanges()
        if let text = invocation["--low-balance"] {
            changes.lowBalance = .some(
                text == "none" ? nil : try invocation.amount(text, named: "--low-balance")
            )
        }
        let (days, percents) = (AccountAlerts.daysBounds, AccountAlerts.percentBounds)
        changes.runwayDays = try number("--runway-days", in: days, invocation)
        changes.anomalyPercent = try number("--anomaly-percent", in: percents, invocation)
        changes.unusedDays = try number("--unused-days", in: days, invocation)
        guard changes != AccountAlertChanges() else {
            throw UsageError("what is to be set? --low-balance A, or --low-balance none, …")
        }
        let sought = changes
        return try await CommandDatabase.with(invocation) { database in
            try await AlertSettings(database).change(
                sought,
                of: invocation.argument(0),
                at: SystemClock.now()
            )
            return try await result(invocation.argument(0), database)
        }
    }

    /// Nil for an option that is not there, and nil inside for `none`.
    private static func number(
        _ option: String,
        in range: ClosedRange<Int64>,
        _ invocation: Invocation
    ) throws -> Int64?? {
        if invocation[option] == "none" { return .some(nil) }
        return try invocation.integer(option: option, in: range).map { .some($0) }
    }

    private static func show(_ invocation: Invocation) async throws -> CommandResult {
        try await CommandDatabase.with(invocation) { database in
            try await result(invocation.argument(0), database)
        }
    }

    private static func result(_ slug: String, _ database: Database) async throws -> CommandResult {
        let account = try await Accounts(database).show(slug)
        let alerts = try await AlertSettings(database).alerts(of: slug)
        var table = Table(
            .left("ACCOUNT"),
            .right("LOW BALANCE"),
            .left("CURRENCY"),
            .right("RUNWAY"),
            .right("ANOMALY"),
            .right("UNUSED")
        )
        table.rows = [
            [
                slug,
                alerts.lowBalance?.decimal(fractionDigitsMin: account.currency.exponent) ?? "none",
                account.currency.code,
                alerts.runwayDays.map { "\($0) days" } ?? "none",
                alerts.anomalyPercent.map { "\($0) %" } ?? "none",
                alerts.unusedDays.map { "\($0) days" } ?? "none",
            ]
        ]
        return CommandResult(text: table.text, json: .alerts(of: account, alerts))
    }
}
