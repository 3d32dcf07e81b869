import Curl
import EventLoop
import Testing

/// Runs the body on a loop of its own with a client of its own, and ends both.
func onLoop<Result: Sendable>(
    _ configuration: CurlConfiguration = CurlConfiguration(),
    _ body: @escaping @Sendable (CurlClient, EventLoop) async throws -> Result
) async throws -> Result {
    let loop = EventLoop(name: "curl-test")
    try loop.start()
    let task = Task(executorPreference: loop) {
        let client = try CurlClient(loop: loop, configuration: configuration)
        defer { client.close() }
        return try await body(client, loop)
    }
    let result = await task.result
    await loop.stop()
    return try result.get()
}

extension CurlResponse {
    /// The rest of the body.
    func rest() async throws(CurlError) -> [UInt8] {
        var body: [UInt8] = []
        while let bytes = try await next() { body += bytes }
        return body
    }

    func text() async throws(CurlError) -> String {
        String(decoding: try await rest(), as: UTF8.self)
    }
}

extension CurlRequest {
    static func get(_ url: String) -> CurlRequest {
        CurlRequest(method: "GET", url: url)
    }

    static func post(_ url: String, _ body: String = "{}") -> CurlRequest {
        CurlRequest(
            method: "POST",
            url: url,
            fields: [("content-type", "application/json")],
            body: Array(body.utf8)
        )
    }

    func with(_ change: (inout CurlRequest) -> Void) -> CurlRequest {
        var copy = self
        change(&copy)
        return copy
    }
}

/// The error that a body throws; records an issue when it throws none.
func curlError<Result>(
    _ body: () async throws(CurlError) -> Result,
    sourceLocation: SourceLocation = #_sourceLocation
) async -> CurlError? {
    do throws(CurlError) {
        _ = try await body()
        Issue.record("nothing was thrown", sourceLocation: sourceLocation)
        return nil
    } catch {
        return error
    }
}
