import Ledger
import Schema
import Shapes

/// Whether the gateway is well: this instance, all instances, upstreams, projections and proofs.
enum OperationsPages {
    static let routes: [PageRoute] = [
        .get("operations", "operations", operations),
        .get("instances/{instance}", "instance", instance),
        .post("instances/{instance}/release", "instance release", .operate, release),
    ]

    private static func operations(_ call: PageCall) async throws -> PageAnswer {
        let status = try await call.services.status()
        let instances = try await call.services.instances.list()
        let projections = try await call.services.projections()
        let runs = try await call.services.verifications.last()
        let upstreams = call.services.here.upstreams()
        let journal = call.services.here.journal()
        return .page(
            title: "Operations",
            """
            \(warnings(upstreams, projections, runs))
            \(figures([
                ("Events", "\(status.events)"), ("Unsealed", "\(status.unsealedEvents)"),
                ("Open leases", "\(status.openLeases)"),
                ("Parked events", "\(status.parkedEvents)"),
                ("Live instances", "\(status.liveInstances)"),
                ("Overdrawn accounts", "\(status.overdrawnAccounts)"),
                ("Journal here: open calls", "\(journal.open)"),
                ("Journal here: not shipped", "\(journal.unshipped)"),
                ("Journal here, KiB", "\(journal.bytes / 1_024)"),
            ]))
            <h2>Upstreams, as this instance sees them</h2>\(table(upstreams).html)
            <h2>Instances</h2>\(table(instances, call.services.here.id).html)
            <h2>Projections</h2>\(table(projections).html)
            <h2>Verifications</h2>\(table(runs).html)
            """
        )
    }

    /// What somebody must look at, before everything else.
    private static func warnings(
        _ upstreams: [UpstreamView],
        _ projections: [ProjectionStatus],
        _ runs: [VerificationRun]
    ) -> HTML {
        var lines: [HTML] = upstreams.filter { $0.circuit == "open" }.map { upstream in
            """
            The upstream \(upstream.name) has failed \(upstream.failuresInARow) times in a row and
            is left alone.
            """
        }
        lines += projections.filter { !$0.stopped.isEmpty }.map { projection in
            "The projection \(projection.projection) has stopped at an account."
        }
        lines += runs.filter { $0.findingCount > 0 }.map { run in
            """
            The last verification of the \(run.subject.rawValue) found \(run.findingCount) faults:
            \(run.examples.first ?? "")
            """
        }
        return lines.map { "<p class=\"notice bad\">\($0)</p>" as HTML }.reduce(.empty, +)
    }

    private static func table(_ upstreams: [UpstreamView]) -> HTMLTable {
        var table = HTMLTable(
            "Upstreams",
            .text("Upstream"),
            .text("Format"),
            .text("Circuit"),
            .number("Failures in a row"),
            .number("Running"),
            .text("Keys"),
            .number("Answered"),
            .text("Failed")
        )
        table.rows = upstreams.map { upstream in
            let most = upstream.concurrencyMax.map { " of \($0)" } ?? ""
            let opens = upstream.openSeconds.map { " for \($0) s" } ?? ""
            let answered = upstream.attempts.first { $0.end == "answered" }?.count ?? 0
            let failed = upstream.attempts.filter { $0.end != "answered" && $0.count > 0 }
                .map { "\($0.count) \(words($0.end))" }
            let keys = upstream.keys.map(\.state)
            return [
                "\(upstream.name)", "\(upstream.format)", "\(words(upstream.circuit) + opens)",
                "\(upstream.failuresInARow)", "\("\(upstream.running)" + most)",
                "\(keys.isEmpty ? "none" : keys.joined(separator: ", "))", "\(answered)",
                "\(failed.isEmpty ? "–" : failed.joined(separator: ", "))",
            ]
        }
        return table
    }

