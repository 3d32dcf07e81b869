import Schema
import Testing

@testable import Billing

@Suite struct DocumentTests {
    @Test(arguments: [
        ("JPY", "1.5", "2"), ("JPY", "2.5", "2"), ("USD", "0.005", "0.00"),
        ("USD", "0.015", "0.02"), ("USD", "0.015000000001", "0.02"), ("KWD", "1.2345", "1.234"),
        ("USD", "-0.015", "-0.02"),
    ])
    func `a sum is rounded once, half to even, to its currency's own minor unit`(
        code: String,
        exact: String,
        shown: String
    ) throws {
        let currency = try #require(Currency(code))
        let amount = try #require(Pico(exact))
        let rounded = try #require(currency.rounded(amount))
        #expect(rounded.decimal(in: currency) == shown)
    }

    @Test func `what is shown sums to the rounded sum, with the residue beside it`() throws {
        var generator = SeededGenerator(seed: 11)
        for _ in 0..<500 {
            let currency = try #require(["JPY", "USD", "KWD"].randomElement(using: &generator))
            let unit = try #require(Currency(currency))
            let amounts = (0..<Int.random(in: 0...40, using: &generator)).map { _ in
                Pico(Int128(Int64.random(in: 0...3_000_000_000_000, using: &generator)))
            }
            let shown = try #require(LargestRemainder(amounts, in: unit))
            #expect(shown.parts.reduce(.zero, +) == shown.total)
            #expect(amounts.reduce(.zero, +) == shown.total.pico(in: unit) + shown.residue)
            #expect(abs(shown.residue.units) * 2 <= unit.minorUnit.units)
            for (amount, part) in zip(amounts, shown.parts) {
                #expect(part >= .zero)
                #expect(abs((amount - part.pico(in: unit)).units) < unit.minorUnit.units)
            }
        }
    }

    @Test func `a document reads back from its bytes, and has no other bytes`() throws {
        var document = InvoiceDocument(
            kind: .invoice,
            account: "acme",
            currency: .usd,
            timeZone: "America/St_Johns",
            issuer: DocumentParty(legalName: "Gate / Ltd", address: ["1 \"Quay\""]),
            customer: DocumentParty(legalName: "Ærø A/S"),
            totals: DocumentTotals(exact: Pico(12_345), subtotal: .zero, residue: Pico(12_345))
        )
        document.number = "INV-2026-00001"
        document.issuedAt = Instant("2026-12-01T03:30:00.5Z")
        document.issueDate = CalendarDate("2026-12-01")
        document.lines = LineItem.all.map {
            DocumentLine(item: $0, quantity: 7, exact: Pico(1), amount: MinorUnits(0))
        }
        document.lines[0].serviceMonth = Month("2026-10")
        document.taxes = TaxCategory.allCases.map {
            DocumentTax(category: $0, rate: 19_000, base: MinorUnits(1), amount: MinorUnits(0))
        }
        let bytes = try DocumentEncoding.encode(document)
        let read = try DocumentEncoding.decode(bytes)
        #expect(read == document)
        #expect(try DocumentEncoding.encode(read) == bytes)
        #expect(
            String(decoding: bytes, as: UTF8.self).hasPrefix("{\"account\":\"acme\",\"credits_")
        )
    }

    @Test func `months follow each other across the year`() throws {
        let december = try #require(Month("2026-12"))
        #expect(december.next.description == "2027-01")
        #expect(december.next.previous == december)
        #expect(december.advanced(by: -12).description == "2025-12")
        for text in ["2026-13", "2026-00", "2026-1", "26-01", "2026-01-01", "", "2026/01"] {
            #expect(Month(text) == nil)
        }
    }
}
