import Billing
import Schema
import Shapes

/// `farebox plan …`: what accounts pay instead of the list prices.
enum PlanCommands {
    private static let adjust = Command.Option.value(
        "--adjust",
        "PERCENT",
        "what is added to list prices (+20%) or taken off (-12.5%)"
    )

    static let all = [
        Command(
            words: ["plan", "create"],
            summary: "make a plan: the list prices with an adjustment",
            arguments: ["NAME"],
            options: [
                .value("--currency", "USD", "that of its accounts; it never changes"),
                .value("--model", "GLOB", "adjust these models only"),
                adjust, .database, .json,
            ],
            run: create
        ),
        Command(
            words: ["plan", "list"],
            summary: "show the plans, their adjustments and the versions of their prices",
            options: [.database, .json],
            run: list
        ),
        Command(
            words: ["plan", "set"],
            summary: "change a plan's adjustment, in a new version of its prices",
            arguments: ["NAME"],
            options: [
                .value("--model", "GLOB", "of these models; by default of all"),
                adjust,
                .flag("--remove", "take the adjustment out instead"),
                .value("--effective", "DATE", "when it takes effect; by default as soon as it may"),
                .flag("--dry-run", "show what would change, and change nothing"),
                .flag("--force", "accept prices that move a thousandfold"),
                .database, .json,
            ],
            run: set
        ),
    ]

    private static func create(_ invocation: Invocation) async throws -> CommandResult {
        guard let currency = Currency(invocation["--currency"] ?? "USD") else {
            throw UsageError("--currency must be three upper-case letters")
        }
        let pattern = try pattern(invocation)
        let basisPoints = try basisPoints(invocation)
        if invocation.has("--model"), basisPoints == nil {
            throw UsageError("--model needs --adjust")
        }
        let adjustments = PlanAdjustments.none.setting(pattern, to: basisPoints)
        return try await CommandDatabase.with(invocation) { database in
            let revision = try await PlanBook(database).create(
                invocation.argument(0),
                currency: currency,
                adjustments: adjustments
            )
            return CommandResult(
                text: "The plan \(revision.plan) is made.",
                json: .plan(revision)
            )
        }
    }

    private static func set(_ invocation: Invocation) async throws -> CommandResult {
        let name = invocation.argument(0)
        let pattern = try pattern(invocation)
        let basisPoints = try basisPoints(invocation)
        guard (basisPoints == nil) == invocation.has("--remove") else {
            throw UsageError("give either --adjust or --remove")
        }
        let effective = try invocation.instant(option: "--effective")
        let isDry = invocation.has("--dry-run")
        return try await CommandDatabase.with(invocation) { database in
            let book = PlanBook(database)
            let change =
                isDry
                ? try await book.preview(name, pattern, to: basisPoints, effectiveAt: effective)
                : try await book.set(
                    name,
                    pattern,
                    to: basisPoints,
                    effectiveAt: effective,
                    isForced: invocation.has("--force")
                )
            return result(change, isDry: isDry)
        }
    }

    private static func result(_ change: PlanBook.Change, isDry: Bool) -> CommandResult {
        let revision = change.revision
        guard !change.isUnchanged else {
            return CommandResult(
                text: "Nothing to do: \(revision.plan) says so already.",
                json: .planChange(change)
            )
        }
        var lines = PriceDiffText.lines(change.diff)
        let verb = isDry ? "would have" : "has"
        lines.append(
            "The plan \(revision.plan) \(verb) these prices from \(revision.effectiveAt) on."
        )
        if isDry, !change.diff.jumps.isEmpty { lines.append(PriceDiffText.needsForce) }
        return CommandResult(
            text: lines.joined(separator: "\n"),
            json: .planChange(change)
        )
    }

    private static func list(_ invocation: Invocation) async throws -> CommandResult {
        try await CommandDatabase.with(invocation) { database in
            let plans = try await PlanBook(database).list()
            var table = Table(
                .left("PLAN"),
                .left("CURRENCY"),
                .left("EFFECTIVE"),
                .left("MODELS"),
                .right("ADJUSTMENT"),
                .right("PRICE VERSION"),
                .right("ACCOUNTS")
            )
            var nodes: [JSONNode] = []
            for plan in plans {
                for revision in plan.revisions {
                    table.rows += rows(revision, plan)
                    nodes.append(.plan(revision, of: plan))
                }
            }
            return CommandResult(text: table.text, json: .array(nodes))
        }
    }

    private static func rows(_ revision: PlanRevision, _ plan: PlanBook.Summary) -> [[String]] {
        let entries = revision.adjustments.entries.map { entry in
            [entry.pattern.description, entry.basisPoints.description]
        }
        return (entries.isEmpty ? [["", ""]] : entries).map { entry in
            [revision.plan, revision.currency.code, revision.effectiveAt.description] + entry
                + [plan.version?.description ?? "", String(plan.accountCount)]
        }
    }

    private static func pattern(_ invocation: Invocation) throws -> ModelPattern {
        guard let pattern = ModelPattern(invocation["--model"] ?? "*") else {
            throw UsageError("--model may have a * only at its end")
        }
        return pattern
    }

    private static func basisPoints(_ invocation: Invocation) throws -> BasisPoints? {
        try invocation["--adjust"].map { text in
            guard let basisPoints = BasisPoints(percentage: text) else {
                throw UsageError(
                    "--adjust must be from -99% to +900% with at most two decimals, not \"\(text)\""
                )
            }
            return basisPoints
        }
    }
}
