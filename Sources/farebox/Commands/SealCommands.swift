import Digest
import Ledger
import Schema
import Shapes

/// `farebox ledger seals`: what to keep outside of the database.
enum SealCommands {
    static let all = [
        Command(
            words: ["ledger", "seals"],
            summary: "show the seals over an account's events, to be pinned outside",
            arguments: ["[ACCOUNT]"],
            options: [
                .flag("--all", "of all accounts; only with --latest"),
                .flag("--latest", "the last seal alone: it covers all before it"),
                .value("--from-version", "N", "seals that end at this version or later"),
                .database, .json,
            ],
            run: seals
        )
    ]

    private static func seals(_ invocation: Invocation) async throws -> CommandResult {
        let from = try invocation.integer(option: "--from-version", in: 1...Int64.max)
        let isLatest = invocation.has("--latest")
        guard invocation.has("--all") else {
            guard let slug = invocation.optionalArgument(0) else {
                throw UsageError("name an account, or give --all --latest")
            }
            guard from == nil || !isLatest else {
                throw UsageError("--from-version and --latest exclude each other")
            }
            return try await ofAccount(slug, from: from ?? 1, isLatest: isLatest, invocation)
        }
        guard invocation.optionalArgument(0) == nil, isLatest, from == nil else {
            throw UsageError("--all goes with --latest, and without an account or --from-version")
        }
        return try await latestOfAll(invocation)
    }

    private static func ofAccount(
        _ slug: String,
        from version: Int64,
        isLatest: Bool,
        _ invocation: Invocation
    ) async throws -> CommandResult {
        try await CommandDatabase.with(invocation) { database in
            let account = try await Accounts(database).show(slug)
            let reader = Seals(database)
            let output = Output(invocation)
            if isLatest {
                output.add(try await reader.latest(of: account.id).map { [$0] } ?? []) { _ in slug }
                return output.result
            }
            var next = version
            while true {
                let page = try await reader.seals(of: account.id, from: next)
                output.add(page) { _ in slug }
                guard let last = page.last else { return output.result }
                next = last.lastVersion + 1
            }
        }
    }

    private static func latestOfAll(_ invocation: Invocation) async throws -> CommandResult {
        try await CommandDatabase.with(invocation) { database in
            let accounts = try await Accounts(database).list()
            let slugs = Dictionary(
                accounts.map { ($0.id, $0.slug) },
                uniquingKeysWith: { first, _ in first }
            )
            let reader = Seals(database)
            let output = Output(invocation)
            var last: AccountID?
            while true {
                let page = try await reader.latest(after: last)
                output.add(page) { slugs[$0] ?? $0.description }
                guard let end = page.last else { return output.result }
                last = end.account
            }
        }
    }

    /// JSON goes out line by line, so that any number of seals fits; a table comes at the end.
    private final class Output {
        private let isJSON: Bool
        private var table = Table(
            .left("ACCOUNT"),
            .right("FIRST"),
            .right("LAST"),
            .left("SEALED AT"),
            .left("HASH")
        )

        init(_ invocation: Invocation) {
            isJSON = invocation.isJSON
        }

        func add(_ seals: [Seal], slug: (AccountID) -> String) {
            for seal in seals {
                let slug = slug(seal.account)
                if isJSON {
                    say(JSONNode.seal(seal, account: slug).line)
                } else {
                    table.rows.append([
                        slug, String(seal.firstVersion), String(seal.lastVersion),
                        seal.sealedAt.description, seal.hash.hexadecimal,
                    ])
                }
            }
        }

        var result: CommandResult {
            isJSON ? .silent : CommandResult(text: table.text, json: [])
        }
    }
}
