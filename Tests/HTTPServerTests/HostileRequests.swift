import HTTPServer
import Testing

/// A request that must be refused, and how.
struct HostileRequest: CustomTestStringConvertible {
    let testDescription: String
    let bytes: [UInt8]
    let status: Int

    init(_ name: String, _ status: Int, _ text: String) {
        self.init(name, status, Array(text.utf8))
    }

    init(_ name: String, _ status: Int, _ bytes: [UInt8]) {
        testDescription = name
        self.bytes = bytes
        self.status = status
    }

    /// The limits that the cases about limits assume.
    static var limits: HTTPLimits {
        var limits = HTTPLimits()
        limits.headBytesMax = 1_024
        limits.fieldCountMax = 20
        limits.bodyBytesMax = 100
        return limits
    }

    private static func post(_ fields: String, _ body: String = "") -> String {
        "POST / HTTP/1.1\r\nHost: a\r\n\(fields)\r\n\r\n\(body)"
    }

    private static func chunked(_ body: String) -> String {
        post("Transfer-Encoding: chunked", body)
    }

    private static func get(_ fields: String) -> String {
        "GET / HTTP/1.1\r\n\(fields)\r\n\r\n"
    }

    static let requestLines = [
        HostileRequest("lower-case method", 400, "get / HTTP/1.1\r\nHost: a\r\n\r\n"),
        HostileRequest("method with a separator", 400, "GE(T / HTTP/1.1\r\nHost: a\r\n\r\n"),
        HostileRequest("space before the method", 400, " GET / HTTP/1.1\r\nHost: a\r\n\r\n"),
        HostileRequest("two spaces", 400, "GET  / HTTP/1.1\r\nHost: a\r\n\r\n"),
        HostileRequest("tab for a space", 400, "GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n"),
        HostileRequest("space in the target", 400, "GET /a b HTTP/1.1\r\nHost: a\r\n\r\n"),
        HostileRequest("space after the version", 400, "GET / HTTP/1.1 \r\nHost: a\r\n\r\n"),
        HostileRequest("no version", 400, "GET /\r\nHost: a\r\n\r\n"),
        HostileRequest("no target", 400, "GET HTTP/1.1\r\nHost: a\r\n\r\n"),
        HostileRequest("lower-case version", 400, "GET / http/1.1\r\nHost: a\r\n\r\n"),
        HostileRequest("long version", 400, "GET / HTTP/1.10\r\nHost: a\r\n\r\n"),
        HostileRequest("target without slash", 400, "GET a HTTP/1.1\r\nHost: a\r\n\r\n"),
        HostileRequest("asterisk with GET", 400, "GET * HTTP/1.1\r\nHost: a\r\n\r\n"),
        HostileRequest(
            "absolute form without host",
            400,
            "GET http:///a HTTP/1.1\r\nHost: a\r\n\r\n"
        ),
        HostileRequest("other scheme", 400, "GET ftp://a/b HTTP/1.1\r\nHost: a\r\n\r\n"),
        HostileRequest("fragment", 400, "GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n"),
        HostileRequest("NUL in the target", 400, "GET /\0 HTTP/1.1\r\nHost: a\r\n\r\n"),
        HostileRequest("DEL in the target", 400, "GET /\u{7f} HTTP/1.1\r\nHost: a\r\n\r\n"),
        HostileRequest("non-ASCII target", 400, "GET /é HTTP/1.1\r\nHost: a\r\n\r\n"),
        HostileRequest("bare CR in the line", 400, "GET /\r HTTP/1.1\r\nHost: a\r\n\r\n"),
        HostileRequest("bare LF after the line", 400, "GET / HTTP/1.1\nHost: a\r\n\r\n"),
        HostileRequest("CR CR LF after the line", 400, "GET / HTTP/1.1\r\r\nHost: a\r\n\r\n"),
        HostileRequest("two empty lines first", 400, "\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"),
        HostileRequest("bare LF first", 400, "\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"),
        HostileRequest("CR first", 400, "\rGET / HTTP/1.1\r\nHost: a\r\n\r\n"),
        HostileRequest("HTTP/2 preface", 505, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
        HostileRequest("HTTP/2.0", 505, "GET / HTTP/2.0\r\nHost: a\r\n\r\n"),
        HostileRequest("HTTP/1.2", 505, "GET / HTTP/1.2\r\nHost: a\r\n\r\n"),
        HostileRequest("HTTP/0.9", 505, "GET / HTTP/0.9\r\nHost: a\r\n\r\n"),
        HostileRequest("CONNECT", 501, "CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n"),
        HostileRequest(
            "endless method",
            501,
            String(repeating: "A", count: 33) + " / HTTP/1.1\r\n\r\n"
        ),
        HostileRequest("a TLS greeting", 400, [0x16, 0x03, 0x01, 0x02, 0x00, 0x01]),
    ]

    static let fields = [
        HostileRequest("no Host", 400, get("Accept: a")),
        HostileRequest("two Hosts", 400, get("Host: a\r\nHost: a")),
        HostileRequest("two Hosts in 1.0", 400, "GET / HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n"),
        HostileRequest("empty Host", 400, get("Host:")),
        HostileRequest("Host with a path", 400, get("Host: a/b")),
        HostileRequest("Host with a user", 400, get("Host: a@b")),
        HostileRequest("Host list", 400, get("Host: a, b")),
        HostileRequest("space before the colon", 400, get("Host : a")),
        HostileRequest("tab before the colon", 400, get("Host\t: a")),
        HostileRequest("space in a name", 400, get("Host: a\r\nX Y: 1")),
        HostileRequest("empty name", 400, get("Host: a\r\n: 1")),
        HostileRequest("no colon", 400, get("Host: a\r\nX")),
        HostileRequest("separator in a name", 400, get("Host: a\r\nX@Y: 1")),
        HostileRequest("non-ASCII name", 400, get("Host: a\r\nÉ: 1")),
        HostileRequest("NUL in a name", 400, get("Host: a\r\nX\0: 1")),
        HostileRequest("fold with a space", 400, get("Host: a\r\nX: 1\r\n 2")),
        HostileRequest("fold with a tab", 400, get("Host: a\r\nX: 1\r\n\t2")),
        HostileRequest("fold first", 400, get(" Host: a\r\nHost: a")),
        HostileRequest("bare CR in a value", 400, get("Host: a\r\nX: 1\rY: 2")),
        HostileRequest("bare LF after a value", 400, get("Host: a\r\nX: 1\nY: 2")),
        HostileRequest("NUL in a value", 400, get("Host: a\r\nX: 1\u{0}2")),
        HostileRequest("control in a value", 400, get("Host: a\r\nX: 1\u{1}2")),
        HostileRequest("DEL in a value", 400, get("Host: a\r\nX: 1\u{7f}2")),
        HostileRequest("bare LF ends the head", 400, "GET / HTTP/1.1\r\nHost: a\r\n\n"),
        HostileRequest("unknown expectation", 417, get("Host: a\r\nExpect: 200-ok")),
        HostileRequest(
            "long line",
            431,
            get("Host: a\r\nX: " + String(repeating: "x", count: 1_024))
        ),
        HostileRequest(
            "long target",
            431,
            "GET /" + String(repeating: "x", count: 1_100) + " HTTP/1.1\r\n\r\n"
        ),
        HostileRequest(
            "long target without end",
            431,
            "GET /" + String(repeating: "x", count: 1_100)
        ),
        HostileRequest(
            "long head of short lines",
            431,
            get(
                "Host: a"
                    + String(
                        repeating: "\r\nX: 01234567890123456789012345678901234567890"
                            + "12345678901234567890",
                        count: 19
                    )
            )
        ),
        HostileRequest(
            "many fields",
            431,
            get("Host: a" + String(repeating: "\r\nX: 1", count: 20))
        ),
    ]

    static let framing = [
        HostileRequest(
            "length and chunked",
            400,
            post("Content-Length: 5\r\nTransfer-Encoding: chunked", "0\r\n\r\n")
        ),
        HostileRequest(
            "chunked and length",
            400,
            post("Transfer-Encoding: chunked\r\nContent-Length: 5", "0\r\n\r\n")
        ),
        HostileRequest(
            "differing lengths",
            400,
            post("Content-Length: 5\r\nContent-Length: 6", "hello")
        ),
        HostileRequest(
            "equal lengths",
            400,
            post("Content-Length: 5\r\nContent-Length: 5", "hello")
        ),
        HostileRequest("length list", 400, post("Content-Length: 5, 5", "hello")),
        HostileRequest("length with plus", 400, post("Content-Length: +13", "hello")),
        HostileRequest("negative length", 400, post("Content-Length: -1", "hello")),
        HostileRequest("length with letters", 400, post("Content-Length: 13abc", "hello")),
        HostileRequest("hexadecimal length", 400, post("Content-Length: 0x5", "hello")),
        HostileRequest("length with a space in it", 400, post("Content-Length: 1 3", "hello")),
        HostileRequest("empty length", 400, post("Content-Length:", "")),
        HostileRequest("length with a decimal point", 400, post("Content-Length: 5.0", "hello")),
        HostileRequest(
            "overflowing length",
            413,
            post("Content-Length: 18446744073709551621", "hello")
        ),
        HostileRequest("length over the limit", 413, post("Content-Length: 101", "hello")),
        HostileRequest("identity", 400, post("Transfer-Encoding: identity", "")),
        HostileRequest("gzip, chunked", 400, post("Transfer-Encoding: gzip, chunked", "0\r\n\r\n")),
        HostileRequest(
            "chunked, chunked",
            400,
            post("Transfer-Encoding: chunked, chunked", "0\r\n\r\n")
        ),
        HostileRequest(
            "chunked twice",
            400,
            post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", "0\r\n\r\n")
        ),
        HostileRequest("xchunked", 400, post("Transfer-Encoding: xchunked", "0\r\n\r\n")),
        HostileRequest("chunked;q=1", 400, post("Transfer-Encoding: chunked;q=1", "0\r\n\r\n")),
        HostileRequest(
            "vertical tab chunked",
            400,
            post("Transfer-Encoding: \u{b}chunked", "0\r\n\r\n")
        ),
        HostileRequest("empty coding", 400, post("Transfer-Encoding:", "0\r\n\r\n")),
        HostileRequest(
            "chunked in 1.0",
            400,
            "POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
        ),
    ]

    static let chunks = [
        HostileRequest("no size", 400, chunked("\r\nhello\r\n0\r\n\r\n")),
        HostileRequest("negative size", 400, chunked("-5\r\nhello\r\n0\r\n\r\n")),
        HostileRequest("signed size", 400, chunked("+5\r\nhello\r\n0\r\n\r\n")),
        HostileRequest("prefixed size", 400, chunked("0x5\r\nhello\r\n0\r\n\r\n")),
        HostileRequest("letters in a size", 400, chunked("5g\r\nhello\r\n0\r\n\r\n")),
        HostileRequest("space before a size", 400, chunked(" 5\r\nhello\r\n0\r\n\r\n")),
        HostileRequest("space after a size", 400, chunked("5 \r\nhello\r\n0\r\n\r\n")),
        HostileRequest("underscore in a size", 400, chunked("5_0\r\nhello\r\n0\r\n\r\n")),
        HostileRequest(
            "endless zeros",
            400,
            chunked(String(repeating: "0", count: 17) + "5\r\nhello\r\n0\r\n\r\n")
        ),
        HostileRequest("overflowing size", 413, chunked("10000000000000005\r\nhello\r\n0\r\n\r\n")),
        HostileRequest("largest size", 413, chunked("ffffffffffffffff\r\nhello\r\n0\r\n\r\n")),
        HostileRequest("size over the limit", 413, chunked("65\r\nhello")),
        HostileRequest(
            "sum over the limit",
            413,
            chunked("32\r\n" + String(repeating: "x", count: 50) + "\r\n33\r\nhello")
        ),
        HostileRequest("bare LF after a size", 400, chunked("5\nhello\r\n0\r\n\r\n")),
        HostileRequest("bare CR after a size", 400, chunked("5\rhello\r\n0\r\n\r\n")),
        HostileRequest("long chunk", 400, chunked("5\r\nhello!\r\n0\r\n\r\n")),
        HostileRequest("no CR LF after a chunk", 400, chunked("5\r\nhello0\r\n\r\n")),
        HostileRequest("bare LF after a chunk", 400, chunked("5\r\nhello\n0\r\n\r\n")),
        HostileRequest("bare CR after a chunk", 400, chunked("5\r\nhello\r0\r\n\r\n")),
        HostileRequest("bare LF in an extension", 400, chunked("5;a\nb\r\nhello\r\n0\r\n\r\n")),
        HostileRequest("NUL in an extension", 400, chunked("5;a\0\r\nhello\r\n0\r\n\r\n")),
        HostileRequest(
            "long extension",
            400,
            chunked("5;" + String(repeating: "x", count: 16_385) + "\r\nhello\r\n0\r\n\r\n")
        ),
        HostileRequest(
            "many extensions",
            400,
            chunked(
                String(
                    repeating: "1;" + String(repeating: "x", count: 400) + "\r\nx\r\n",
                    count: 42
                )
                    + "0\r\n\r\n"
            )
        ),
        HostileRequest("trailer without colon", 400, chunked("0\r\nX\r\n\r\n")),
        HostileRequest("folded trailer", 400, chunked("0\r\nX: 1\r\n 2\r\n\r\n")),
        HostileRequest("NUL in a trailer", 400, chunked("0\r\nX: \0\r\n\r\n")),
        HostileRequest("bare LF in trailers", 400, chunked("0\r\nX: 1\n\r\n")),
        HostileRequest("bare LF ends the trailers", 400, chunked("0\r\n\n")),
        // The server answers for the handler, which only knows that the body is malformed.
        HostileRequest(
            "long trailer",
            431,
            chunked("0\r\nX: " + String(repeating: "x", count: 1_024) + "\r\n\r\n")
        ),
        HostileRequest(
            "many trailers",
            431,
            chunked("0\r\n" + String(repeating: "X: 1\r\n", count: 21) + "\r\n")
        ),
    ]

    static let heads = requestLines + fields + framing
    static let all = heads + chunks
}
