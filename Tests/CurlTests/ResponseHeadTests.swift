import Testing

@testable import Curl

@Suite struct ResponseHeadTests {
    /// Feeds lines as curl does, one a call.
    private func parse(
        _ lines: [String],
        bytesMax: Int = 4_096,
        fieldCountMax: Int = 20
    ) throws(CurlError) -> ResponseHead? {
        var parser = HeadParser(bytesMax: bytesMax, fieldCountMax: fieldCountMax)
        for line in lines {
            let bytes = Array(line.utf8)
            let result: Result<ResponseHead?, CurlError> = bytes.withUnsafeBytes { bytes in
                do throws(CurlError) {
                    return .success(try parser.take(bytes))
                } catch {
                    return .failure(error)
                }
            }
            if let head = try result.get() { return head }
        }
        return nil
    }

    @Test func `a head is read: names lower-cased, values trimmed, order kept`() throws {
        let head = try #require(
            try parse([
                "HTTP/1.1 404 Not Found\r\n", "Content-Type:  text/plain \t\r\n", "X-A: 1\r\n",
                "x-a: 2\r\n", "Empty:\r\n", "\r\n",
            ])
        )
        #expect(head.status == 404)
        #expect(head.fields.map(\.name) == ["content-type", "x-a", "x-a", "empty"])
        #expect(head.fields.map(\.value) == ["text/plain", "1", "2", ""])
    }

    @Test(arguments: ["HTTP/1.0 200 OK", "HTTP/1.1 200", "HTTP/1.1 200 ", "HTTP/2 200 "])
    func `a status line is read`(line: String) throws {
        #expect(try parse([line + "\r\n", "\r\n"])?.status == 200)
    }

    @Test(arguments: [
        "HTTP/1.1", "HTTP/1.1 20", "HTTP/1.1 2000", "HTTP/1.1 099 X", "HTTP/1.1 abc", "ICY 200 OK ",
        "HTTP/1.1  200 OK",
    ])
    func `anything else is no status line`(line: String) {
        #expect(throws: CurlError.self) { try parse([line + "\r\n", "\r\n"]) }
    }

    @Test func `interim heads are dropped with their fields`() throws {
        let head = try parse([
            "HTTP/1.1 100 Continue\r\n", "\r\n", "HTTP/1.1 103 Early Hints\r\n", "Link: a\r\n",
            "\r\n", "HTTP/1.1 200 OK\r\n", "A: b\r\n", "\r\n",
        ])
        #expect(head?.status == 200)
        #expect(head?.fields.map(\.name) == ["a"])
    }

    @Test(arguments: [
        ["Content-Length: 1", "Content-Length: 1"],
        ["Content-Length: 1", "Transfer-Encoding: chunked"],
        ["Transfer-Encoding: chunked", "Content-Length: 1"],
        ["Content-Length: +1"], ["Content-Length: 1, 1"], ["Content-Length:"],
        ["Transfer-Encoding: gzip, chunked"],
        ["Transfer-Encoding: chunked", "Transfer-Encoding: chunked"],
        ["A: b", " folded"], ["No colon"], [": empty"], ["A : b"], ["A: \u{1}"], ["A: b\rC: d"],
    ])
    func `what two readers could read differently is refused`(fields: [String]) {
        let lines = ["HTTP/1.1 200 OK\r\n"] + fields.map { $0 + "\r\n" } + ["\r\n"]
        let error = #expect(throws: CurlError.self) { try parse(lines) }
        #expect(error?.kind == .protocolViolation)
    }

    @Test func `switching protocols unasked is refused`() {
        #expect(throws: CurlError.self) {
            try parse(["HTTP/1.1 101 Switching Protocols\r\n", "\r\n"])
        }
    }

    @Test func `bytes of all heads together are bounded`() {
        let interim = ["HTTP/1.1 103 Early Hints\r\n", "Link: abcdefghij\r\n", "\r\n"]
        let lines = Array(repeating: interim, count: 20).flatMap { $0 }
        let error = #expect(throws: CurlError.self) { try parse(lines, bytesMax: 500) }
        #expect(error?.kind == .headTooLarge)
    }

    @Test func `fields are counted`() {
        let fields = (0..<21).map { "x-\($0): 1\r\n" }
        let error = #expect(throws: CurlError.self) { try parse(["HTTP/1.1 200 OK\r\n"] + fields) }
        #expect(error?.kind == .headTooLarge)
    }
}
