import HTTPServer
import Testing

@testable import Ingress

@Suite struct TraceContextTests {
    private static let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

    private func trace(_ fields: (name: String, value: String)...) -> TraceContext? {
        TraceContext(HTTPFields(fields))
    }

    @Test func `a trace is known by its identifier and passed on as it came`() throws {
        let found = try #require(trace(("traceparent", Self.parent), ("tracestate", "a=1")))
        #expect(found.traceID == "4bf92f3577b34da6a3ce929d0e0e4736")
        #expect(found.parent == Self.parent)
        #expect(found.state == "a=1")
    }

    @Test func `a later version may have more behind it, the first may not`() {
        let later = "cc" + Self.parent.dropFirst(2)
        #expect(trace(("traceparent", later + "-more")) != nil)
        #expect(trace(("traceparent", later + "more")) == nil)
        #expect(trace(("traceparent", Self.parent + "-more")) == nil)
    }

    @Test(arguments: [
        "", "00", "ff" + Self.parent.dropFirst(2), Self.parent.uppercased(), Self.parent + " ",
        "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
        "00_4bf92f3577b34da6a3ce929d0e0e4736_00f067aa0ba902b7_01",
    ])
    func `what is malformed is no trace`(parent: String) {
        #expect(!TraceContext.isParent(parent))
    }

    @Test func `two parents are none, and states without a parent are dropped`() {
        #expect(trace(("traceparent", Self.parent), ("traceparent", Self.parent)) == nil)
        #expect(trace(("tracestate", "a=1")) == nil)
    }

    @Test func `several states are one list, and too long a one is none`() {
        let parent = (name: "traceparent", value: Self.parent)
        #expect(trace(parent, ("tracestate", "a=1"), ("tracestate", "b=2"))?.state == "a=1,b=2")
        let long = String(repeating: "x", count: 513)
        #expect(trace(parent, ("tracestate", long)).map { $0.state == nil } == true)
    }
}
