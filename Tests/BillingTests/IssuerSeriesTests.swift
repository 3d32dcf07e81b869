import Ledger
import Schema
import TestSupport
import Testing

@testable import Billing

/// A number names one document, whoever issued it.
@Suite(.enabled(if: TestServer.isConfigured, "FAREBOX_TEST_OWNER_URL is not set"))
struct IssuerSeriesTests {
    private func issuer(_ slug: String, _ series: String) -> Issuer {
        Issuer(slug: slug, series: series, party: DocumentParty(legalName: slug))
    }

    @Test(arguments: ["INV", "INV-R", "INV-CN"])
    func `a series in which another issuer numbers is refused`(series: String) async throws {
        try await MonthStage.run(at: "2025-06-10T00:00:00Z") { stage in
            let copy = stage
            let error = await #expect(throws: LedgerError.self) {
                try await copy.parties.setIssuer(issuer("eu", series), at: copy.now)
            }
            #expect(error?.code == .conflict)
            #expect(try await stage.parties.issuers().map(\.slug) == ["us"])
            _ = try await stage.parties.setIssuer(issuer("eu", "INV-EU"), at: stage.now)
        }
    }

    @Test func `a series that was given up stays its issuer's, who can take it again`()
        async throws
    {
        try await MonthStage.run(at: "2025-06-10T00:00:00Z") { stage in
            _ = try await stage.parties.setIssuer(issuer("us", "NEW"), at: stage.now)
            let copy = stage
            await #expect(throws: LedgerError.self) {
                try await copy.parties.setIssuer(issuer("eu", "INV"), at: copy.now)
            }
            let again = try await stage.parties.setIssuer(issuer("us", "INV"), at: stage.now)
            #expect(again.revision == 3)
        }
    }

    @Test func `of two issuers that want a series at once one has it`() async throws {
        try await MonthStage.run(at: "2025-06-10T00:00:00Z") { stage in
            let copy = stage
            let taken = await withTaskGroup(of: Bool.self) { group in
                for index in 0..<6 {
                    group.addTask {
                        let issuer = issuer("i\(index)", "SAME")
                        return (try? await copy.parties.setIssuer(issuer, at: copy.now)) != nil
                    }
                }
                return await group.reduce(0) { $0 + ($1 ? 1 : 0) }
            }
            #expect(taken == 1)
        }
    }
}
