import Formats
import Schema
import Testing

@testable import Ingress

@Suite struct RouteTableTests {
    @Test func `only metered routes reach an upstream`() {
        let calls = RouteTable.routes.filter(\.route.isCall)
        let paths: Set = [
            "/v1/chat/completions", "/v1/completions", "/v1/responses", "/v1/embeddings",
            "/v1/messages",
        ]
        #expect(Set(calls.map(\.path)) == paths)
        #expect(calls.allSatisfy { $0.method == "POST" })
        #expect(calls.count == Endpoint.allCases.count)
    }

    @Test func `every route is found by its own method and by no other`() throws {
        for entry in RouteTable.routes {
            #expect(try RouteTable.find(entry.method, entry.path) == entry.route)
            for method in ["PUT", "DELETE", "PATCH", "get"] {
                let error = #expect(throws: APIError.self) {
                    _ = try RouteTable.find(method, entry.path)
                }
                #expect(error?.status == 405)
            }
        }
    }

    @Test(arguments: [
        "/", "/v1", "/v1/", "/v1/chat", "/v1/chat/completions/", "/v1//chat/completions",
        "/V1/chat/completions", "/v1/embeddings/", "/v1/messages/batches", "/v1/models/",
        "/v1/chat/completions/../messages", "/openai/deployments/x/chat/completions",
    ])
    func `anything else is not there`(path: String) {
        let error = #expect(throws: APIError.self) { _ = try RouteTable.find("POST", path) }
        #expect(error?.status == 404)
    }

    @Test func `a model is named by the rest of its path`() throws {
        #expect(try RouteTable.find("GET", "/v1/models/a/b") == .model("a/b"))
    }

    @Test(arguments: [
        ("meta%2Fllama", "meta/llama"), ("caf%C3%A9", "café"), ("a+b", "a+b"),
        // What is not well encoded is no name, and is looked up as it stands.
        ("100%", "100%"), ("%zz", "%zz"), ("%ff", "%ff"),
    ])
    func `a model's name may be percent-encoded`(path: String, name: String) throws {
        #expect(try RouteTable.find("GET", "/v1/models/\(path)") == .model(name))
    }

    @Test func `every route that costs nothing has a name to be counted by`() {
        let named = RouteTable.namedRoutes.map { $0.route("x") }
        for route in RouteTable.routes.map(\.route) + named {
            let isHealth = route == .liveness || route == .readiness
            #expect((route.freeName == nil) == (route.isCall || isHealth), "\(route)")
        }
    }

    @Test func `a call of the past is named by the rest of its path`() throws {
        #expect(try RouteTable.find("GET", "/v1/usage/req_1") == .usageOfCall("req_1"))
        for path in ["/v1/usage/", "/v1/usage/req_1"] {
            let error = #expect(throws: APIError.self) { _ = try RouteTable.find("POST", path) }
            #expect(error?.status == 404)
        }
    }

    @Test func `no route that ends in a name reaches an upstream`() {
        #expect(RouteTable.namedRoutes.allSatisfy { !$0.route("name").isCall })
    }

    @Test func `the format follows the route, then the named version`() {
        #expect(RouteTable.format(path: "/v1/messages", namesAnthropicVersion: false) == .anthropic)
        #expect(RouteTable.format(path: "/v1/models", namesAnthropicVersion: true) == .anthropic)
        #expect(RouteTable.format(path: "/v1/models", namesAnthropicVersion: false) == .openAI)
    }
}
