import Ledger
import Schema
import Shapes

/// `farebox instance …`: who holds leases, and closing what a lost one still holds.
enum InstanceCommands {
    static let all = [
        Command(
            words: ["instance", "list"],
            summary: "show the instances, their last heartbeat and what they hold",
            options: [.database, .json],
            run: list
        ),
        Command(
            words: ["instance", "release"],
            summary: "close the leases of an instance that is lost together with its journal",
            arguments: ["ID"],
            options: [
                .flag("--force", "do not wait for its calls: its process is known to be dead"),
                .database, .json,
            ],
            run: release
        ),
    ]

    private static func list(_ invocation: Invocation) async throws -> CommandResult {
        try await CommandDatabase.with(invocation) { database in
            let instances = try await Instances(database).list()
            return CommandResult(
                text: table(instances),
                json: .array(instances.map(JSONNode.instance))
            )
        }
    }

    private static func release(_ invocation: Invocation) async throws -> CommandResult {
        guard let id = InstanceID(invocation.argument(0)) else {
            throw UsageError(
                "ID must be an instance's identifier, as farebox instance list shows it"
            )
        }
        let isForced = invocation.has("--force")
        return try await CommandDatabase.with(invocation) { database in
            let count = try await Instances(database).release(id, isForced: isForced)
            return CommandResult(
                text: "Closed \(count) \(count == 1 ? "lease" : "leases") of \(id).",
                json: .release(of: id, leasesClosed: count)
            )
        }
    }

    private static func table(_ instances: [InstanceSummary]) -> String {
        var table = Table(
            .left("ID"),
            .left("LABEL"),
            .right("EPOCH"),
            .left("RENEWED"),
            .left("STATE"),
            .right("LEASES"),
            .right("ESCROWED"),
            .right("CALLS"),
            .right("HELD")
        )
        table.rows = instances.map { instance in
            let sums = instance.escrowed.map { $0.currency.text($0.amount) }
            return [
                instance.id.description, instance.label, String(instance.epoch),
                instance.renewedAt.description, instance.state.rawValue,
                String(instance.openLeases), sums.isEmpty ? "0" : sums.joined(separator: ", "),
                String(instance.runningCalls), instance.heldText ?? "several currencies",
            ]
        }
        return table.text
    }
}