    private static func table(_ instances: [InstanceSummary], _ here: InstanceID) -> HTMLTable {
        var table = HTMLTable(
            "Instances, the last renewed first",
            .text("Instance"),
            .text("State"),
            .text("Renewed"),
            .number("Leases"),
            .number("Running calls"),
            .number("Set aside")
        )
        table.rows = instances.map { instance in
            let sums = instance.escrowed.map { $0.currency.text($0.amount) }
            let place = instance.id == here ? " (this one)" : ""
            return [
                "<a href=\"/instances/\(instance.id.description)\">\(instance.label)</a>\(place)",
                "\(instance.state.rawValue)", time(instance.renewedAt),
                "\(instance.openLeases)", "\(instance.runningCalls)",
                "\(sums.isEmpty ? "0" : sums.joined(separator: ", "))",
            ]
        }
        return table
    }

    private static func table(_ projections: [ProjectionStatus]) -> HTMLTable {
        var table = HTMLTable(
            "Projections",
            .text("Projection"),
            .number("Events behind"),
            .number("Seconds behind"),
            .number("Stopped accounts")
        )
        table.rows = projections.map { projection in
            [
                "\(projection.projection)", "\(projection.eventsBehind)",
                "\(projection.secondsBehind)", "\(projection.stopped.count)",
            ]
        }
        return table
    }

    private static func table(_ runs: [VerificationRun]) -> HTMLTable {
        var table = HTMLTable(
            "The last verification of everything",
            .text("Of"),
            .text("Ended"),
            .number("Seconds"),
            .number("Looked at"),
            .number("Faults")
        )
        table.nothing = "Nothing was verified yet: farebox ledger verify, farebox invoice verify."
        table.rows = runs.map { run in
            let took = (run.endedAt.microseconds - run.startedAt.microseconds) / 1_000_000
            return [
                "\(run.subject.rawValue)", time(run.endedAt), "\(took)", "\(run.checked)",
                "\(run.findingCount)",
            ]
        }
        return table
    }

    // MARK: One instance

    private static func instance(_ call: PageCall) async throws -> PageAnswer {
        let instance = try await call.services.instances.show(try call.identifier("instance"))
        let sums = instance.escrowed.map { $0.currency.text($0.amount) }
        return .page(
            title: "The instance \(instance.label)",
            """
            \(figures([
                ("State", "\(instance.state.rawValue)"), ("Renewed", time(instance.renewedAt)),
                ("Start", "\(instance.epoch)"), ("Leases", "\(instance.openLeases)"),
                ("Running calls", "\(instance.runningCalls)"),
                ("Set aside", "\(sums.isEmpty ? "0" : sums.joined(separator: ", "))"),
            ]))
            \(call.may(.operate) && instance.openLeases > 0 ? releaseForms(instance, call) : nil)
            <p class="quiet"><code>\(instance.id.description)</code></p>
            <p><a href="/operations">All instances</a></p>
            """
        )
    }

    /// Two acts, not one with a box: the second may cost the operator what calls still spend.
    private static func releaseForms(_ instance: InstanceSummary, _ call: PageCall) -> HTML {
        let action = "/instances/\(instance.id)/release"
        let wait = HTMLForm(action: action, csrf: call.csrf, button: "Close its leases")
        let force = HTMLForm(
            action: action,
            csrf: call.csrf,
            button: "Close them without waiting",
            fields: [
                HTMLForm.flag("dead", "Its process is known to be dead"),
                HTMLForm.flag("lost", "Its journal is known to be lost"),
            ],
            isDanger: true
        )
        return """
            <h2>When it is lost</h2>
            <p>Credit that it has set aside goes back by itself once no call of it can be running.
            Closing its leases does that now, if it has been silent for long enough.</p>
            \(wait.html)
            <p>Without waiting, calls that run there after all are the operator's loss.</p>
            \(force.html)
            """
    }

    private static func release(_ call: PageCall) async throws -> PageAnswer {
        let id: InstanceID = try call.identifier("instance")
        let (isDead, isLost) = (call.field("dead") != nil, call.field("lost") != nil)
        guard isDead == isLost else {
            throw Problem(422, "without waiting only if its process and its journal are lost, both")
        }
        let count = try await call.services.instances.release(id, isForced: isDead)
        return .page(
            title: "Closed \(count) \(count == 1 ? "lease" : "leases")",
            "<p><a href=\"/operations\">All instances</a></p>"
        )
    }
}
