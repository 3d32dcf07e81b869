import Testing

@testable import Billing

@Suite struct CSVTextTests {
    private func written(_ cell: String) -> String {
        var csv = CSVText(names: ["name"])
        csv.append([cell])
        return String(csv.text.dropFirst("name\r\n".count).dropLast())
    }

    @Test func `records end with CRLF, the last one too`() {
        var csv = CSVText(names: ["a", "b"])
        csv.append(["1", ""])
        #expect(csv.text == "a,b\r\n1,\r\n")
    }

    @Test(arguments: [
        ("plain", "plain"), ("a,b", "\"a,b\""), ("say \"hi\"", "\"say \"\"hi\"\"\""),
        ("two\nlines", "\"two\nlines\""), ("\"", "\"\"\"\""), ("中文", "中文"),
    ])
    func `separators, quotes and line ends stay within their cell`(cell: String, text: String) {
        #expect(written(cell) == text)
    }

    @Test(arguments: ["=1+1", "+1", "-1+1", "@SUM(A1)", "\tx", "-", "=HYPERLINK(\"x\")"])
    func `no name becomes a formula`(name: String) {
        #expect(written(name).drop { $0 == "\"" }.first == "'")
    }

    @Test(arguments: ["-1", "-12.50", "0.25"])
    func `a negative amount stays a number`(amount: String) {
        #expect(written(amount) == amount)
    }
}
