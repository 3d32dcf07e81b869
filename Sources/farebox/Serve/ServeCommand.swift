import EventLoop
import HTTPServer
import Ingress

/// `farebox serve`: the gateway, with all its roles in one process.
enum ServeCommand {
    static let all = [
        Command(
            words: ["serve"],
            summary: "serve the gateway until SIGTERM, then drain",
            options: [
                .value("--config", "FILE", "the configuration instead of FAREBOX_CONFIG"),
                .value("--listen", "ADDRESS", "the public address; 127.0.0.1:8080 by default"),
                .value("--admin-listen", "ADDRESS", "metrics, console; 127.0.0.1:8081 by default"),
                .value("--role", "all", "the only role of this version"),
                .value("--loops", "N", "event loops; by default one a processor"),
                .database,
            ],
            servesUntilSignalled: true,
            run: run
        )
    ]

    private static func run(_ invocation: Invocation) async throws -> CommandResult {
        guard let signals = invocation.signals else { throw UsageError("serve needs signals") }
        var options = try ServeOptions(invocation, Settings.current)
        let log = options.log
        let instance = try await Instance(options)
        try await instance.services.start(orStopWithin: .seconds(10))
        instance.readiness.set(.starting, to: false)
        let bound = instance.servers.first?.boundAddress ?? options.listen
        say(
            "Farebox serves http://\(bound), metrics on"
                + " http://\(instance.admin.boundAddress)/metrics and the dashboard on"
                + " http://\(instance.admin.boundAddress)/"
        )

        let loop = instance.loops.members[0].loop
        for await signal in try await signals.signals(on: loop) {
            if signal == .hangUp {
                options = await reloaded(invocation, options, instance)
                continue
            }
            break
        }
        log.info("stopping")
        instance.readiness.set(.draining, to: true)
        let limit = Duration.seconds(options.configuration.gateway.limits.drainSeconds)
        let overrun = await instance.services.stop(by: .now + limit)
        await instance.close()
        guard overrun.isEmpty else {
            throw CommandFailure(
                "stopped, but not all was done in time: \(overrun.joined(separator: ", "))"
            )
        }
        log.info("stopped")
        return .silent
    }
    /// Reads the configuration again and puts it in force; one that cannot be changes nothing.
    private static func reloaded(
        _ invocation: Invocation,
        _ options: ServeOptions,
        _ instance: Instance
    ) async -> ServeOptions {
        do {
            let fresh = try ServeOptions(invocation, Settings.current)
            try await instance.reload(fresh)
            options.log.info("reloaded", ["configuration": .text(fresh.configurationPath)])
            return fresh
        } catch {
            options.log.error(
                "the configuration was not reloaded: the one before stays in force",
                ["error": .text("\(error)")]
            )
            return options
        }
    }
}
