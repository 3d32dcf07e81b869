import Ledger
import Schema
import Shapes

/// Calls that are under way: on this instance one by one, on others as far as the ledger knows.
enum RunningCallPages {
    static let routes: [PageRoute] = [.get("calls", "calls", all)]

    private static let shownMax = 200
    /// How often a page is loaded again when its reader wants that.
    private static let refreshSeconds = 5

    private static func all(_ call: PageCall) async throws -> PageAnswer {
        var others = HTMLTable(
            "Other instances, by their last heartbeat",
            .text("Instance"),
            .text("State"),
            .text("Renewed"),
            .number("Running calls"),
            .number("They hold")
        )
        others.nothing = "No other instance has anything set aside."
        others.rows = try await call.services.instances.list()
            .filter { $0.id != call.services.here.id && $0.openLeases > 0 }
            .map { instance in
                [
                    "\(instance.label)", "\(instance.state.rawValue)", time(instance.renewedAt),
                    "\(instance.runningCalls)", "\(instance.heldText ?? "several currencies")",
                ]
            }
        let here = try await here(of: nil, call)
        return .page(
            title: "Live calls",
            """
            \(refreshing("/calls", call))\(here)
            <h2>Elsewhere</h2>\(others.html)
            """,
            refreshSeconds: seconds(call)
        )
    }

    /// The part of an account's page of calls.
    static func part(of account: AccountSummary, _ call: PageCall) async throws -> HTML {
        let currency = account.currency
        var others = HTMLTable(
            "Other instances",
            .text("Instance"),
            .text("Renewed"),
            .number("Set aside \(currency.code)")
        )
        others.nothing = "No other instance has any of its credit."
        others.rows = try await call.services.instances.holdings(of: account.slug)
            .filter { $0.instance != call.services.here.id }
            .map { holding in
                let label = call.caller.role == .account ? "another instance" : holding.label
                return [
                    "\(label)", time(holding.renewedAt), money(holding.escrowed, currency),
                ]
            }
        let here = try await here(of: account.id, call)
        return """
            <h2>Under way</h2>\(refreshing("/accounts/\(account.slug)/calls", call))
            \(here)
            <h2>Elsewhere</h2>\(others.html)
            """
    }

    /// Nil unless the reader has asked for it: a page that changes by itself shuts people out.
    static func seconds(_ call: PageCall) -> Int? {
        call.query["refresh"] == nil ? nil : refreshSeconds
    }

    private static func refreshing(_ path: String, _ call: PageCall) -> HTML {
        seconds(call) == nil
            ? """
            <p><a href="\(path)">Look again</a> ·
            <a href="\(path)?refresh=on">Look again every \(refreshSeconds) seconds</a></p>
            """
            : """
            <p>Every \(refreshSeconds) seconds this page is loaded again.
            <a href="\(path)">Stop that</a></p>
            """
    }

    private static func here(of account: AccountID?, _ call: PageCall) async throws -> HTML {
        let running = await call.services.here.calls(account, shownMax)
        let names = try await call.services.keys.names(of: Array(Set(running.calls.map(\.key))))
        var table = HTMLTable(
            "Calls on this instance, the oldest first",
            .text("Call"),
            .text("Account"),
            .text("Key"),
            .text("Model"),
            .text("Upstream"),
            .number("Seconds"),
            .number("First byte"),
            .number("Bytes"),
            .number("Tokens"),
            .number("Held")
        )
        table.nothing = "No call is under way here."
        table.rows = running.calls.map { row($0, names[$0.key]) }
        let rest: HTML? =
            running.count > running.calls.count
            ? "<p class=\"quiet\">And \(running.count - running.calls.count) more.</p>" : nil
        return "\(table.html)\(rest)"
    }

    private static func row(_ call: RunningCall, _ key: KeyName?) -> [HTML] {
        let name = "req_\(call.request.hexadecimal)"
        let secret = key.map { key in
            "\(key.prefix)…" + (key.name.isEmpty ? "" : " (\(key.name))")
        }
        let firstByte = call.firstByteMilliseconds.map { String($0) + " ms" } ?? "waiting"
        let isAnswered = call.firstByteMilliseconds != nil
        return [
            "<code>\(name.prefix(12).description)…</code>",
            "<a href=\"/accounts/\(call.accountName)\">\(call.accountName)</a>",
            "\(secret ?? "–")", "\(call.model)",
            "\(call.upstream)\(call.failedAttempts > 0 ? " (another before)" : "")",
            "\(call.milliseconds / 1_000).\(call.milliseconds % 1_000 / 100)",
            "\(firstByte)",
            "\(isAnswered ? "\(call.bytes)" : "–")",
            "\(call.isStreamed && isAnswered ? "\(call.outputTokens)" : "–")",
            money(call.hold, call.currency) + " \(call.currency.code)",
        ]
    }
}
