import Testing

@testable import Curl

/// What a response comes to must not depend on how its bytes were split.
@Suite struct ResponseReaderTests {
    private struct Outcome: Equatable {
        var status: Int?
        var body = ""
        /// How many bytes were of the response; nil when it did not end.
        var length: Int?
        var keepsConnection = false
        var failure: CurlError.Kind?
    }

    /// Reads pieces of this many bytes; `ends` when the connection ends behind them.
    private func read(
        _ text: String,
        by pieceBytes: Int,
        ends: Bool = false,
        answersHead: Bool = false
    ) -> Outcome {
        var reader = ResponseReader(
            bytesMax: 200,
            fieldCountMax: 20,
            answersHead: answersHead
        )
        var outcome = Outcome()
        let bytes = Array(text.utf8)
        var start = 0
        do throws(CurlError) {
            while start < bytes.count, outcome.length == nil {
                let piece = Array(bytes[start..<min(start + pieceBytes, bytes.count)])
                try feed(piece, at: start, to: &reader, &outcome)
                start += piece.count
            }
            if ends {
                try reader.endOfInput()
                outcome.length = bytes.count
            }
        } catch {
            outcome.failure = error.kind
        }
        outcome.keepsConnection = reader.keepsConnection
        return outcome
    }

    private func feed(
        _ piece: [UInt8],
        at start: Int,
        to reader: inout ResponseReader,
        _ outcome: inout Outcome
    ) throws(CurlError) {
        try piece.withUnsafeBufferPointer { piece throws(CurlError) in
            let input = UnsafeRawBufferPointer(piece)
            var offset = 0
            while let event = try reader.next(in: input, at: &offset) {
                switch event {
                case .head(let head): outcome.status = head.status
                case .body(let range): outcome.body += String(decoding: input[range], as: UTF8.self)
                case .end:
                    outcome.length = start + offset
                    return
                }
            }
        }
    }

    /// The one outcome, whatever the pieces.
    private func outcome(
        of text: String,
        ends: Bool = false,
        answersHead: Bool = false
    ) -> Outcome {
        let whole = read(text, by: text.utf8.count, ends: ends, answersHead: answersHead)
        for pieceBytes in [1, 2, 3, 7] {
            let pieces = read(text, by: pieceBytes, ends: ends, answersHead: answersHead)
            #expect(pieces == whole, "in pieces of \(pieceBytes)")
        }
        return whole
    }

    private static let ok = "HTTP/1.1 200 OK\r\n"

    @Test func `a length ends the body`() {
        let response = Self.ok + "content-length: 3\r\n\r\nabc"
        let outcome = outcome(of: response + "HTTP/1.1 500 No\r\n")
        #expect(outcome.body == "abc")
        #expect(outcome.length == response.utf8.count)
        #expect(outcome.keepsConnection)
    }

    @Test(arguments: [
        "3\r\nabc\r\n0\r\n\r\n", "1\r\na\r\n2;x=y\r\nbc\r\n000\r\n\r\n",
        "3  \r\nabc\r\n0\r\nx-sum: 1\r\n\r\n",
    ])
    func `the empty chunk and its trailers end the body`(chunks: String) {
        let response = Self.ok + "transfer-encoding: chunked\r\n\r\n" + chunks
        let outcome = outcome(of: response + "more")
        #expect(outcome.body == "abc")
        #expect(outcome.length == response.utf8.count)
        #expect(outcome.keepsConnection)
        #expect(outcome.failure == nil)
    }

    @Test(arguments: [
        "x\r\n", "\r\n", "-1\r\n", "0x3\r\n", "3\nabc\r\n", "3\r\nabcd\r\n", "3\r\nabc\n0\r\n",
        "fffffffffffffffff\r\n", "1;\u{0}\r\n",
    ])
    func `bad chunks are refused`(chunks: String) {
        let outcome = outcome(of: Self.ok + "transfer-encoding: chunked\r\n\r\n" + chunks)
        #expect(outcome.failure == .protocolViolation)
        #expect(outcome.length == nil)
    }

    @Test func `some answers have no body whatever they say`() {
        for (status, answersHead) in [("204 None", false), ("304 Same", false), ("200 OK", true)] {
            let outcome = outcome(
                of: "HTTP/1.1 \(status)\r\ncontent-length: 5\r\n\r\n",
                answersHead: answersHead
            )
            #expect(outcome.length != nil)
            #expect(outcome.body.isEmpty)
            #expect(outcome.keepsConnection)
        }
    }

    @Test func `without either the connection's end ends the body`() {
        let open = outcome(of: Self.ok + "\r\nabc")
        #expect(open.length == nil)
        #expect(open.body == "abc")
        let closed = outcome(of: Self.ok + "\r\nabc", ends: true)
        #expect(closed.length != nil)
        #expect(!closed.keepsConnection)
    }

    @Test(arguments: [
        ("", CurlError.Kind.reset), ("HTTP/1.1 200 OK\r\n", .reset),
        ("HTTP/1.1 100 Continue\r\n\r\n", .reset),
        ("HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nab", .truncated),
        ("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\na", .truncated),
        ("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n", .truncated),
    ])
    func `an end anywhere else is none`(response: String, kind: CurlError.Kind) {
        #expect(outcome(of: response, ends: true).failure == kind)
    }

    @Test func `interim heads are skipped, and trailers count with the head`() {
        let interim = "HTTP/1.1 103 Early Hints\r\nlink: a\r\n\r\n"
        let chunked = Self.ok + "transfer-encoding: chunked\r\n\r\n0\r\n"
        #expect(outcome(of: interim + chunked + "\r\n").status == 200)
        let trailers = String(repeating: "x-sum: 1\r\n", count: 20)
        #expect(outcome(of: chunked + trailers + "\r\n").failure == .headTooLarge)
    }

    @Test func `a line without end is bounded`() {
        let endless = Self.ok + "x: " + String(repeating: "y", count: 300)
        #expect(outcome(of: endless).failure == .headTooLarge)
    }
}
