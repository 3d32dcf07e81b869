import Foundation
import Schema
import Testing

@testable import Billing

/// Set by `scripts/test`, where PyPI can be reached.
private let python = ProcessInfo.processInfo.environment["FAREBOX_UBL_PYTHON"]

@Suite struct UBLInvoiceTests {
    /// One of every shape that a document can have.
    static let samples: [InvoiceDocument] = {
        var paid = SampleInvoice.make()
        (paid.totals.due, paid.dueDate) = (.zero, nil)
        var short = SampleInvoice.make()
        short.lines[1].uncharged = Pico(1)
        return [
            SampleInvoice.make(), SampleInvoice.make(repeated: 20), paid, short,
            SampleInvoice.make(debts: [SampleInvoice.chargeback]),
            SampleInvoice.make(.receipt), SampleInvoice.make(.creditNote),
            SampleInvoice.make(tax: .reverseCharge, exemption: "Reverse charge"),
            SampleInvoice.make(tax: .export, exemption: "Export outside the EU"),
            SampleInvoice.make(tax: .exempt, exemption: "Exempt"),
            SampleInvoice.make(tax: .zero),
        ]
    }()

    @Test(.enabled(if: python != nil), arguments: samples.indices)
    func `documents hold to the schema and to the norm's rules`(index: Int) throws {
        let text = try UBLInvoice(Self.samples[index]).text
        #expect(try Self.findings(in: text).trimmingCharacters(in: .whitespacesAndNewlines).isEmpty)
    }

    @Test(.enabled(if: python != nil))
    func `the checker finds a wrong sum and what the schema has not`() throws {
        let text = try UBLInvoice(SampleInvoice.make()).text
        let strange = text.replacingOccurrences(of: "cbc:DueDate", with: "cbc:DoDate")
        #expect(try Self.findings(in: strange).contains("DoDate"))
        var invoice = SampleInvoice.make()
        invoice.totals.subtotal += MinorUnits(1)
        #expect(try Self.findings(in: UBLInvoice(invoice).text).contains("BR-CO-10"))
    }

    @Test func `an invoice says its totals once and exactly`() throws {
        let invoice = SampleInvoice.make()
        let text = try UBLInvoice(invoice).text
        let totals = invoice.totals
        for (name, amount) in [
            ("TaxExclusiveAmount", totals.net), ("TaxInclusiveAmount", totals.total),
            ("PayableAmount", totals.due), ("AllowanceTotalAmount", totals.creditsApplied),
        ] {
            let decimal = amount.decimal(in: .usd)
            let element = "<cbc:\(name) currencyID=\"USD\">\(decimal)</cbc:\(name)>"
            #expect(text.components(separatedBy: element).count == 2, "\(element)")
        }
    }

    @Test func `what was charged back is a charge on the document, with its reason`() throws {
        let invoice = SampleInvoice.make(debts: [SampleInvoice.chargeback])
        let text = try UBLInvoice(invoice).text
        #expect(text.contains("<cbc:ChargeIndicator>true</cbc:ChargeIndicator>"))
        #expect(text.contains("Payment charged back, pi_42: the card was stolen"))
        #expect(text.contains("<cbc:ChargeTotalAmount currencyID=\"USD\">25.00<"))
    }

    @Test func `a credit note is one, and names its invoice`() throws {
        let text = try UBLInvoice(SampleInvoice.make(.creditNote)).text
        #expect(text.contains("<CreditNote "))
        #expect(text.contains("<cbc:CreditNoteTypeCode>381</cbc:CreditNoteTypeCode>"))
        #expect(text.contains("<cbc:ID>NW-2026-000099</cbc:ID>"))
        #expect(!text.contains("Invoiced"))
    }

    @Test func `what the norm cannot hold is refused by name`() throws {
        #expect(throws: ExportError.noInvoice("NW-2026-000123")) {
            try UBLInvoice(SampleInvoice.make(.statement))
        }
        var invoice = SampleInvoice.make()
        invoice.customer.country = nil
        #expect(throws: ExportError.incomplete("the country of the customer")) {
            try UBLInvoice(invoice)
        }
        #expect(throws: ExportError.self) { try UBLInvoice(SampleInvoice.make(tax: nil)) }
        let dinar = try #require(Currency("KWD"))
        invoice = SampleInvoice.make()
        invoice.currency = dinar
        #expect(throws: ExportError.tooPrecise(dinar)) { try UBLInvoice(invoice) }
        invoice = SampleInvoice.make()
        invoice.number = nil
        #expect(throws: ExportError.self) { try UBLInvoice(invoice) }
    }

    private static func findings(in text: String) throws -> String {
        let file = FileManager.default.temporaryDirectory
            .appending(path: "farebox-\(UUID().uuidString).xml")
        try Data(text.utf8).write(to: file)
        defer { try? FileManager.default.removeItem(at: file) }
        let script = URL(filePath: #filePath).deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent().appending(path: "ubl/check.py")
        let process = Process()
        process.executableURL = URL(filePath: python ?? "")
        process.arguments = ["-B", script.path, file.path]
        let pipe = Pipe()
        process.standardOutput = pipe
        try process.run()
        let data = try pipe.fileHandleForReading.readToEnd() ?? Data()
        process.waitUntilExit()
        return String(decoding: data, as: UTF8.self)
    }
}
