/// Writes the heads and the framing of responses.
enum ResponseHead {
    /// How the end of the body is told.
    enum Framing: Equatable {
        /// By a length that is sent.
        case length(Int)
        case chunked
        /// By the end of the connection, for HTTP/1.0.
        case close
        /// There is no body, by the status or the method; nothing tells a length.
        case none
    }

    /// What is said about the connection.
    enum Persistence {
        /// HTTP/1.1 keeps it without a word.
        case implied
        case keepAlive
        case close
    }

    /// Appends a head with the server's own fields and the given ones.
    ///
    /// Fields that frame the message or concern the connection are the server's to write; given
    /// ones of those names are left out, so that they can't contradict it.
    static func append(
        status: Int,
        fields: HTTPFields,
        framing: Framing,
        persistence: Persistence,
        date: [UInt8],
        to output: inout [UInt8]
    ) {
        precondition((200...999).contains(status), "a response's status is between 200 and 999")
        output.append("HTTP/1.1 ")
        output.append(decimal: status)
        output.append(" ")
        output.append(reason(status))
        output.append("\r\n")
        fields.withBytes { bytes in
            fields.forEachRanges { name, value in
                guard !isReserved(bytes.extracting(name).span) else { return }
                output.append(contentsOf: bytes[name])
                output.append(": ")
                output.append(contentsOf: bytes[value])
                output.append("\r\n")
            }
        }
        output.append(contentsOf: date)
        switch framing {
        case .length(let length):
            output.append("content-length: ")
            output.append(decimal: length)
            output.append("\r\n")
        case .chunked: output.append("transfer-encoding: chunked\r\n")
        case .close, .none: break
        }
        switch persistence {
        case .implied: output.append("\r\n")
        case .keepAlive: output.append("connection: keep-alive\r\n\r\n")
        case .close: output.append("connection: close\r\n\r\n")
        }
    }

    /// Appends a chunk; an empty one would end the body and is not written.
    static func append(chunk: [UInt8], to output: inout [UInt8]) {
        guard !chunk.isEmpty else { return }
        output.append(hexadecimal: chunk.count)
        output.append("\r\n")
        output.append(contentsOf: chunk)
        output.append("\r\n")
    }

    static let lastChunk: StaticString = "0\r\n\r\n"
    static let proceed: StaticString = "HTTP/1.1 100 Continue\r\n\r\n"

    private static func isReserved(_ name: Span<UInt8>) -> Bool {
        switch name.count {
        case 4: FieldSyntax.equals(name, "date")
        case 7: FieldSyntax.equals(name, "trailer") || FieldSyntax.equals(name, "upgrade")
        case 10:
            FieldSyntax.equals(name, "connection") || FieldSyntax.equals(name, "keep-alive")
        case 14: FieldSyntax.equals(name, "content-length")
        case 16: FieldSyntax.equals(name, "proxy-connection")
        case 17: FieldSyntax.equals(name, "transfer-encoding")
        default: false
        }
    }

    private static func reason(_ status: Int) -> StaticString {
        switch status {
        case 200: "OK"
        case 201: "Created"
        case 202: "Accepted"
        case 204: "No Content"
        case 206: "Partial Content"
        case 301: "Moved Permanently"
        case 302: "Found"
        case 303: "See Other"
        case 304: "Not Modified"
        case 307: "Temporary Redirect"
        case 308: "Permanent Redirect"
        case 400: "Bad Request"
        case 401: "Unauthorized"
        case 402: "Payment Required"
        case 403: "Forbidden"
        case 404: "Not Found"
        case 405: "Method Not Allowed"
        case 408: "Request Timeout"
        case 409: "Conflict"
        case 413: "Content Too Large"
        case 415: "Unsupported Media Type"
        case 417: "Expectation Failed"
        case 422: "Unprocessable Content"
        case 429: "Too Many Requests"
        case 431: "Request Header Fields Too Large"
        case 500: "Internal Server Error"
        case 501: "Not Implemented"
        case 502: "Bad Gateway"
        case 503: "Service Unavailable"
        case 504: "Gateway Timeout"
        case 505: "HTTP Version Not Supported"
        // Empty is allowed, and nobody reads it.
        default: ""
        }
    }
}

/// The server's own answer to what it refuses, in the form that clients of the APIs expect.
enum Refusal {
    static func body(status: Int, reason: String) -> [UInt8] {
        let type = status >= 500 ? "server_error" : "invalid_request_error"
        let text =
            #"{"error":{"message":"\#(reason)","type":"\#(type)","param":null,"#
            + #""code":"\#(code(status))"}}"#
        return Array(text.utf8)
    }

    static let fields: HTTPFields = ["content-type": "application/json"]

    private static func code(_ status: Int) -> String {
        switch status {
        case 408: "request_timeout"
        case 413: "request_too_large"
        case 417: "expectation_failed"
        case 431: "request_head_too_large"
        case 500: "internal_error"
        case 501: "not_implemented"
        case 505: "version_not_supported"
        default: "bad_request"
        }
    }
}

extension [UInt8] {
    mutating func append(_ text: StaticString) {
        append(
            contentsOf: UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount)
        )
    }

    /// Appends a number that is not negative.
    mutating func append(decimal number: Int) {
        if number >= 10 { append(decimal: number / 10) }
        append(UInt8(0x30 + number % 10))
    }

    /// Appends a number that is not negative, in lower case.
    mutating func append(hexadecimal number: Int) {
        if number >= 16 { append(hexadecimal: number / 16) }
        let digit = UInt8(number % 16)
        append(digit < 10 ? 0x30 + digit : 0x57 + digit)
    }
}
