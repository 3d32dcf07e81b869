import Digest
import Documents
import Schema
import TestSupport
import Testing

@testable import Billing

@Suite struct InvoicePagesTests {
    private func read(_ invoice: InvoiceDocument) throws -> PDFReading {
        try PDFReading(InvoiceExport(stored: DocumentEncoding.encode(invoice)).bytes(.pdf))
    }

    /// The words of the pages, each apart from the next by one blank.
    private func words(_ invoice: InvoiceDocument) throws -> String {
        let words = try read(invoice).text.split { $0.isWhitespace }
        return words.joined(separator: " ")
    }

    /// What a line of the document looks like on its page, from the quantity on.
    private func figures(_ line: DocumentLine, of invoice: InvoiceDocument) -> String {
        [
            PrintedText.count(line.quantity), LineText.price(line, in: invoice.currency),
            invoice.printed(line.amount),
        ].joined(separator: " ")
    }

    @Test func `every figure of the JSON stands on the pages`() throws {
        let invoice = SampleInvoice.make()
        let text = try words(invoice)
        for line in invoice.lines {
            #expect(text.contains(figures(line, of: invoice)), "\(line)")
        }
        let (totals, tax) = (invoice.totals, try #require(invoice.taxes.first))
        for (name, amount) in [
            ("Subtotal", totals.subtotal), ("VAT 19 %", tax.amount), ("Total", totals.total),
            ("Amount due", totals.due),
        ] {
            #expect(text.contains("\(name) \(invoice.printed(amount)) USD"), "\(name)")
        }
        #expect(text.contains("Promotional credit, WELCOME \u{2212}10.00 USD"))
        #expect(
            text.contains("VAT 19 % \(invoice.printed(tax.base)) \(invoice.printed(tax.amount))")
        )
    }

    @Test func `a project has one sum, over its late lines of months before too`() throws {
        var invoice = SampleInvoice.make()
        let count = try words(invoice).ranges(of: "Subtotal").count
        // Months come first in the order of lines.
        let last = try #require(invoice.lines.indices.last)
        invoice.lines[last].serviceMonth = Month(year: 2026, number: 9)
        invoice.lines.insert(invoice.lines.remove(at: last), at: 0)
        #expect(try words(invoice).ranges(of: "Subtotal").count == count)
    }

    @Test(arguments: [
        "Northwind Inference GmbH", "Contoso Société &", "株式", "12 rue de la Paix",
        "75002 Paris", "VAT ID FR12345678901", "NW-2026-000123", "1 November 2026",
        "October 2026", "by 1 December 2026", "客服机器人", "مساعد", "claude-sonnet-4-6",
        "September 2026", "Web searches", "Page 1 of 2", "DE02120300000000202051",
    ])
    func `who, when and what for can be searched`(words: String) throws {
        #expect(try self.words(SampleInvoice.make()).contains(words))
    }

    @Test func `the proof can be copied out of the page`() throws {
        let invoice = SampleInvoice.make()
        let text = try words(invoice)
        let hash = DocumentEncoding.hash(try DocumentEncoding.encode(invoice))
        #expect(text.contains("\(hash.hexadecimal), of this document's JSON"))
        #expect(text.contains("\(SampleInvoice.seal.sha256), versions 44,118 to 48,213"))
        #expect(text.contains("48,200, up to version 48,213"))
    }

    @Test func `fifty pages are numbered, headed and complete`() throws {
        let invoice = SampleInvoice.make(repeated: 70)
        let reading = try read(invoice)
        let count = reading.pages.count
        #expect(count >= 50)
        for (index, page) in reading.pages.enumerated() {
            #expect(page.contains("Page \(index + 1) of \(count)"))
            #expect(index == 0 || page.contains("Invoice NW-2026-000123"))
        }
        let printed = Set(reading.text.split { $0.isWhitespace })
        for line in invoice.lines {
            #expect(printed.contains(Substring(PrintedText.count(line.quantity))), "\(line)")
        }
    }

    @Test func `a credit note says what it corrects, and why`() throws {
        let text = try words(SampleInvoice.make(.creditNote))
        for words in ["Credit note", "NW-2026-000099", "1 September 2026", "Amount credited"] {
            #expect(text.contains(words), "\(words)")
        }
    }

    @Test func `why nothing is taxed is said`() throws {
        let invoice = SampleInvoice.make(tax: .reverseCharge, exemption: "Reverse charge")
        #expect(try words(invoice).contains(/Reverse charge 0 ?% 877\.38 0\.00/))
    }

    @Test func `a statement shows how the balance moved, exactly`() throws {
        var statement = SampleInvoice.make(.statement, tax: nil)
        statement.lines = []
        statement.balances = DocumentBalances(
            opening: try #require(Pico("5")),
            changes: [
                DocumentChange(kind: "credit_granted", amount: try #require(Pico("10"))),
                DocumentChange(kind: "usage", amount: try #require(Pico("-0.0000375"))),
            ],
            closing: try #require(Pico("14.9999625"))
        )
        let text = try words(statement)
        #expect(text.contains("Nothing was used in this month."))
        #expect(text.contains("Opening balance 5.00 Credit granted 10.00"))
        #expect(text.contains("Usage \u{2212}0.0000375 Closing balance 14.9999625"))
    }

    @Test func `what was not charged is said beside its line`() throws {
        var invoice = SampleInvoice.make()
        invoice.lines[1].uncharged = try #require(Pico("0.25"))
        #expect(try words(invoice).contains("Cache read tokens, less 0.25"))
    }

    @Test func `a logo takes the place of the issuer's name at the top`() throws {
        let logo = try Drawing(
            svg: "<svg viewBox='0 0 40 10'><path fill='#c00' d='M0 0h40v10H0z'/></svg>"
        )
        let invoice = SampleInvoice.make()
        let plain = try InvoicePages(invoice, hash: .zero).document.pdf()
        let bytes = try InvoicePages(invoice, hash: .zero, logo: .drawing(logo)).document.pdf()
        #expect(bytes != plain)
        #expect(try PDFReading(bytes).text.contains("NW-2026-000123"))
    }

    @Test(arguments: InvoiceExport.Format.allCases)
    func `the same stored bytes are the same export`(format: InvoiceExport.Format) throws {
        let stored = try DocumentEncoding.encode(SampleInvoice.make())
        let first = try InvoiceExport(stored: stored).bytes(format)
        #expect(try InvoiceExport(stored: stored).bytes(format) == first)
        #expect(!first.isEmpty)
    }
}
