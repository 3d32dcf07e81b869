import HTTPServer
import Testing

/// A request, or several, that must be taken, and what must come out.
struct ValidRequest: CustomTestStringConvertible {
    let testDescription: String
    let bytes: [UInt8]
    /// The expectation, in words that a reader can check against the text.
    let summaries: [String]

    init(_ name: String, _ text: String, _ summaries: String...) {
        testDescription = name
        bytes = Array(text.utf8)
        self.summaries = summaries
    }

    /// The expected outcome: the parsed heads, after their summaries were compared.
    var outcome: Outcome {
        let outcome = HTTPServerTests.outcome(of: [bytes])
        #expect(outcome.status == nil)
        #expect(!outcome.requests.contains { !$0.isComplete })
        #expect(outcome.requests.map(summary) == summaries)
        return outcome
    }

    private func summary(_ request: Outcome.Request) -> String {
        let head = request.head
        let framing =
            switch head.framing {
            case .none: "none"
            case .length(let length): "\(length)"
            case .chunked: "chunked"
            }
        var parts = [head.method, head.path, head.query.map { "?" + $0 } ?? "-"]
        parts.append(head.isVersion11 ? "1.1" : "1.0")
        parts.append(head.isKeepAlive ? "keep" : "close")
        if head.expectsContinue { parts.append("expects") }
        parts.append(framing)
        parts += head.fields.map { "\($0.name)=\($0.value)" }
        if !request.body.isEmpty {
            parts.append("[\(String(decoding: request.body, as: UTF8.self))]")
        }
        return parts.joined(separator: " ")
    }

    static let all = [
        ValidRequest(
            "plain",
            "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET / - 1.1 keep none host=a"
        ),
        ValidRequest(
            "query",
            "GET /a/b?x=1?y HTTP/1.1\r\nHost: a:80\r\n\r\n",
            "GET /a/b ?x=1?y 1.1 keep none host=a:80"
        ),
        ValidRequest(
            "empty query",
            "GET /? HTTP/1.1\r\nHost: [::1]:80\r\n\r\n",
            "GET / ? 1.1 keep none host=[::1]:80"
        ),
        ValidRequest(
            "absolute form",
            "GET HTTP://b/c?d HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET /c ?d 1.1 keep none host=a"
        ),
        ValidRequest(
            "absolute form without path",
            "GET https://b?d HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET / ?d 1.1 keep none host=a"
        ),
        ValidRequest(
            "asterisk",
            "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
            "OPTIONS * - 1.1 keep none host=a"
        ),
        ValidRequest(
            "other method",
            "M-SEARCH / HTTP/1.1\r\nHost: a\r\n\r\n",
            "M-SEARCH / - 1.1 keep none host=a"
        ),
        ValidRequest(
            "empty line first",
            "\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET / - 1.1 keep none host=a"
        ),
        ValidRequest(
            "spaces around values",
            "GET / HTTP/1.1\r\nHost:a\r\nX-Y:  \t b c\t \r\nE:\r\n\r\n",
            "GET / - 1.1 keep none host=a x-y=b c e="
        ),
        ValidRequest(
            "all token characters",
            "GET / HTTP/1.1\r\nHost: a\r\n!#$%&'*+-.^_`|~09AZaz: \u{e9}\"\r\n\r\n",
            "GET / - 1.1 keep none host=a !#$%&'*+-.^_`|~09azaz=é\""
        ),
        ValidRequest(
            "1.0",
            "GET / HTTP/1.0\r\n\r\n",
            "GET / - 1.0 close none"
        ),
        ValidRequest(
            "1.0 kept",
            "GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n",
            "GET / - 1.0 keep none connection=Keep-Alive"
        ),
        ValidRequest(
            "closed",
            "GET / HTTP/1.1\r\nHost: a\r\nConnection: te , Close\r\n\r\n",
            "GET / - 1.1 close none host=a connection=te , Close"
        ),
        ValidRequest(
            "length",
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 05\r\n\r\nhello",
            "POST / - 1.1 keep 5 host=a content-length=05 [hello]"
        ),
        ValidRequest(
            "no length",
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n",
            "POST / - 1.1 keep none host=a content-length=0"
        ),
        ValidRequest(
            "expectation",
            "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-Continue\r\nContent-Length: 1\r\n\r\nx",
            "POST / - 1.1 keep expects 1 host=a expect=100-Continue content-length=1 [x]"
        ),
        ValidRequest(
            "chunked",
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n\r\n"
                + "5\r\nhello\r\n006;a=b;c=\"d e\"\r\n world\r\nA\r\n0123456789\r\n0\r\n\r\n",
            "POST / - 1.1 keep chunked host=a transfer-encoding=Chunked [hello world0123456789]"
        ),
        ValidRequest(
            "trailers",
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
                + "1\r\nx\r\n0;last\r\nX: 1\r\nContent-Length: 7\r\n\r\n",
            "POST / - 1.1 keep chunked host=a transfer-encoding=chunked [x]"
        ),
        ValidRequest(
            "pipelined",
            "POST /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nab"
                + "POST /2 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n"
                + "\r\nGET /3 HTTP/1.1\r\nHost: a\r\n\r\n",
            "POST /1 - 1.1 keep 2 host=a content-length=2 [ab]",
            "POST /2 - 1.1 keep chunked host=a transfer-encoding=chunked [x]",
            "GET /3 - 1.1 keep none host=a"
        ),
    ]
}
