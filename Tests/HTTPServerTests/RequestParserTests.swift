import HTTPServer
import Testing

@Suite struct RequestParserTests {
    @Test(arguments: ValidRequest.all)
    func `Valid requests give the same events however they are split`(request: ValidRequest) {
        let whole = outcome(of: [request.bytes])
        #expect(whole == request.outcome)
        for cut in 0...request.bytes.count {
            let pieces = [Array(request.bytes[..<cut]), Array(request.bytes[cut...])]
            #expect(outcome(of: pieces) == request.outcome, "split at \(cut)")
        }
        #expect(outcome(of: request.bytes.map { [$0] }) == request.outcome, "byte by byte")
    }

    @Test(arguments: HostileRequest.all)
    func `Hostile requests are refused however they are split`(request: HostileRequest) {
        let whole = outcome(of: [request.bytes])
        #expect(whole.status == request.status)
        // At each byte, but for the few that are long only to pass a limit.
        for cut in stride(
            from: 0,
            through: request.bytes.count,
            by: 1 + request.bytes.count / 2_048
        ) {
            let pieces = [Array(request.bytes[..<cut]), Array(request.bytes[cut...])]
            #expect(outcome(of: pieces) == whole, "split at \(cut)")
        }
        #expect(outcome(of: request.bytes.map { [$0] }) == whole, "byte by byte")
    }

    @Test(arguments: HostileRequest.heads)
    func `What is refused in a head never begins a request`(request: HostileRequest) {
        #expect(outcome(of: [request.bytes]).requests.isEmpty)
    }

    @Test func `No proper beginning of a valid request is refused`() {
        for request in ValidRequest.all {
            for cut in 0..<request.bytes.count {
                let outcome = outcome(of: [Array(request.bytes[..<cut])])
                #expect(outcome.status == nil, "\(request.testDescription) up to \(cut)")
            }
        }
    }

    @Test func `A violation is final`() throws {
        var parser = RequestParser(limits: HTTPLimits())
        let bad = Array("get".utf8)
        let good = Array("GET / HTTP/1.1\r\nHost: a\r\n\r\n".utf8)
        for input in [bad, good] {
            var offset = 0
            #expect(throws: RequestViolation.self) {
                try parser.next(in: input.span, at: &offset)
            }
        }
    }

    @Test func `A head of exactly the limit is taken and one byte more is not`() {
        let frame = "GET / HTTP/1.1\r\nHost: a\r\nX: \r\n\r\n".utf8.count
        func request(_ byteCount: Int) -> [UInt8] {
            let value = String(repeating: "x", count: byteCount - frame)
            return Array("GET / HTTP/1.1\r\nHost: a\r\nX: \(value)\r\n\r\n".utf8)
        }
        #expect(outcome(of: [request(1_024)]).status == nil)
        #expect(outcome(of: [request(1_025)]).status == 431)
    }

    @Test func `Bodies of exactly the limit are taken`() {
        let body = String(repeating: "x", count: 100)
        let declared = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n\(body)"
        let chunked = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
        for text in [declared, chunked + "64\r\n\(body)\r\n0\r\n\r\n"] {
            let outcome = outcome(of: [Array(text.utf8)])
            #expect(outcome.status == nil)
            #expect(outcome.requests.map(\.body) == [Array(body.utf8)])
        }
    }

    @Test func `A parser between requests knows it`() throws {
        var parser = RequestParser(limits: HTTPLimits())
        #expect(parser.isBetweenRequests)
        let bytes = Array("GET / HTTP/1.1\r\nHost: a\r\n\r\n".utf8)
        for byte in bytes.dropLast() {
            var offset = 0
            let piece = [byte]
            _ = try parser.next(in: piece.span, at: &offset)
            #expect(!parser.isBetweenRequests)
        }
        var offset = 0
        let last: [UInt8] = [0x0a]
        _ = try parser.next(in: last.span, at: &offset)
        let event = try parser.next(in: last.span, at: &offset)
        #expect(event == .end)
        #expect(parser.isBetweenRequests)
    }
}

/// What a parser made of an input.
struct Outcome: Equatable {
    struct Request: Equatable {
        var head: RequestHead
        var body: [UInt8] = []
        var isComplete = false
    }

    var requests: [Request] = []
    var status: Int?
}

/// Feeds the pieces one after the other.
func outcome(of pieces: [[UInt8]], limits: HTTPLimits = HostileRequest.limits) -> Outcome {
    var parser = RequestParser(limits: limits)
    var outcome = Outcome()
    for piece in pieces {
        var offset = 0
        do throws(RequestViolation) {
            while let event = try parser.next(in: piece.span, at: &offset) {
                switch event {
                case .head(let head): outcome.requests.append(.init(head: head))
                case .body(let range):
                    outcome.requests[outcome.requests.count - 1].body += piece[range]
                case .end: outcome.requests[outcome.requests.count - 1].isComplete = true
                }
            }
        } catch {
            outcome.status = error.status
            return outcome
        }
    }
    return outcome
}
