import Testing

@testable import Formats

@Suite struct ServerSentEventDecoderTests {
    /// A block as text: its bytes, name and data.
    private struct Block: Equatable {
        let raw: String
        let name: String?
        let data: String?
    }

    private func blocks(_ chunks: [[UInt8]], finishes: Bool = false) throws -> [Block] {
        var decoder = ServerSentEventDecoder()
        var blocks: [Block] = []
        func take(_ event: ServerSentEvent) {
            let payload = decoder.payload(of: event)
            blocks.append(
                Block(
                    raw: text(Array(decoder.buffer[event.raw])),
                    name: event.name.map { text(Array(decoder.buffer[$0])) },
                    data: payload.map { text(Array($0.bytes[$0.range])) }
                )
            )
        }
        for chunk in chunks {
            decoder.append(chunk)
            while let event = try decoder.next() { take(event) }
        }
        if finishes, let event = decoder.finish() { take(event) }
        return blocks
    }

    private func data(_ stream: String) throws -> [String] {
        try blocks([bytes(stream)]).compactMap(\.data)
    }

    @Test func `data is read with every line end, and as the standard says`() throws {
        #expect(try data("data: a\n\ndata:b\n\n") == ["a", "b"])
        #expect(try data("data: a\r\n\r\ndata:  b\r\n\r\n") == ["a", " b"])
        #expect(try data("data: a\r\rdata: b\r\r") == ["a", "b"])
        #expect(try data("data: a\ndata: b\rdata\r\ndata:\n\n") == ["a\nb\n\n"])
        #expect(try data("data\n\n") == [""])
        #expect(try data("datum: a\n\nda\n\n:data: x\n\n data: y\n\n") == [])
        #expect(try data("\u{feff}data: a\n\n\u{feff}data: b\n\n") == ["a"])
        #expect(try data("id: 1\nretry: 5\nevent: e\ndata: a\n\n") == ["a"])
        #expect(try data("data: a\n") == [])
    }

    @Test func `names belong to their own event`() throws {
        let found = try blocks([bytes("event: a\ndata: 1\n\ndata: 2\n\nevent:b\nevent: c\n\n")])
        #expect(found.map(\.name) == ["a", nil, "c"])
        #expect(found.map(\.data) == ["1", "2", nil])
    }

    @Test func `a block ends with its last byte, not with the next one's first`() throws {
        for end in ["\n\n", "\r\n\r\n", "\r\r", "\n\r\n"] {
            let stream = bytes("data: a" + end)
            #expect(try blocks([stream]).count == 1)
            #expect(try blocks([Array(stream.dropLast())]).isEmpty)
        }
    }

    private static let hostile = [
        "data: a\r\r\ndata: b\r\n\r\r\n\ndata: c\r\r\r\n", "\n\n\r\r\r\n\r\n",
        "data: a\n\r\n\rdata",
        "\u{feff}\n: x\n\nevent: e\rdata: 1\r\ndata: 2\n\n", "data", "data: é😀\r\n\r\n", "\r",
        "data: a\n\r", "data: a\r\n\r", "event: e", "\r\n\rdata: x\r\r\n\r\n",
    ]

    @Test func `the cuts do not depend on how the bytes arrive, and lose none`() throws {
        for stream in Self.hostile.map(bytes) + Streams.all {
            let whole = try blocks([stream], finishes: true)
            #expect(whole.map(\.raw).joined() == text(stream))
            for index in 0...stream.count {
                let halves = [Array(stream[..<index]), Array(stream[index...])]
                #expect(try blocks(halves, finishes: true) == whole)
            }
            #expect(try blocks(stream.map { [$0] }, finishes: true) == whole)
        }
    }

    @Test func `random bytes are cut the same in any chunks`() throws {
        var generator = SeededGenerator(seed: 5)
        for _ in 0..<2_000 {
            let stream = (0..<60).map { _ in
                bytes("\r\n\r\ndata: :x").randomElement(using: &generator) ?? 0
            }
            var chunks: [[UInt8]] = []
            var rest = stream[...]
            while !rest.isEmpty {
                let count = Int.random(in: 1...8, using: &generator)
                chunks.append(Array(rest.prefix(count)))
                rest = rest.dropFirst(count)
            }
            let whole = try blocks([stream], finishes: true)
            #expect(try blocks(chunks, finishes: true) == whole)
            #expect(whole.map(\.raw).joined() == text(stream))
        }
    }

    @Test func `an event without an end is not kept for ever`() throws {
        var decoder = ServerSentEventDecoder(eventBytesMax: 1_000)
        decoder.append(bytes("data: small\n\n"))
        #expect(try decoder.next() != nil)
        decoder.append(bytes("data: " + String(repeating: "x", count: 994)))
        #expect(try decoder.next() == nil)
        decoder.append(bytes("x"))
        #expect(throws: ServerSentEventError.eventTooLarge(bytesMax: 1_000)) {
            try decoder.next()
        }
    }
}
