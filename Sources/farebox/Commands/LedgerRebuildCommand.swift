import Ledger
import Postgres
import Schema

/// `farebox ledger rebuild`: makes projections anew from the events, or proves that they are equal.
enum LedgerRebuildCommand {
    static let all = [
        Command(
            words: ["ledger", "rebuild"],
            summary: "make projections anew from the events, or check that they are equal",
            arguments: ["[PROJECTION]"],
            options: [
                .flag("--check", "rebuild aside, compare byte for byte, and change nothing"),
                .database, .json,
            ],
            run: run
        )
    ]

    private static func run(_ invocation: Invocation) async throws -> CommandResult {
        var projections = Projection.allCases
        if let name = invocation.optionalArgument(0) {
            guard let projection = Projection(rawValue: name) else {
                let all = projections.map(\.rawValue).joined(separator: ", ")
                throw UsageError("the projections are \(all), not \"\(name)\"")
            }
            projections = [projection]
        }
        let isCheck = invocation.has("--check")
        let isQuiet = invocation.isJSON
        return try await CommandDatabase.with(invocation) { database in
            let rebuilds = projections.map { projection in
                ProjectionRebuild(projection, database) { if !isQuiet { show($0) } }
            }
            return isCheck ? try await check(rebuilds, database) : try await rebuild(rebuilds)
        }
    }

    /// Progress goes to standard error, so that the result alone is the output.
    private static func show(_ progress: ProjectionRebuild.Progress) {
        switch progress {
        case .behind(let projection, let events):
            complain("\(projection.rawValue): \(events) events to go")
        case .compared(let projection, let accounts):
            complain("\(projection.rawValue): \(accounts) accounts compared")
        }
    }

    /// All at once: each has its connection, and its processor if there is one.
    private static func each<Value: Sendable>(
        _ rebuilds: [ProjectionRebuild],
        _ work: @escaping @Sendable (ProjectionRebuild) async throws -> Value
    ) async throws -> [(Projection, Value)] {
        try await withThrowingTaskGroup(of: (Projection, Value).self) { group in
            for rebuild in rebuilds {
                group.addTask { (rebuild.projection, try await work(rebuild)) }
            }
            var values: [(Projection, Value)] = []
            for try await value in group { values.append(value) }
            return values.sorted { $0.0.rawValue < $1.0.rawValue }
        }
    }

    private static func rebuild(_ rebuilds: [ProjectionRebuild]) async throws -> CommandResult {
        let results = try await each(rebuilds) { try await $0.run() }
        let stopped = results.reduce(0) { $0 + $1.1.stoppedStreams }
        return CommandResult(
            text: results.map { projection, result in
                "\(projection.rawValue): build \(result.build) is live, made of \(result.events)"
                    + " events; stopped at \(result.stoppedStreams) accounts"
            }.joined(separator: "\n"),
            json: .array(
                results.map { projection, result in
                    .object([
                        ("projection", .text(projection.rawValue)),
                        ("build", .integer(Int64(result.build))),
                        ("events", .integer(result.events)),
                        ("stopped_accounts", .integer(result.stoppedStreams)),
                    ])
                }
            ),
            exitCode: stopped == 0 ? 0 : 1
        )
    }

    // MARK: --check

    private static func check(
        _ rebuilds: [ProjectionRebuild],
        _ database: Database
    ) async throws -> CommandResult {
        let comparisons = try await each(rebuilds) { try await $0.check() }.map(\.1)
        let accounts = try await Accounts(database).list()
        let slugs = Dictionary(
            accounts.map { ($0.id, $0.slug) },
            uniquingKeysWith: { first, _ in first }
        )
        return CommandResult(
            text: comparisons.map { text($0, slugs) }.joined(separator: "\n"),
            json: .array(comparisons.map { node($0, slugs) }),
            exitCode: comparisons.allSatisfy(\.isEqual) ? 0 : 1
        )
    }

    private static func text(
        _ comparison: ProjectionComparison,
        _ slugs: [AccountID: String]
    ) -> String {
        let name = comparison.projection.rawValue
        let scope = "\(comparison.accounts) accounts, \(comparison.rows) rows"
        guard !comparison.isEqual else { return "\(name): equal to the events: \(scope)." }
        let lines = comparison.differences.map { difference in
            let account = slugs[difference.account] ?? difference.account.description
            let place = [account, difference.row].compactMap(\.self).joined(separator: " ")
            return "\(name)  \(place): \(difference.message)"
        }
        let summary = "\(name): \(comparison.differenceCount) differences in \(scope)."
        return (lines + [summary]).joined(separator: "\n")
    }

    private static func node(
        _ comparison: ProjectionComparison,
        _ slugs: [AccountID: String]
    ) -> JSONNode {
        let differences = comparison.differences.map { difference in
            JSONNode.object([
                ("account", .text(slugs[difference.account] ?? difference.account.description)),
                ("row", .optional(difference.row)), ("message", .text(difference.message)),
            ])
        }
        return .object([
            ("projection", .text(comparison.projection.rawValue)),
            ("equal", .flag(comparison.isEqual)), ("accounts", .integer(comparison.accounts)),
            ("rows", .integer(comparison.rows)), ("differences", .array(differences)),
        ])
    }
}
