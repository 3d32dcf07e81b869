import Curl
import EventLoop
import Foundation
import Schema

/// `farebox upstream status`: the upstreams as a running instance sees them.
enum UpstreamCommands {
    /// Where the admin listener tells it.
    static let adminPath = "/admin/v1/upstreams"

    static let all = [
        Command(
            words: ["upstream", "status"],
            summary: "show a running instance's upstreams: circuits, keys, attempts",
            options: [
                .value("--admin", "ADDRESS", "its admin listener; by default the configured one"),
                .value("--config", "FILE", "the configuration instead of FAREBOX_CONFIG"),
                .json,
            ],
            run: status
        )
    ]

    private static func status(_ invocation: Invocation) async throws -> CommandResult {
        let address = try address(invocation)
        let body = try await get("http://\(address)\(adminPath)", address)
        guard let tree = try? JSONTree.reading(Data(body)) else {
            throw CommandFailure("what answers on \(address) is not Farebox's admin listener")
        }
        let text = String(decoding: body, as: UTF8.self)
        return CommandResult(
            text: table(tree.elements),
            json: .raw(text.trimmingCharacters(in: .newlines))
        )
    }

    /// As `serve` finds its own.
    private static func address(_ invocation: Invocation) throws -> SocketAddress {
        if let text = invocation["--admin"] { return try ListenAddress.read(text, "--admin") }
        let settings = Settings.current
        let path = invocation["--config"] ?? settings.configurationPath
        let configured = try path.flatMap {
            try ConfigurationFile.read(path: $0, environment: settings.environment).adminListen
        }
        return try ListenAddress.read(configured ?? ServeOptions.defaultAdminListen, "adminListen")
    }

    private static func get(_ url: String, _ address: SocketAddress) async throws -> [UInt8] {
        let loop = EventLoop(name: "upstream-status")
        try loop.start()
        let body = await Task(executorPreference: loop) { () async -> [UInt8]? in
            guard let client = try? CurlClient(loop: loop) else { return nil }
            defer { client.close() }
            let timeouts = CurlTimeouts(connect: .seconds(2), firstByte: .seconds(5))
            var request = CurlRequest(method: "GET", url: url, timeouts: timeouts)
            if let token = Settings.current.adminToken {
                request.fields.append((name: "authorization", value: "Bearer \(token)"))
            }
            guard let response = try? await client.send(request), response.status == 200 else {
                return nil
            }
            var body: [UInt8] = []
            while let chunk = try? await response.next() { body += chunk }
            return body
        }.value
        await loop.stop()
        guard let body else {
            throw CommandFailure(
                "no Farebox answers on \(address): give --admin with its admin listener, and the"
                    + " token that it wants in FAREBOX_ADMIN_TOKEN"
            )
        }
        return body
    }

    private static func table(_ upstreams: [JSONTree]) -> String {
        var table = Table(
            .left("UPSTREAM"),
            .left("FORMAT"),
            .left("CIRCUIT"),
            .right("RUNNING"),
            .left("KEYS"),
            .right("ANSWERED"),
            .left("FAILED")
        )
        table.rows = upstreams.map { upstream in
            let circuit = upstream["circuit"]?.text ?? ""
            let opens = upstream["open_seconds"]?.integer.map { " (\($0) s)" } ?? ""
            let running = upstream["running"]?.integer ?? 0
            let most = upstream["concurrency_max"]?.integer.map { " of \($0)" } ?? ""
            let attempts = upstream["attempts"]
            return [
                upstream["name"]?.text ?? "", upstream["format"]?.text ?? "", circuit + opens,
                "\(running)\(most)",
                upstream["keys"]?.elements.compactMap { $0["state"]?.text }
                    .joined(separator: ", ") ?? "",
                String(attempts?["answered"]?.integer ?? 0), failures(attempts),
            ]
        }
        return table.text
    }

    private static func failures(_ attempts: JSONTree?) -> String {
        guard case .object(let counts)? = attempts else { return "" }
        return counts.sorted { $0.key < $1.key }.compactMap { name, count in
            guard name != "answered", let count = count.integer, count > 0 else { return nil }
            return "\(count) \(name)"
        }.joined(separator: ", ")
    }
}
