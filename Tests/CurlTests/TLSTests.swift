import Curl
import Foundation
import Testing

@Suite(
    .timeLimit(.minutes(1)),
    .enabled(if: FileManager.default.isExecutableFile(atPath: TLSServer.openSSL))
)
struct TLSTests {
    /// The answer's text, or what went wrong.
    private func ask(_ url: String, trusting caFile: String?) async throws -> Result<
        String, CurlError
    > {
        try await onLoop { client, _ in
            let request = CurlRequest.get(url + "/hello").with { $0.caFile = caFile }
            do throws(CurlError) {
                return .success(try await client.send(request).text())
            } catch {
                return .failure(error)
            }
        }
    }

    @Test func `a certificate of the given authority is trusted, and no other`() async throws {
        let server = try TLSServer(subjectAltName: "IP:127.0.0.1")
        defer { server.stop() }

        let trusted = try await ask(server.url, trusting: server.authority("server"))
        #expect(try trusted.get() == "over TLS")

        for authority in [server.authority("other"), nil] {
            let refused = try await ask(server.url, trusting: authority)
            let error = #expect(throws: CurlError.self) { try refused.get() }
            #expect(error?.kind == .tls)
            #expect(error?.fault == .upstream)
            #expect(error?.isRetrySafe == true)
        }

        let missing = try await ask(server.url, trusting: server.authority("no-such-file"))
        let error = #expect(throws: CurlError.self) { try missing.get() }
        #expect(error?.kind == .certificateAuthorities)
        #expect(error?.fault == .us)
    }

    @Test func `a certificate for another name is refused`() async throws {
        let server = try TLSServer(subjectAltName: "DNS:elsewhere.example")
        defer { server.stop() }
        let refused = try await ask(server.url, trusting: server.authority("server"))
        let error = #expect(throws: CurlError.self) { try refused.get() }
        #expect(error?.kind == .tls)
    }

    @Test func `a server that does not speak TLS is refused`() async throws {
        let server = ScriptedServer { connection, _ in
            _ = connection.readSome()
            connection.respond(body: "plain")
        }
        defer { server.stop() }
        let refused = try await ask("https://127.0.0.1:\(server.port)", trusting: nil)
        let error = #expect(throws: CurlError.self) { try refused.get() }
        #expect(error?.kind == .tls)
    }
}
