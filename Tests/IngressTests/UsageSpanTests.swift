import Formats
import Ledger
import Schema
import Testing

@testable import Ingress

@Suite struct UsageSpanTests {
    @Test func `without a query all time is summed up by days`() throws {
        let span = try KeyUsage.Span(query: nil)
        #expect(span.from == nil && span.to == nil)
        #expect(span.dimensions == [.day])
    }

    @Test func `a query is decoded, and a plus stays a plus`() throws {
        let span = try KeyUsage.Span(
            query: "from=2026-11-01&to=2026-12-01T01%3a00:00+01:00&by=key,model,key"
        )
        #expect(span.from == Instant("2026-11-01"))
        #expect(span.to == Instant("2026-12-01"))
        #expect(span.dimensions == [.key, .model])
    }

    @Test(arguments: [
        ("by=colour", "by"), ("from=", "from"), ("to=%e", "to"), ("to=%zz", "to"),
        ("from=%ff", "from"), ("key=x", "key"), ("by=day&by=day", "by"), ("to", "to"),
    ])
    func `what cannot be meant is refused by name`(query: String, name: String) {
        let error = #expect(throws: APIError.self) { _ = try KeyUsage.Span(query: query) }
        #expect(error?.kind == .invalidRequest(code: "invalid_parameter", parameter: name))
    }
}
