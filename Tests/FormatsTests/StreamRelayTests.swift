import Schema
import Testing

@testable import Formats

@Suite struct ChatStreamRelayTests {
    private func relayed(
        _ stream: [UInt8],
        wantsUsage: Bool = false,
        choices: Int64 = 1,
        ends: Bool = true
    ) throws -> Relayed {
        try Relayed(
            [stream],
            by: ChatStreamRelay(wantsUsage: wantsUsage, choices: choices),
            ends: ends
        )
    }

    @Test func `a client that asked for usage gets every byte`() throws {
        for stream in Streams.all.prefix(4) {
            #expect(try relayed(stream, wantsUsage: true).output == stream)
        }
    }

    @Test func `a client that did not ask sees no usage chunk and no null usage`() throws {
        let relayed = try relayed(Streams.openAI)
        #expect(text(relayed.output) == text(Streams.openAIWithoutUsage))
        #expect(text(relayed.output).contains(#"The word \"usage\":null"#))
        let report = try #require(relayed.usage)
        #expect(report.tokens.input == 16)
        #expect(report.tokens.cacheRead == 64)
        #expect(report.tokens.cacheWriteShort == 20)
        #expect(report.tokens.output == 12)
        #expect(report.tokens.reasoning == 5)
        #expect(report.serviceTier == .standard)
        #expect(report.isFinal)
        #expect(report.anomalies.isEmpty)
        #expect(relayed.notices.hasFinished)
        #expect(relayed.notices.hasTerminated)
        #expect(relayed.notices.textEvents == 2)
        let written = #"The word "usage":null"# + " café 😀\n"
        #expect(relayed.notices.textBytes == Int64(written.utf8.count))
    }

