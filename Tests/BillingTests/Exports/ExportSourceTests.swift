import Digest
import Foundation
import Ledger
import Schema
import TestSupport
import Testing

@testable import Billing

/// Documents of a real database, taken away.
@Suite(.enabled(if: TestServer.isConfigured, "FAREBOX_TEST_OWNER_URL is not set"))
struct ExportSourceTests {
    @Test func `an export is of the stored bytes, and the same however often it is made`()
        async throws
    {
        try await MonthStage.run(at: "2025-06-10T00:00:00Z") { stage in
            let account = try await stage.account(limit: "100")
            try await stage.charge(Pico(1_234_567_890_123), account)
            try await stage.advance(to: "2025-07-02T00:00:00Z")
            let document = try #require(try await stage.close("2025-06").first)
            let number = try #require(document.number)
            let stored = try await stage.invoices.show(number)
            let json = try await stage.invoices.export(of: number).bytes(.json)
            #expect(SHA256.hash(json).description == stored.sha256)
            for format in [InvoiceExport.Format.csv, .pdf] {
                let first = try await stage.invoices.export(of: number).bytes(format)
                // Whatever has happened since.
                try await stage.charge(Pico(7), account)
                #expect(try await stage.invoices.export(of: number).bytes(format) == first)
            }
        }
    }

    @Test func `a document keeps the logo that its issuer had when it was issued`() async throws {
        try await MonthStage.run(at: "2025-06-10T00:00:00Z") { stage in
            let account = try await stage.account(limit: "100")
            try await stage.charge(Pico(1), account)
            try await stage.setLogo("#c00")
            try await stage.advance(to: "2025-08-02T00:00:00Z")
            let june = try #require(try await stage.close("2025-06").first?.number)
            let red = try await stage.invoices.export(of: june).bytes(.pdf)
            try await stage.setLogo("#00c")
            #expect(try await stage.invoices.export(of: june).bytes(.pdf) == red)
            let stored = try await stage.invoices.export(of: june).bytes(.json)
            #expect(try InvoiceExport(stored: stored).bytes(.pdf) != red)
        }
    }

    @Test func `a logo may be a PNG, and documents keep that too`() async throws {
        try await MonthStage.run(at: "2025-06-10T00:00:00Z") { stage in
            let account = try await stage.account(limit: "100")
            try await stage.charge(Pico(1), account)
            try await stage.setLogo(.png(Self.png))
            #expect(try await stage.parties.issuers().map(\.logo) == [.png(Self.png)])
            try await stage.advance(to: "2025-07-02T00:00:00Z")
            let june = try #require(try await stage.close("2025-06").first?.number)
            let first = try await stage.invoices.export(of: june).bytes(.pdf)
            #expect(try PDFReading.images(first).contains("image"))
            try await stage.setLogo("#00c")
            #expect(try await stage.invoices.export(of: june).bytes(.pdf) == first)
        }
    }

    /// One dot.
    private static let png = Array(
        Data(
            base64Encoded: """
                iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mM4w8DwHwAENAHM7EKZ\
                hwAAAABJRU5ErkJggg==
                """
        ) ?? Data()
    )

    @Test func `a logo that no page could show is refused, and nothing is changed`() async throws {
        try await MonthStage.run(at: "2025-06-10T00:00:00Z") { stage in
            let copy = stage
            for logo: Logo in [
                .svg("<svg viewBox='0 0 9 9'><circle/></svg>"),
                .svg(String(repeating: " ", count: Logo.svgBytesMax + 1)), .png([]),
            ] {
                var issuer = try #require(try await stage.parties.issuers().first)
                issuer.logo = logo
                let given = issuer
                let error = await #expect(throws: LedgerError.self) {
                    try await copy.parties.setIssuer(given, at: copy.now)
                }
                #expect(error?.code == .invalid)
            }
            #expect(try await stage.parties.issuers().map(\.revision) == [1])
        }
    }

    @Test func `each call is in the export of exactly one month, and they sum to it`()
        async throws
    {
        try await MonthStage.run(at: "2025-06-10T00:00:00Z") { stage in
            let account = try await stage.account(limit: "100")
            for _ in 0..<7 { try await stage.charge(Pico(1_000_000_001), account) }
            try await stage.advance(to: "2025-07-02T00:00:00Z")
            // In July already, before June is closed.
            try await stage.charge(Pico(2_000_000_002), account)
            _ = try await stage.close("2025-06")
            try await stage.charge(Pico(3_000_000_003), account, at: "2025-06-30T23:59:00Z")
            try await stage.charge(Pico(4_000_000_004), account)
            try await stage.advance(to: "2025-08-02T00:00:00Z")
            _ = try await stage.close("2025-07")

            var seen: [String] = []
            for stored in try await stage.invoices.list() {
                let records = try await Self.calls(of: stored.number, stage.invoices)
                let sum = records.reduce(Pico.zero) { $0 + (Pico($1["amount"] ?? "") ?? .zero) }
                #expect(sum == stored.document.totals.exact)
                #expect(Int64(records.count) == stored.document.events)
                seen += records.compactMap { $0["version"] }
            }
            #expect(Set(seen).count == seen.count)
            #expect(seen.count == 10)
        }
    }

    @Test func `a document that is not there has no export`() async throws {
        try await MonthStage.run(at: "2025-06-10T00:00:00Z") { stage in
            let error = await #expect(throws: LedgerError.self) {
                try await stage.invoices.export(of: "INV-2025-00001")
            }
            #expect(error?.code == .notFound)
        }
    }

    /// The records by the names of their columns, read in pages of two.
    private static func calls(
        of number: String,
        _ invoices: Invoices
    ) async throws -> [[String: String]] {
        var text = ""
        var pages = try await invoices.calls(of: number, pageSize: 2)
        while let page = try await pages.next() { text += page }
        let lines = text.split(separator: "\r\n").map { line in
            line.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
        }
        let names = try #require(lines.first)
        return lines.dropFirst().map { Dictionary(uniqueKeysWithValues: zip(names, $0)) }
    }
}

extension MonthStage {
    /// Gives the issuer a logo of one colour.
    fileprivate func setLogo(_ fill: String) async throws {
        let svg = "<svg viewBox='0 0 40 10'><path fill='\(fill)' d='M0 0h40v10H0z'/></svg>"
        try await setLogo(.svg(svg))
    }

    fileprivate func setLogo(_ logo: Logo) async throws {
        var issuer = try #require(try await parties.issuers().first)
        issuer.logo = logo
        _ = try await parties.setIssuer(issuer, at: now)
    }
}
