import Documents
import Foundation
import TestSupport
import Testing

@Suite struct PDFTests {
    private static let body = TextStyle(size: .points(10))

    private func document(_ blocks: [Block], date: String = "2026-11-01T00:00:00Z") -> Document {
        Document(
            title: "A title",
            author: "An author",
            creator: "A program",
            date: date,
            blocks: blocks,
            head: { [.text(Paragraph("head of \($0.number)", Self.body))] },
            foot: {
                [.text(Paragraph("Page \($0.number) of \($0.count)", Self.body))]
            }
        )
    }

    private func table(_ count: Int) -> Block {
        .table(
            Table(
                columns: [.init(.share(1)), .init(.fit, .right)],
                head: [.init([.init("Name", Self.body), .init("Amount", Self.body)])],
                rows: (0..<count).map {
                    .init([.init("row \($0)", Self.body), .init("\($0).00", Self.body)])
                },
                columnGap: .points(10),
                rowPadding: .points(3)
            )
        )
    }

    @Test func `the same document is the same bytes`() throws {
        let blocks = [Block.text(Paragraph("Texts", Self.body)), table(300)]
        #expect(try document(blocks).pdf() == document(blocks).pdf())
    }

    @Test func `the file states its title, author and date`() throws {
        let facts = try PDFReading(document([]).pdf()).facts
        #expect(facts.contains(/Title: +A title/))
        #expect(facts.contains(/Author: +An author/))
        #expect(facts.contains(/Creator: +A program/))
        #expect(facts.contains(/CreationDate: +2026-11-01T00:00:00Z/))
        #expect(facts.contains(/Page size: +595.\d+ x 841.\d+ pts \(A4\)/))
    }

    @Test func `a table breaks across pages, its head on each, no row lost or doubled`() throws {
        let reading = try PDFReading(document([table(200)]).pdf())
        #expect(reading.pages.count > 3)
        for (index, page) in reading.pages.enumerated() {
            #expect(page.contains(/Name +Amount/), "page \(index + 1)")
            #expect(page.contains("Page \(index + 1) of \(reading.pages.count)"))
            #expect(page.contains("head of \(index + 1)") == (index > 0))
        }
        let rows = reading.text.matches(of: /row (\d+) +(\d+)\.00/).map { (Int($0.1), Int($0.2)) }
        #expect(rows.map(\.0) == (0..<200).map { $0 })
        #expect(rows.map(\.1) == (0..<200).map { $0 })
    }

    @Test(arguments: [
        "Zürich, naïve, Ωμέγα, Съешь ещё", "发票合计金额", "請求書の合計", "청구서 합계",
        "विक्रेता और खरीदार", "ใบแจ้งหนี้รวม",
    ])
    func `text of any script is found by its characters`(sample: String) throws {
        let reading = try PDFReading(document([.text(Paragraph(sample, Self.body))]).pdf())
        #expect(
            reading.text.precomposedStringWithCanonicalMapping
                .contains(sample.precomposedStringWithCanonicalMapping),
            "\(reading.text)"
        )
    }

    @Test(arguments: ["فاتورة", "חשבונית"])
    func `text that runs to the left is found by its characters`(sample: String) throws {
        let reading = try PDFReading(document([.text(Paragraph(sample, Self.body))]).pdf())
        #expect(reading.text.contains(sample), "\(reading.text)")
    }

    @Test func `every font is embedded, as a subset, with a way back to characters`() throws {
        let sample = "Total 合計 المجموع कुल"
        let reading = try PDFReading(document([.text(Paragraph(sample, Self.body))]).pdf())
        let fonts = reading.fonts.split(separator: "\n").dropFirst(2)
        #expect(fonts.count >= 4)
        for font in fonts {
            #expect(font.contains(#/ yes +yes +yes +/#), "\(font)")
        }
    }

    @Test func `a text longer than a page goes on, whole, on the next`() throws {
        let words = (0..<6000).map { "w\($0)" }
        let text = Block.text(Paragraph(words.joined(separator: " "), Self.body))
        let reading = try PDFReading(document([text]).pdf())
        #expect(reading.pages.count > 2)
        #expect(reading.text.matches(of: /w\d+/).map { String($0.output) } == words)
    }

    @Test func `characters that hide or reorder others are left out`() throws {
        let text = Block.text(Paragraph("a\u{202E}bc\u{0}d\u{2028}e", Self.body))
        #expect(try PDFReading(document([text]).pdf()).text.contains("abcde"))
    }
}
