import Ledger
import Postgres
import Schema
import Shapes

/// `farebox ledger status`: how much is in the ledger, and how far its projections are.
enum LedgerStatusCommand {
    static let all = [
        Command(
            words: ["ledger", "status"],
            summary: "show how much is in the ledger, its leases, and how far projections are",
            options: [.database, .json],
            run: run
        )
    ]

    private static func run(_ invocation: Invocation) async throws -> CommandResult {
        try await CommandDatabase.with(invocation) { database in
            let status = try await LedgerStatus.read(database)
            let projections = try await ProjectionStatus.read(database)
            let accounts = try await slugs(database, projections)
            var table = Table(.left("WHAT"), .right("COUNT"))
            table.rows = status.counts.map { name, count in
                [name.split(separator: "_").joined(separator: " "), String(count)]
            }
            return CommandResult(
                text: ([table.text, ""] + text(projections, accounts)).joined(separator: "\n"),
                json: .status(status, projections, accounts: accounts)
            )
        }
    }

    /// The names of the accounts that projections have stopped at.
    private static func slugs(
        _ database: Database,
        _ projections: [ProjectionStatus]
    ) async throws -> [AccountID: String] {
        guard projections.contains(where: { !$0.stopped.isEmpty }) else { return [:] }
        let accounts = try await Accounts(database).list()
        return Dictionary(
            accounts.map { ($0.id, $0.slug) },
            uniquingKeysWith: { first, _ in first }
        )
    }

    private static func text(
        _ projections: [ProjectionStatus],
        _ accounts: [AccountID: String]
    ) -> [String] {
        var table = Table(
            .left("PROJECTION"),
            .right("BUILD"),
            .right("EVENTS BEHIND"),
            .right("SECONDS BEHIND"),
            .right("STOPPED")
        )
        table.rows = projections.map { projection in
            [
                projection.projection, String(projection.build), String(projection.eventsBehind),
                String(projection.secondsBehind), String(projection.stopped.count),
            ]
        }
        let stops = projections.flatMap { projection in
            projection.stopped.map { stop in
                let account = accounts[stop.account] ?? stop.account.description
                return "\(projection.projection) is stopped at \(account) version"
                    + " \(stop.version) since \(stop.stoppedAt): \(stop.reason)"
            }
        }
        return [table.text] + stops
    }
}
