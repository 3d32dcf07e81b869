import HTTPServer
import Ledger
import Schema
import Testing

@testable import Console

@Suite struct RequestTests {
    @Test func `a path is taken apart before it is decoded`() {
        let found = request(path: "/admin/v1/accounts/a%2Fb")
        #expect(found?.path == ["admin", "v1", "accounts", "a/b"])
    }

    @Test(arguments: ["/a%2", "/a%zz", "/a%ff"])
    func `escapes that nobody can read are refused`(path: String) {
        #expect(request(path: path) == nil)
    }

    @Test func `a parameter that comes twice is refused`() {
        #expect(FormFields(parsing: "a=1&b=2&a=3") == nil)
        #expect(FormFields(parsing: "a=two+words&b=%C3%BC&c")?["a"] == "two words")
        #expect(FormFields(parsing: "a=1&b=%C3%BC&c")?["b"] == "ü")
        #expect(FormFields(parsing: "c")?["c"] == "")
    }

    @Test func `a pattern matches whole paths only`() {
        let pattern: RoutePattern = "accounts/{account}/keys/{key}"
        let path = ["admin", "v1", "accounts", "ada", "keys", "1"]
        #expect(pattern.match(path) == ["account": "ada", "key": "1"])
        #expect(pattern.match(path + ["x"]) == nil)
        #expect(pattern.match(["admin", "v1", "accounts", "", "keys", "1"]) == nil)
        #expect(pattern.match(["admin", "v2", "accounts", "ada", "keys", "1"]) == nil)
    }

    @Test func `a path with another method names the methods there are`() {
        guard case .otherMethods(let methods) = AdminAPI.resolve("DELETE", path("accounts")) else {
            Issue.record("DELETE was routed")
            return
        }
        #expect(methods.sorted() == ["GET", "POST"])
        guard case .nothing = AdminAPI.resolve("GET", path("nowhere")) else {
            Issue.record("nowhere was routed")
            return
        }
    }

    @Test(
        arguments: [
            ("POST", "cross-site", true), ("POST", nil, false), ("POST", "same-origin", false),
            ("PATCH", "cross-site", true), ("GET", "cross-site", false), ("GET", nil, false),
        ] as [(String, String?, Bool)]
    )
    func `a page of another site cannot use the browser of an operator`(
        method: String,
        site: String?,
        isRefused: Bool
    ) throws {
        var fields: HTTPFields = ["host": "127.0.0.1:8081"]
        if let site { fields.append("sec-fetch-site", site) }
        let request = try #require(
            ConsoleRequest(method, path: "/admin/v1/accounts", query: nil, fields: fields, body: [])
        )
        #expect((RequestOrigin.refusal(request) != nil) == isRefused)
    }

    @Test func `a form that another origin sends is refused without Sec-Fetch-Site too`() throws {
        let fields: HTTPFields = ["host": "admin.example", "origin": "https://evil.example"]
        let request = try #require(
            ConsoleRequest("POST", path: "/admin/v1/x", query: nil, fields: fields, body: [])
        )
        #expect(RequestOrigin.refusal(request) != nil)
    }

    @Test(arguments: [
        ("127.0.0.1:8081", true), ("localhost:8081", true), ("localhost", true),
        ("[::1]:8081", true), ("127.0.0.1", true), ("evil.example", false), ("", false),
        ("localhost.evil.example", false), ("127.0.0.1.evil.example:80", false),
    ])
    func `a name that anybody could have made is none of this machine`(host: String, isOurs: Bool) {
        #expect(RequestOrigin.isLoopbackName(host) == isOurs)
    }

    private func path(_ text: String) -> [String] { RoutePattern.root + [text] }

    private func request(path: String) -> ConsoleRequest? {
        ConsoleRequest("GET", path: path, query: nil, fields: HTTPFields(), body: [])
    }
}

@Suite struct BodyTests {
    @Test func `what nobody reads is refused`() throws {
        let body = try APIBody(parsing: Array(#"{"slug": "a", "sulg": "b"}"#.utf8))
        #expect(throws: Problem.self) { try body.allow(only: "slug") }
    }

    @Test(arguments: [#"{"amount": 5}"#, #"{"amount": "5e3"}"#, #"{"amount": ""}"#])
    func `money is a decimal as a text and nothing else`(text: String) throws {
        let body = try APIBody(parsing: Array(text.utf8))
        #expect(throws: Problem.self) { try body.amount("amount") }
    }

    @Test(
        arguments: [("5", 5), ("5.0", 5), ("-7", -7), ("5.5", nil), ("5e0", nil), ("\"5\"", nil)]
            as [(String, Int64?)]
    )
    func `a whole number may look like a decimal`(text: String, number: Int64?) throws {
        let body = try APIBody(parsing: Array("{\"n\": \(text)}".utf8))
        #expect((try? body.integer("n", in: -10...10)) == number)
    }

    @Test(arguments: ["", "[]", "{", #"{"a": 1, "a": 2}"#, "{} {}"])
    func `what is no object is refused`(text: String) {
        #expect(throws: Problem.self) { try APIBody(parsing: Array(text.utf8)) }
    }

    @Test func `null takes a cap away and a missing one stays`() throws {
        let body = try APIBody(parsing: Array(#"{"caps": {"day": null, "total": "5"}}"#.utf8))
        let changes = try body.caps()
        #expect(changes.limits[.day] == .some(nil))
        #expect(changes.limits[.total] == .some(Pico("5")))
        #expect(changes.limits[.month] == nil)
    }
}

@Suite struct PageTests {
    @Test(arguments: 1...5)
    func `pages follow each other without a gap`(limit: Int) {
        let all = ["a", "b", "c", "d"]
        var read: [String] = []
        var cursor: String?
        repeat {
            let page = Page(all, after: cursor, limit: limit, name: \.self)
            read += page.elements
            cursor = page.next
        } while cursor != nil
        #expect(read == all)
    }

    @Test func `a cursor that names nothing any more ends the list`() {
        #expect(Page(["a"], after: "z", limit: 9, name: \.self).elements.isEmpty)
    }
}
