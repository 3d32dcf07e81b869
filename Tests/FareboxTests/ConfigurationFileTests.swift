import Billing
import Foundation
import Schema
import Testing

@testable import Ingress
@testable import farebox

@Suite struct ConfigurationFileTests {
    private func read(_ text: String, environment: [String: String] = [:]) throws
        -> (ConfigurationFile, [String])
    {
        let reader = ConfigurationReader()
        let tree = try JSONTree.reading(Data(text.utf8))
        return (ConfigurationFile(tree, reader, environment), reader.faults)
    }

    @Test func `a whole file is read`() throws {
        let (file, faults) = try read(
            """
            {
              // comments, unquoted names and trailing commas are fine
              listen: "127.0.0.1:9000",
              upstreams: {
                a: { format: "openai", baseURL: "http://x/v1/", apiKeys: [{env: "KEY"}],
                     timeouts: {connect: 2, idle: 60} },
              },
              models: {
                "gpt-*": { routes: [{upstream: "a"}] },
                "gpt-5": { routes: [{upstream: "a", model: "five"}], maxOutputTokens: 10 },
              },
              policy: { shortCredit: "refuse", minimumOutputTokens: 8 },
              limits: { bodyBytesMax: 4096, callDeadlineSeconds: 5 },
            }
            """,
            environment: ["KEY": "hush"]
        )
        #expect(faults == [])
        let upstream = try #require(file.gateway.upstreams["a"])
        #expect(upstream.baseURL == "http://x/v1" && upstream.apiKey?.exposed == "hush")
        #expect(upstream.connectTimeout == .seconds(2) && upstream.idleTimeout == .seconds(60))
        #expect(file.gateway.route("gpt-5")?.upstreamModel == "five")
        #expect(file.gateway.route("gpt-6")?.pattern.description == "gpt-*")
        #expect(file.gateway.route("claude") == nil)
        #expect(file.gateway.policy.shortCredit == .refuse)
        #expect(file.gateway.limits.bodyBytesMax == 4096)
        #expect(file.gateway.limits.callDeadline == .seconds(5))
    }

    @Test(arguments: [
        ("{typo: 1}", "typo"),
        ("{upstreams: 5}", "upstreams"),
        ("{upstreams: {a: {format: 'grpc', baseURL: 'http://x'}}}", "upstreams.a.format"),
        ("{upstreams: {a: {format: 'openai', baseURL: 'x'}}}", "upstreams.a.baseURL"),
        ("{upstreams: {a: {format: 'openai', baseURL: 'http://u:p@x'}}}", "upstreams.a.baseURL"),
        (
            "{upstreams: {a: {format: 'openai', baseURL: 'http://x', apiKeys: ['sk-1']}}}",
            "upstreams.a.apiKeys[0]"
        ),
        (
            "{upstreams: {a: {format: 'openai', baseURL: 'http://x', apiKeys: [{env: 'NO'}]}}}",
            "upstreams.a.apiKeys[0].env"
        ),
        (
            "{upstreams: {a: {format: 'openai', baseURL: 'http://x', concurrencyMax: 5}}}",
            "upstreams.a.concurrencyMax"
        ),
        ("{models: {m: {routes: [{upstream: 'b'}]}}}", "models.m.routes[0].upstream"),
        ("{models: {m: {}}}", "models.m.routes"),
        ("{models: {'a*b': {routes: []}}}", "models.a*b"),
        ("{limits: {bodyBytesMax: -1}}", "limits.bodyBytesMax"),
        ("{limits: {bodyBytesMax: 1.5}}", "limits.bodyBytesMax"),
        ("{policy: {shortCredit: 'beg'}}", "policy.shortCredit"),
        ("{policy: {interrupted: 'guessed'}}", "policy.interrupted"),
    ])
    func `a fault is named by its path`(text: String, path: String) throws {
        let (_, faults) = try read(text)
        #expect(faults.contains { $0.hasPrefix("\(path):") }, "\(faults)")
    }

    @Test func `a secret in a file never appears in its faults`() throws {
        let (_, faults) = try read(
            "{upstreams: {a: {format: 'openai', baseURL: 'http://x', apiKeys: ['sk-hush']}}}"
        )
        #expect(!faults.joined().contains("hush"))
    }
}