    @Test func `usage is cut out wherever it stands among the fields`() throws {
        let cases = [
            (#"{"usage":null}"#, "{}"), (#"{ "usage" : null , "a":1}"#, #"{  "a":1}"#),
            (#"{"a":1 , "usage": null }"#, #"{"a":1  }"#),
            (#"{"a":{"usage":null},"usage":null,"b":2}"#, #"{"a":{"usage":null},"b":2}"#),
            (#"{"a":{"usage":null}}"#, #"{"a":{"usage":null}}"#),
        ]
        for (chunk, expected) in cases {
            let output = try relayed(bytes("id: 1\ndata: \(chunk)\r\n\n")).output
            #expect(text(output) == "id: 1\ndata: \(expected)\r\n\n")
        }
        let lines = try relayed(bytes("data: {\"a\":1,\ndata: \"usage\":null}\n\n")).output
        #expect(text(lines) == "data: {\"a\":1}\n\n")
    }

    @Test func `usage with the finish reason and without DONE is taken (transformers serve)`()
        throws
    {
        let relayed = try relayed(Streams.withoutDone)
        #expect(relayed.output == Streams.withoutDone)
        #expect(relayed.usage?.tokens.output == 2)
        #expect(relayed.usage?.isFinal == true)
        #expect(relayed.notices.hasFinished)
        #expect(relayed.notices.hasTerminated == false)
    }

    @Test func `usage on every chunk is a running count, never summed (vLLM)`() throws {
        let relayed = try relayed(Streams.continuous)
        #expect(relayed.output == Streams.continuous)
        #expect(relayed.usage?.tokens.input == 7)
        #expect(relayed.usage?.tokens.output == 3)
        #expect(relayed.usage?.isFinal == true)
    }

    @Test func `a running count cut short is not final (facility 248)`() throws {
        let cut = bytes(String(text(Streams.continuous).prefix(200)))
        let report = try relayed(cut).usage
        #expect(report?.tokens.output == 1)
        #expect(report?.isFinal == false)
    }

    @Test func `an early usage does not hide the cache reads of a later one (new-api 7472)`() throws
    {
        let stream = bytes(
            #"data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}],"usage":{"prompt_tokens":50,"completion_tokens":4}}"#
                + "\n\n"
                + #"data: {"choices":[],"usage":{"prompt_tokens":50,"completion_tokens":5,"prompt_tokens_details":{"cached_tokens":40}}}"#
                + "\n\ndata: [DONE]\n\n"
        )
        let tokens = try relayed(stream).usage?.tokens
        #expect(tokens?.input == 10)
        #expect(tokens?.cacheRead == 40)
        #expect(tokens?.output == 5)
    }

    @Test func `every choice must finish before the answer has`() throws {
        let finish = { (index: Int) in
            "data: {\"choices\":[{\"finish_reason\":\"stop\",\"delta\":{},\"index\":\(index)}]}\n\n"
        }
        #expect(try relayed(bytes(finish(0) + finish(0)), choices: 2).notices.hasFinished == false)
        #expect(try relayed(bytes(finish(1) + finish(0)), choices: 2).notices.hasFinished)
        let empty = bytes(
            "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"\"}]}\n\n"
        )
        #expect(try relayed(empty).notices.hasFinished == false)
    }

    @Test(arguments: [
        #"data: {"error":{"message":"Slow \"down\"","type":"server_error","param":null,"code":null}}"#,
        "event: error\ndata: {\"error\":{\"message\":\"Slow \\\"down\\\"\",\"type\":\"server_error\"}}",
        #"data: {"choices":[],"error":{"code":502,"message":"Slow \"down\"","type":"server_error"}}"#,
    ])
    func `an error inside a stream is held back and told (new-api 5288)`(event: String) throws {
        let before = Streams.chunk(#"{"content":"Hi"}"#) + "\n\n"
        let stream = bytes(before + event + "\n\n" + before + "data: [DONE]\n\n")
        let relayed = try relayed(stream, wantsUsage: true)
        #expect(text(relayed.output) == before)
        #expect(relayed.notices.upstreamError?.type == "server_error")
        #expect(relayed.notices.upstreamError?.message == "Slow \"down\"")
        #expect(relayed.usage == nil)
    }

    @Test func `an empty error is none, and a bare one is`() throws {
        for none in ["null", "{}", "\"\"", "false"] {
            let stream = bytes("data: {\"choices\":[],\"error\":\(none)}\n\n")
            #expect(try relayed(stream).output == stream)
        }
        for some in ["\"boom\"", "true", "500"] {
            let relayed = try relayed(bytes("data: {\"error\":\(some)}\n\n"))
            #expect(relayed.output.isEmpty)
            #expect(relayed.notices.upstreamError != nil)
        }
        let plain = try relayed(bytes("event: error\ndata: out of memory\n\n"))
        #expect(plain.output.isEmpty)
        #expect(plain.notices.upstreamError?.message == "out of memory")
    }

    @Test func `what is not JSON passes and is noticed`() throws {
        let stream = bytes("data: <html>\n\ndata: {\"usage\":{\"prompt_tokens\":1}\n\n")
        let relayed = try relayed(stream)
        #expect(relayed.output == stream)
        #expect(relayed.notices.unreadableEvents == 2)
    }

    @Test func `a stream cut inside an event leaves the client a place for the error`() throws {
        let whole = Streams.chunk(#"{"content":"Hi"}"#, more: #","x":1"#) + "\n\n"
        for tail in ["data: {\"choices\":[{\"del", "event: chu", ": comm", "data: [DON", "\r"] {
            let relayed = try relayed(bytes(whole + tail), wantsUsage: true)
            #expect(text(relayed.output) == whole)
            #expect(relayed.notices.endedInsideEvent)
            #expect(relayed.notices.hasTerminated == false)
        }
        // What only lacks its blank line is whole, and its usage counts.
        for end in ["", "\n", "\r\n"] {
            let stream = text(Streams.withoutDone).dropLast(2) + end
            let relayed = try relayed(bytes(String(stream)))
            #expect(relayed.usage?.isFinal == true)
            #expect(relayed.notices.endedInsideEvent == false)
            #expect(text(relayed.output) == stream + "\n\n")
        }
    }

    @Test func `breaking off is an error event and never DONE`() throws {
        let error = APIError(.upstreamFailed, "The upstream\nbroke off.")
        let event = ChatStreamRelay(wantsUsage: true).breakOff(with: error, requestID: "req_1")
        #expect(
            text(event)
                == #"data: {"error":{"message":"The upstream\nbroke off.","type":"server_error","#
                + #""param":null,"code":"upstream_error"}}"# + "\n\n"
        )
        let read = try relayed(Streams.withoutDone + event, wantsUsage: true)
        #expect(read.notices.upstreamError?.type == "server_error")
        #expect(read.notices.hasTerminated == false)
    }
}

@Suite struct MessagesStreamRelayTests {
    private func relayed(_ stream: [UInt8], asked: CacheWrites = .none) throws -> Relayed {
        try Relayed([stream], by: MessagesStreamRelay(cacheWritesAsked: asked))
    }

    @Test func `a message passes byte for byte, and later usage overwrites field by field`() throws
    {
        let relayed = try relayed(Streams.anthropic)
        #expect(relayed.output == Streams.anthropic)
        let report = try #require(relayed.usage)
        #expect(report.tokens.input == 30)
        #expect(report.tokens.cacheRead == 2_000)
        #expect(report.tokens.cacheWriteShort == 100)
        #expect(report.tokens.cacheWriteLong == 400)
        #expect(report.tokens.output == 45)
        #expect(report.tokens.reasoning == 8)
        #expect(report.webSearches == 1)
        #expect(report.serviceTier == .standard)
        #expect(report.isFinal)
        #expect(report.anomalies.isEmpty)
        #expect(relayed.notices.hasFinished)
        #expect(relayed.notices.hasTerminated)
        #expect(relayed.notices.upstreamError == nil)
        #expect(relayed.notices.textEvents == 3)
        #expect(relayed.notices.textBytes == Int64("Hmevent: error{\"a\"".utf8.count))
    }

    @Test func `without a message delta the count is only a beginning (new-api 4760)`() throws {
        let cut = try #require(text(Streams.anthropic).firstRange(of: "event: message_delta"))
        let start = bytes(String(text(Streams.anthropic)[..<cut.lowerBound]))
        let relayed = try relayed(start)
        #expect(relayed.usage?.tokens.output == 1)
        #expect(relayed.usage?.isFinal == false)
        #expect(relayed.notices.hasContent)
        let stop = bytes("event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n")
        let stopped = try self.relayed(start + stop)
        #expect(stopped.notices.hasTerminated)
        #expect(stopped.usage?.isFinal == false)
    }

    @Test func `tokens that move between fields are not counted twice (bifrost 5354)`() throws {
        let stream = bytes(
            "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"usage\":{\"input_tokens\":1000,\"output_tokens\":0}}}\n\n"
                + "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"},"
                + "\"usage\":{\"input_tokens\":100,\"cache_read_input_tokens\":900,\"output_tokens\":5}}\n\n"
        )
        let tokens = try relayed(stream).usage?.tokens
        #expect(tokens?.inputTotal == 1_000)
        #expect(tokens?.cacheRead == 900)
    }

    @Test func `an error event is held back, a ping and an unknown event are not`() throws {
        let fine =
            "event: ping\ndata: {\"type\":\"ping\"}\n\nevent: new\ndata: {\"type\":\"new\"}\n\n"
        let error =
            "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"Overloaded\"}}\n\n"
        let relayed = try relayed(bytes(fine + error + fine))
        #expect(text(relayed.output) == fine)
        #expect(relayed.notices.upstreamError?.type == "overloaded_error")
        #expect(relayed.notices.upstreamError?.message == "Overloaded")
    }

    @Test func `a stream cut inside an event leaves the client a place for the error`() throws {
        let relayed = try relayed(Streams.anthropic + bytes("event: content_block_de"))
        #expect(relayed.output == Streams.anthropic)
        #expect(relayed.notices.endedInsideEvent)
    }

    @Test func `breaking off is an error event and never a stop`() throws {
        let error = APIError(.upstreamTimedOut, "Too slow.")
        let event = MessagesStreamRelay().breakOff(with: error, requestID: "req_1")
        #expect(
            text(event)
                == "event: error\ndata: "
                + #"{"type":"error","error":{"type":"timeout_error","message":"Too slow."},"#
                + #""request_id":"req_1"}"# + "\n\n"
        )
    }
}

@Suite struct StreamSplitTests {
    private static let relays: [any StreamRelay] = [
        ChatStreamRelay(wantsUsage: false), ChatStreamRelay(wantsUsage: true),
        MessagesStreamRelay(cacheWritesAsked: .long),
    ]

    @Test func `what is relayed and counted does not depend on how the bytes arrive`() throws {
        let extra = [
            bytes("data: {\"usage\":null}\r\r\ndata: {\"choices\":[],\"usage\":{}}\r\r\n\r\n"),
            bytes(
                "data: {\"choices\":[],\"usage\":{}}\r\n\r\ndata: {\"a\":1,\ndata: \"usage\":null}\n\n"
            ),
        ]
        for stream in Streams.all + extra {
            for relay in Self.relays {
                let whole = try Relayed([stream], by: relay)
                for index in 0...stream.count {
                    let halves = [Array(stream[..<index]), Array(stream[index...])]
                    #expect(try Relayed(halves, by: relay) == whole)
                }
                #expect(try Relayed(stream.map { [$0] }, by: relay) == whole)
            }
        }
    }

    @Test func `an event is forwarded by the chunk that completes it`() throws {
        for stream in Streams.all {
            for relay in Self.relays.dropFirst() {
                var relay = relay
                var output: [UInt8] = []
                for (index, byte) in stream.enumerated() {
                    try relay.relay([byte], into: &output)
                    let isComplete =
                        stream[...index].suffix(2).elementsEqual([10, 10])
                        || stream[...index].suffix(4).elementsEqual([13, 10, 13, 10])
                    if isComplete { #expect(output.count == index + 1) }
                }
            }
        }
    }

    @Test func `broken streams never crash a relay`() throws {
        var generator = SeededGenerator(seed: 11)
        for _ in 0..<3_000 {
            var stream = Streams.all.randomElement(using: &generator) ?? []
            for _ in 0..<Int.random(in: 1...6, using: &generator) {
                let index = Int.random(in: 0..<stream.count, using: &generator)
                stream[index] = UInt8.random(in: 0...255, using: &generator)
            }
            let cut = Int.random(in: 0...stream.count, using: &generator)
            for relay in Self.relays {
                let chunks = [Array(stream[..<cut]), Array(stream[cut...])]
                let relayed = try Relayed(chunks, by: relay)
                for tokenClass in TokenClass.allCases {
                    #expect((relayed.usage?.tokens[tokenClass] ?? 0) >= 0)
                }
            }
        }
    }

    @Test func `an endless event stops the relay`() throws {
        var relay = ChatStreamRelay(wantsUsage: true, eventBytesMax: 100)
        var output: [UInt8] = []
        try relay.relay(bytes("data: {}\n\n"), into: &output)
        #expect(throws: ServerSentEventError.eventTooLarge(bytesMax: 100)) {
            try relay.relay(
                bytes("data: {}\n\n" + String(repeating: "x", count: 101)),
                into: &output
            )
        }
        #expect(text(output) == "data: {}\n\ndata: {}\n\n")
    }
}
