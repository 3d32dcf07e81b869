import Ledger
import Schema
import Shapes

/// Calls that are under way: on this instance one by one, on others as far as the ledger knows.
enum RunningCallOperations {
    static let routes: [Route] = [
        .get("calls", "call list", query: ["limit"]) { call in
            let others = try await call.services.instances.list()
                .filter { $0.id != call.services.here.id && $0.openLeases > 0 }
            return try await answer(call, of: nil, elsewhere: others.map(JSONNode.instance))
        },
        .get("accounts/{account}/calls", "call list of an account", query: ["limit"]) { call in
            let account = try await call.services.accounts.show(call.account)
            let others = try await call.services.instances.holdings(of: account.slug)
                .filter { $0.instance != call.services.here.id }
            let isTeam = call.caller.role == .account
            return try await answer(
                call,
                of: account.id,
                elsewhere: others.map { .holding($0, account.currency, hidesInstance: isTeam) }
            )
        },
    ]

    private static func answer(
        _ call: APICall,
        of account: AccountID?,
        elsewhere: [JSONNode]
    ) async throws -> APIAnswer {
        let running = await call.services.here.calls(account, try call.limit())
        let names = try await call.services.keys.names(of: Array(Set(running.calls.map(\.key))))
        return APIAnswer(
            .object([
                ("instance", .text(call.services.here.id.description)),
                ("as_of", .instant(call.now)), ("count", .integer(Int64(running.count))),
                (
                    "data",
                    .array(
                        running.calls.map { running in
                            .runningCall(
                                running,
                                key: names[running.key],
                                hidesUpstreamModel: call.caller.role == .account
                            )
                        }
                    )
                ),
                ("elsewhere", .array(elsewhere)),
            ])
        )
    }
}
