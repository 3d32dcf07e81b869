import EventLoop
import HTTPServer

/// `farebox demo-upstream`: an upstream to try Farebox with, without a provider.
enum DemoUpstreamCommand {
    static let all = [
        Command(
            words: ["demo-upstream"],
            summary: "serve a deterministic upstream, every endpoint, to try and to test with",
            options: [
                .value("--listen", "ADDRESS", "where to listen; 127.0.0.1:0 by default"),
                .value("--delay-ms", "N", "how long a call waits before its first byte"),
                .value("--chunk-ms", "N", "how long a stream waits between its chunks"),
                .value("--words", "N", "the words of an answer; 32 by default"),
            ],
            servesUntilSignalled: true,
            run: run
        )
    ]

    private static func run(_ invocation: Invocation) async throws -> CommandResult {
        guard let signals = invocation.signals else { throw UsageError("it needs signals") }
        var behaviour = DemoUpstream.Behaviour()
        if let delay = try invocation.integer(option: "--delay-ms", in: 0...3_600_000) {
            behaviour.delay = .milliseconds(delay)
        }
        if let pause = try invocation.integer(option: "--chunk-ms", in: 0...3_600_000) {
            behaviour.chunkInterval = .milliseconds(pause)
        }
        if let words = try invocation.integer(option: "--words", in: 0...1_000_000) {
            behaviour.words = Int(words)
        }
        let address = try ListenAddress.read(invocation["--listen"] ?? "127.0.0.1:0", "--listen")
        let loop = EventLoop(name: "demo-upstream")
        try loop.start()
        let demo = DemoUpstream(loop: loop, behaviour: behaviour)
        let server = HTTPServer(
            loop: loop,
            address: address,
            reusePort: false,
            limits: HTTPLimits(),
            handler: { request, exchange in await demo.handle(request, exchange) }
        )
        try await server.start()
        say("demo upstream on http://\(server.boundAddress)")
        for await signal in try await signals.signals(on: loop) where signal != .hangUp { break }
        await server.stop(by: .now + .seconds(1))
        await loop.stop()
        return .silent
    }
}
