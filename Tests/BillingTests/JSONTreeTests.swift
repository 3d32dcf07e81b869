import Testing

@testable import Billing

@Suite struct JSONTreeTests {
    private func parse(_ text: String) throws -> JSONTree {
        try JSONTree(parsing: Array(text.utf8))
    }

    @Test func `a number keeps the digits it was written with`() throws {
        let document = try parse(#" {"a": 3.75e-08, "b": [0.10, -0, 1E+2]} "#)
        #expect(document["a"]?.number == "3.75e-08")
        #expect(document["b"] == .array([.number("0.10"), .number("-0"), .number("1E+2")]))
    }

    @Test func `strings are decoded with every escape`() throws {
        let text = #""\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00é""#
        #expect(try parse(text).string == "\"\\/\u{8}\u{C}\n\r\té😀é")
    }

    @Test func `a name that stands twice in one object is refused with its line`() {
        let failure = #expect(throws: JSONTree.Failure.self) {
            try parse("{\"gpt\": {},\n\"gpt\": {}}")
        }
        #expect(failure?.line == 2)
        #expect(failure?.reason.contains("twice") == true)
    }

    @Test(arguments: [
        "", " ", "{", "[1,]", "{\"a\":1,}", "{\"a\" 1}", "{a:1}", "01", "1.", ".5", "+1", "1e",
        "--1", "tru", "nul", "\"", "\"\\x\"", "\"\\u12\"", "\"\\ud800\"", "\"\\udc00\"",
        "\"\u{1}\"", "[1] 2", "'a'", "NaN", "Infinity", "[1 2]", "\"\\u+123\"",
    ])
    func `what is not JSON is refused`(text: String) {
        #expect(throws: JSONTree.Failure.self) { try parse(text) }
    }

    @Test func `bytes that are not UTF-8 are refused`() {
        #expect(throws: JSONTree.Failure.self) { try JSONTree(parsing: [0x22, 0xFF, 0x22]) }
    }

    @Test func `deep nesting is refused before it exhausts the stack`() throws {
        let deep = String(repeating: "[", count: 100_000)
        #expect(throws: JSONTree.Failure.self) { try parse(deep) }
        let fine = String(repeating: "[", count: 60) + String(repeating: "]", count: 60)
        #expect(throws: Never.self) { try parse(fine) }
    }
}
