import Foundation
import Ingress
import Testing

@testable import farebox

@Suite struct ReloadTests {
    private func file(_ more: String = "", upstream: String = "") throws -> ConfigurationFile {
        let reader = ConfigurationReader()
        let text = """
            { upstreams: { a: { format: "openai", baseURL: "http://x/v1", \(upstream) } },
              models: { "gpt-*": { routes: [{upstream: "a"}] } }, \(more) }
            """
        let file = ConfigurationFile(try .reading(Data(text.utf8)), reader, [:])
        #expect(reader.faults == [])
        return file
    }

    @Test(arguments: [
        (#"listen: "127.0.0.1:1""#, "listen"), (#"adminListen: "127.0.0.1:1""#, "adminListen"),
        ("ledger: { sealMilliseconds: 20 }", "ledger.sealMilliseconds"),
        (#"ledger: { standby: "synchronous" }"#, "ledger.standby"),
        ("billing: { closeAfterHours: 72 }", "billing.closeAfterHours"),
        ("billing: { receipts: true }", "billing.receipts"),
        ("limits: { bodyBytesMax: 4096 }", "limits.bodyBytesMax"),
        ("limits: { callDeadlineSeconds: 5 }", "limits.callDeadlineSeconds"),
        ("limits: { connectionsMax: 5 }", "limits.connectionsMax"),
        ("limits: { leaseSeconds: 60 }", "limits.leaseSeconds"),
        ("limits: { leaseMarginSeconds: 5 }", "limits.leaseMarginSeconds"),
    ])
    func `what lasts as long as the process is refused by its path`(
        more: String,
        path: String
    ) throws {
        let faults = try file().fixed.faults(against: file(more).fixed)
        #expect(faults.count == 1)
        #expect(faults.first?.hasPrefix("\(path): ") == true)
    }

    @Test(arguments: [
        "policy: { missingUsage: \"hold\" }", "prices: \"other.json\"",
        "limits: { drainSeconds: 5, creditWaitMilliseconds: 9 }",
    ])
    func `anything else may change`(more: String) throws {
        #expect(try file().fixed.faults(against: file(more).fixed) == [])
    }

    @Test func `an upstream has the Responses route unless it says that it has not`() throws {
        #expect(try file().gateway.upstreams["a"]?.hasResponses == true)
        #expect(try file(upstream: "responses: true").gateway.upstreams["a"]?.hasResponses == true)
        let without = try file(upstream: "responses: false").gateway.upstreams["a"]
        #expect(without?.hasResponses == false)
    }

    @Test func `an upstream of the other format has no Responses route to speak of`() throws {
        let reader = ConfigurationReader()
        let text = """
            { upstreams: { a: { format: "anthropic", baseURL: "http://x", responses: false } },
              models: { "c-*": { routes: [{upstream: "a"}] } } }
            """
        _ = ConfigurationFile(try .reading(Data(text.utf8)), reader, [:])
        #expect(reader.faults.count == 1)
        #expect(reader.faults.first?.hasPrefix("upstreams.a.responses: ") == true)
    }
}
