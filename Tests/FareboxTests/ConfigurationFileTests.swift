import Billing
import Formats
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
                "gpt-5": { routes: [{upstream: "a", model: "five"}], maxOutputTokens: 10,
                           maxImageTokens: 1105 },
              },
              policy: { shortCredit: "refuse", minimumOutputTokens: 8 },
              limits: { bodyBytesMax: 4096, callDeadlineSeconds: 5 },
              billing: { closeAfterHours: 72, receipts: true },
            }
            """,
            environment: ["KEY": "hush"]
        )
        #expect(faults == [])
        let upstream = try #require(file.gateway.upstreams["a"])
        #expect(upstream.baseURL == "http://x/v1")
        #expect(upstream.apiKeys.map(\.exposed) == ["hush"])
        #expect(upstream.connectTimeout == .seconds(2) && upstream.idleTimeout == .seconds(60))
        let models = file.gateway.models
        #expect(models.find("gpt-5")?.model.routes.first?.upstreamModel == "five")
        #expect(models.find("gpt-5")?.model.imageTokensMax == 1_105)
        #expect(models.find("gpt-6")?.model.pattern.description == "gpt-*")
        #expect(models.find("claude") == nil)
        #expect(file.gateway.policy.shortCredit == .refuse)
        #expect(file.gateway.limits.bodyBytesMax == 4096)
        #expect(file.gateway.limits.callDeadline == .seconds(5))
        #expect(file.billing.closeAfterHours == 72 && file.billing.issuesReceipts)
    }

    @Test func `what an upstream knows and serves is read, and refused where it means nothing`()
        throws
    {
        let (file, faults) = try read(
            """
            {
              upstreams: {
                a: { format: "openai", baseURL: "http://x/v1", outputCapField: "max_tokens" },
                b: { format: "openai", baseURL: "http://x/v1" },
              },
            }
            """
        )
        #expect(faults == [])
        #expect(file.gateway.upstreams["a"]?.outputCapField == .maxTokens)
        #expect(file.gateway.upstreams["b"]?.outputCapField == nil)
        for (fields, path) in [
            (#"format: "anthropic", outputCapField: "max_tokens""#, "outputCapField"),
            (#"format: "openai", outputCapField: "max_output_tokens""#, "outputCapField"),
            (#"format: "openai", outputCapField: "num_predict""#, "outputCapField"),
            (#"format: "openai", defaultServiceTier: "gold""#, "defaultServiceTier"),
        ] {
            let (_, faults) = try read(#"{upstreams: {a: {\#(fields), baseURL: "http://x"}}}"#)
            #expect(faults.count == 1 && faults[0].contains("upstreams.a.\(path)"))
        }
    }

    @Test func `routes, keys and circuits are read`() throws {
        let (file, faults) = try read(
            """
            {
              upstreams: {
                a: { format: "openai", baseURL: "http://x/v1", apiKeys: [{env: "K"}, {env: "L"}],
                     concurrencyMax: 5, keyConcurrencyMax: 3, circuit: {failures: 2, seconds: 1},
                     defaultServiceTier: "priority" },
                b: { format: "anthropic", baseURL: "http://y" },
              },
              models: {
                m: { routes: [{upstream: "a", weight: 9}, {upstream: "b", model: "n", priority: 2}],
                     aliases: ["m-latest"], strategy: "least-busy" },
              },
              limits: { attemptsMax: 4, retryWaitMilliseconds: 100 },
            }
            """,
            environment: ["K": "one", "L": "two"]
        )
        #expect(faults == [])
        let upstream = try #require(file.gateway.upstreams["a"])
        #expect(upstream.apiKeys.map(\.exposed) == ["one", "two"])
        #expect(upstream.concurrencyMax == 5 && upstream.keyConcurrencyMax == 3)
        #expect(upstream.defaultServiceTier == .priority)
        #expect(file.gateway.upstreams["b"]?.defaultServiceTier == nil)
        #expect(upstream.circuit.failuresMax == 2 && upstream.circuit.openFor == .seconds(1))
        let (model, name) = try #require(file.gateway.models.find("m-latest"))
        #expect(name == "m" && model.strategy == .leastBusy)
        #expect(model.routes.map(\.weight) == [9, 1] && model.routes.map(\.priority) == [1, 2])
        #expect(file.gateway.limits.attemptsMax == 4)
        #expect(file.gateway.limits.retryWait == .milliseconds(100))
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
            "{upstreams: {a: {format: 'openai', baseURL: 'http://x', concurrencyMax: 0}}}",
            "upstreams.a.concurrencyMax"
        ),
        (
            "{upstreams: {a: {format: 'openai', baseURL: 'http://x', keyConcurrencyMax: 5}}}",
            "upstreams.a.keyConcurrencyMax"
        ),
        (
            "{upstreams: {a: {format: 'openai', baseURL: 'http://x', circuit: {failures: 0}}}}",
            "upstreams.a.circuit.failures"
        ),
        ("{models: {m: {routes: [{upstream: 'b', weight: -1}]}}}", "models.m.routes[0].upstream"),
        ("{models: {'m*': {routes: [], aliases: ['n']}}}", "models.m*.routes"),
        ("{limits: {attemptsMax: 0}}", "limits.attemptsMax"),
        ("{models: {m: {routes: [{upstream: 'b'}]}}}", "models.m.routes[0].upstream"),
        ("{models: {m: {}}}", "models.m.routes"),
        ("{models: {'a*b': {routes: []}}}", "models.a*b"),
        ("{limits: {bodyBytesMax: -1}}", "limits.bodyBytesMax"),
        ("{limits: {bodyBytesMax: 1.5}}", "limits.bodyBytesMax"),
        ("{billing: {closeAfterHours: 0}}", "billing.closeAfterHours"),
        ("{billing: {closeAfter: 5}}", "billing.closeAfter"),
        ("{billing: {receipts: 1}}", "billing.receipts"),
        ("{policy: {shortCredit: 'beg'}}", "policy.shortCredit"),
        ("{policy: {interrupted: 'guessed'}}", "policy.interrupted"),
    ])
    func `a fault is named by its path`(text: String, path: String) throws {
        let (_, faults) = try read(text)
        #expect(faults.contains { $0.hasPrefix("\(path):") }, "\(faults)")
    }

    @Test(arguments: [
        ("m: {routes: [{upstream: 'a', weight: -1}]}", "models.m.routes[0].weight"),
        ("m: {routes: [{upstream: 'a', priority: 0}]}", "models.m.routes[0].priority"),
        ("m: {routes: [{upstream: 'a', model: 'x*'}]}", "models.m.routes[0].model"),
        ("m: {routes: [{upstream: 'a'}, {upstream: 'z'}]}", "models.m.routes[1].upstream"),
        ("m: {routes: [{upstream: 'a'}], strategy: 'dice'}", "models.m.strategy"),
        ("'m*': {routes: [{upstream: 'a'}], aliases: ['n']}", "models.m*.aliases"),
        ("m: {routes: [{upstream: 'a'}], aliases: ['n*']}", "models.m.aliases[0]"),
        ("m: {routes: [{upstream: 'a'}], aliases: ['m']}", "models.m.aliases[0]"),
        ("m: {routes: [{upstream: 'a'}], aliases: ['n', 'n']}", "models.m.aliases[1]"),
    ])
    func `a fault in a model is named by its path`(model: String, path: String) throws {
        let (_, faults) = try read(
            "{upstreams: {a: {format: 'openai', baseURL: 'http://x'}}, models: {\(model)}}"
        )
        #expect(faults.count == 1 && faults[0].hasPrefix("\(path):"), "\(faults)")
    }

    @Test func `a secret in a file never appears in its faults`() throws {
        let (_, faults) = try read(
            "{upstreams: {a: {format: 'openai', baseURL: 'http://x', apiKeys: ['sk-hush']}}}"
        )
        #expect(!faults.joined().contains("hush"))
    }
}
