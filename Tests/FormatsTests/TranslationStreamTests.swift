import Schema
import Testing

@testable import Formats

/// Streams of one format as clients of another get them.
@Suite struct TranslationStreamTests {
    static let identity = AnswerIdentity(
        id: "7f",
        model: "asked",
        createdAt: Instant(microseconds: 1_700_000_000_000_000)
    )

    static func call(_ client: Endpoint, _ upstream: APIFormat) throws -> TranslatedCall {
        let fields = #""model":"asked","stream":true,"#
        let input =
            client == .responses
            ? #""input":"Hello there","max_output_tokens":99"#
            : #""messages":[{"role":"user","content":"Hello there"}],"max_tokens":99"#
        let translation = try #require(
            Translation.between(client, upstream, hasResponses: false)
        )
        return try translation.call(from: bytes("{\(fields)\(input)}"), outputCap: nil)
    }

    static func relayed(
        _ stream: [UInt8],
        _ client: Endpoint,
        _ upstream: APIFormat,
        wantsUsage: Bool = true,
        sizes: (Int) -> Int = { _ in 1 << 20 }
    ) throws -> Relayed {
        var chunks: [[UInt8]] = []
        var start = 0
        while start < stream.count {
            let end = min(stream.count, start + sizes(chunks.count))
            chunks.append(Array(stream[start..<end]))
            start = end
        }
        return try Relayed(
            chunks,
            by: try call(client, upstream).makeStreamRelay(as: identity, wantsUsage: wantsUsage)
        )
    }

    static func chunk(_ delta: String, _ finish: String = "null") -> String {
        #"data: {"id":"c","choices":[{"index":0,"delta":\#(delta),"finish_reason":\#(finish)}]}"#
            + "\n\n"
    }

    static let usage =
        #"{"prompt_tokens":100,"completion_tokens":12,"total_tokens":112,"prompt_tokens_details":{"cached_tokens":64,"cache_write_tokens":20},"completion_tokens_details":{"reasoning_tokens":5}}"#

    static let usageChunk = #"data: {"choices":[],"usage":\#(usage)}"# + "\n\n"

    /// The lines of data of the events, which are what SDKs read.
    static func data(_ output: [UInt8]) -> [String] {
        text(output).split(separator: "\n").filter { $0.hasPrefix("data: ") }
            .map { String($0.dropFirst(6)) }
    }

    /// Each pair of a client's route and an upstream of another format.
    static let pairs: [(Endpoint, APIFormat)] = [
        (.chatCompletions, .anthropic), (.responses, .anthropic), (.messages, .openAI),
        (.responses, .openAI),
    ]

    // MARK: golden

    @Test func `a chat becomes a message, its usage at the end`() throws {
        let stream =
            Self.chunk(#"{"role":"assistant","content":""}"#)
            + Self.chunk(#"{"content":"Gr\u00fc\u00dfe"}"#) + Self.chunk(#"{"content":" \"x\"\n"}"#)
            + Self.chunk("{}", #""stop""#) + Self.usageChunk + "data: [DONE]\n\n"
        let output = try Self.relayed(bytes(stream), .messages, .openAI).output
        let estimate = try inputEstimate()
        let expected: [(name: String, data: String)] = [
            (
                "message_start",
                #"{"type":"message_start","message":{"id":"msg_7f","type":"message","role":"assistant","model":"asked","content":[],"stop_reason":null,"stop_sequence":null,"usage":{"input_tokens":\#(estimate),"cache_creation_input_tokens":0,"cache_read_input_tokens":0,"output_tokens":0}}}"#
            ),
            (
                "content_block_start",
                #"{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}"#
            ),
            (
                "content_block_delta",
                #"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Gr\u00fc\u00dfe"}}"#
            ),
            (
                "content_block_delta",
                #"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":" \"x\"\n"}}"#
            ),
            ("content_block_stop", #"{"type":"content_block_stop","index":0}"#),
            (
                "message_delta",
                #"{"type":"message_delta","delta":{"stop_reason":"end_turn","stop_sequence":null},"usage":{"input_tokens":16,"cache_creation_input_tokens":20,"cache_read_input_tokens":64,"output_tokens":12,"output_tokens_details":{"thinking_tokens":5}}}"#
            ),
            ("message_stop", #"{"type":"message_stop"}"#),
        ]
        let events = expected.map { "event: \($0.name)\ndata: \($0.data)\n\n" }
        #expect(text(output) == events.joined())
    }

    private func inputEstimate() throws -> Int64 {
        TokenEstimate.input(of: try Self.call(.messages, .openAI).facts)
    }

    @Test func `a message becomes a chat, thinking beside its text`() throws {
        let output = try Self.relayed(Streams.anthropic, .chatCompletions, .anthropic).output
        let frame =
            #"{"id":"chatcmpl-7f","object":"chat.completion.chunk","created":1700000000,"model":"asked","choices":["#
        func delta(_ delta: String, _ finish: String = "null") -> String {
            frame
                + #"{"index":0,"delta":\#(delta),"logprobs":null,"finish_reason":\#(finish)}],"usage":null}"#
        }
        #expect(
            Self.data(output) == [
                delta(#"{"role":"assistant","content":""}"#),
                delta(
                    #"{"reasoning_content":"Hm","reasoning_details":[{"type":"reasoning.text","index":0,"text":"Hm"}]}"#
                ),
                delta(
                    #"{"reasoning_details":[{"type":"reasoning.text","index":0,"signature":"c2ln"}]}"#
                ),
                delta(#"{"content":"event: error"}"#),
                delta("{}", #""tool_calls""#),
                frame
                    + #"],"usage":{"prompt_tokens":2530,"completion_tokens":45,"total_tokens":2575,"#
                    + #""prompt_tokens_details":{"cached_tokens":2000,"cache_write_tokens":500,"audio_tokens":0},"#
                    + #""completion_tokens_details":{"reasoning_tokens":8,"audio_tokens":0}}}"#,
                "[DONE]",
            ]
        )
        let without = try Self.relayed(
            Streams.anthropic,
            .chatCompletions,
            .anthropic,
            wantsUsage: false
        )
        #expect(!text(without.output).contains("usage"))
        #expect(without.usage?.tokens.output == 45)
    }

    @Test func `a chat becomes a response, event by event and numbered`() throws {
        let stream =
            Self.chunk(#"{"role":"assistant","reasoning_content":"Hm"}"#)
            + Self.chunk(#"{"content":"Hi"}"#)
            + Self.chunk(
                #"{"tool_calls":[{"index":0,"id":"call_1","type":"function","function":{"name":"f","arguments":""}}]}"#
            ) + Self.chunk(#"{"tool_calls":[{"index":0,"function":{"arguments":"{\"a\":1}"}}]}"#)
            + Self.chunk("{}", #""tool_calls""#) + Self.usageChunk + "data: [DONE]\n\n"
        let output = try Self.relayed(bytes(stream), .responses, .openAI).output
        let names = text(output).split(separator: "\n").filter { $0.hasPrefix("event: ") }
            .map { String($0.dropFirst(7)) }
        #expect(
            names == [
                "response.created", "response.in_progress",
                "response.output_item.added", "response.reasoning_summary_part.added",
                "response.reasoning_summary_text.delta", "response.reasoning_summary_text.done",
                "response.reasoning_summary_part.done", "response.output_item.done",
                "response.output_item.added", "response.content_part.added",
                "response.output_text.delta", "response.output_text.done",
                "response.content_part.done", "response.output_item.done",
                "response.output_item.added", "response.function_call_arguments.delta",
                "response.function_call_arguments.done", "response.output_item.done",
                "response.completed",
            ]
        )
        let data = Self.data(output)
        for (number, line) in data.enumerated() {
            #expect(line.contains(#""sequence_number":\#(number)"#))
        }
        // one-api 406: the item carries the identifier that its result is to name.
        #expect(
            data[14].contains(#""type":"function_call","status":"in_progress","call_id":"call_1""#)
        )
        let end = try #require(data.last)
        #expect(end.contains(#""status":"completed""#))
        #expect(end.contains(#""arguments":"{\"a\":1}""#))
        #expect(
            end.contains(
                #""usage":{"input_tokens":100,"input_tokens_details":{"cached_tokens":64,"cache_write_tokens":20},"output_tokens":12,"output_tokens_details":{"reasoning_tokens":5},"total_tokens":112}"#
            )
        )
    }

    @Test func `an answer cut by its cap is an incomplete response (litellm 34352)`() throws {
        let stream =
            Self.chunk(#"{"content":"Hi"}"#) + Self.chunk("{}", #""length""#) + Self.usageChunk
            + "data: [DONE]\n\n"
        let response = try Self.relayed(bytes(stream), .responses, .openAI)
        #expect(text(response.output).contains("event: response.incomplete\n"))
        #expect(
            text(response.output).contains(#""incomplete_details":{"reason":"max_output_tokens"}"#)
        )
        // litellm 1.108.7, new-api 1761: not end_turn.
        let message = try Self.relayed(bytes(stream), .messages, .openAI)
        #expect(text(message.output).contains(#""stop_reason":"max_tokens""#))
    }

    // MARK: tools

    private static func call(_ index: Int, _ id: String, _ name: String) -> String {
        chunk(
            #"{"tool_calls":[{"index":\#(index),"id":"\#(id)","type":"function","function":{"name":"\#(name)","arguments":""}}]}"#
        )
    }

    private static func arguments(_ index: Int, _ text: String) -> String {
        chunk(#"{"tool_calls":[{"index":\#(index),"function":{"arguments":"\#(text)"}}]}"#)
    }

    @Test func `interleaved calls are blocks one behind the other, all of them (bifrost 3441)`()
        throws
    {
        let stream =
            Self.chunk(#"{"content":"So:"}"#) + Self.call(0, "a", "f") + Self.arguments(0, "{")
            + Self.call(1, "b", "g") + Self.arguments(1, "[1") + Self.arguments(0, "}")
            + Self.arguments(1, "]") + Self.chunk("{}", #""tool_calls""#) + Self.usageChunk
            + "data: [DONE]\n\n"
        let events = Self.data(try Self.relayed(bytes(stream), .messages, .openAI).output)
        var open: Int?
        var inputs: [String] = []
        for event in events {
            if event.contains(#""content_block_start""#) {
                #expect(open == nil)
                open = inputs.count
                inputs.append("")
            } else if event.contains(#""content_block_stop""#) {
                #expect(open != nil)
                open = nil
            } else if let start = event.firstRange(of: #""partial_json":""#) {
                inputs[try #require(open)] += event[start.upperBound...].dropLast(3)
            }
        }
        #expect(inputs == ["", "{}", "[1]"])
        #expect(text(Array(events.joined().utf8)).contains(#""stop_reason":"tool_use""#))
    }

    @Test func `calls that all have the index 0 are told apart by their identifiers`() throws {
        let stream =
            Self.call(0, "a", "f") + Self.arguments(0, "1") + Self.call(0, "b", "g")
            + Self.arguments(0, "2") + Self.chunk("{}", #""tool_calls""#) + "data: [DONE]\n\n"
        let output = text(try Self.relayed(bytes(stream), .messages, .openAI).output)
        #expect(output.contains(#""id":"a","name":"f""#))
        #expect(output.contains(#""id":"b","name":"g""#))
        #expect(
            output.contains(#""index":1,"delta":{"type":"input_json_delta","partial_json":"2"}"#)
        )
    }

    @Test func `calls with the finish reason stop are still use of tools (bifrost 3638, 6123)`()
        throws
    {
        let stream = Self.call(0, "a", "f") + Self.chunk("{}", #""stop""#) + "data: [DONE]\n\n"
        let output = try Self.relayed(bytes(stream), .messages, .openAI).output
        #expect(text(output).contains(#""stop_reason":"tool_use""#))
    }

    @Test func `reasoning makes no calls of tools (litellm 8951)`() throws {
        let stream =
            Self.chunk(#"{"reasoning_content":"Hm","reasoning":"Hm","tool_calls":[]}"#)
            + Self.chunk(#"{"content":"Hi","tool_calls":null}"#) + Self.chunk("{}", #""stop""#)
            + "data: [DONE]\n\n"
        let output = text(try Self.relayed(bytes(stream), .messages, .openAI).output)
        #expect(!output.contains("tool_use"))
        #expect(output.split(separator: #""thinking_delta""#).count == 2)
        #expect(output.contains(#"{"type":"signature_delta","signature":"unsigned"}"#))
    }

    @Test func `the index of a call is its own, not its block's`() throws {
        let stream = bytes(
            [
                #"{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}"#,
                #"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"a"}}"#,
                #"{"type":"content_block_stop","index":0}"#,
                #"{"type":"content_block_start","index":1,"content_block":{"type":"tool_use","id":"t1","name":"f","input":{}}}"#,
                #"{"type":"content_block_delta","index":1,"delta":{"type":"input_json_delta","partial_json":""}}"#,
                #"{"type":"content_block_delta","index":1,"delta":{"type":"input_json_delta","partial_json":"{}"}}"#,
                #"{"type":"content_block_stop","index":1}"#,
                #"{"type":"content_block_start","index":2,"content_block":{"type":"tool_use","id":"t2","name":"g","input":{"b":2}}}"#,
                #"{"type":"content_block_stop","index":2}"#,
                #"{"type":"message_delta","delta":{"stop_reason":"tool_use"},"usage":{"output_tokens":3}}"#,
                #"{"type":"message_stop"}"#,
            ].map { "event: x\ndata: \($0)\n\n" }.joined()
        )
        let output = text(try Self.relayed(stream, .chatCompletions, .anthropic).output)
        #expect(output.contains(#"{"tool_calls":[{"index":0,"id":"t1""#))
        #expect(output.contains(#"{"tool_calls":[{"index":0,"function":{"arguments":"{}"}}]}"#))
        #expect(output.contains(#"{"tool_calls":[{"index":1,"id":"t2""#))
        #expect(
            output.contains(#"{"tool_calls":[{"index":1,"function":{"arguments":"{\"b\":2}"}}]}"#)
        )
    }

    @Test func `a text without a start has one (9router 2225)`() throws {
        let relayed = try Self.relayed(Streams.anthropic, .responses, .anthropic)
        let output = text(relayed.output)
        let added = output.split(separator: "event: response.output_item.added").count - 1
        #expect(added == output.split(separator: "event: response.output_item.done").count - 1)
        #expect(added == 2)
    }

    @Test func `two blocks of thinking are told apart by their index`() throws {
        func block(_ index: Int, _ text: String, _ signature: String) -> [String] {
            [
                #"{"type":"content_block_start","index":\#(index),"content_block":{"type":"thinking","thinking":"","signature":""}}"#,
                #"{"type":"content_block_delta","index":\#(index),"delta":{"type":"thinking_delta","thinking":"\#(text)"}}"#,
                #"{"type":"content_block_delta","index":\#(index),"delta":{"type":"signature_delta","signature":"\#(signature)"}}"#,
                #"{"type":"content_block_stop","index":\#(index)}"#,
            ]
        }
        let stream = (block(0, "Hm", "c2ln") + block(1, "Ha", "bmV4dA"))
            .map { "event: x\ndata: \($0)\n\n" }.joined()
        let output = text(try Self.relayed(bytes(stream), .chatCompletions, .anthropic).output)
        for (index, text, signature) in [(0, "Hm", "c2ln"), (1, "Ha", "bmV4dA")] {
            let detail = #""reasoning_details":[{"type":"reasoning.text","index":\#(index),"#
            #expect(output.contains(#""\#(text)",\#(detail)"text":"\#(text)"}]}"#))
            #expect(output.contains(#"{\#(detail)"signature":"\#(signature)"}]}"#))
        }
    }

    // MARK: usage

    @Test(arguments: TranslationStreamTests.pairs)
    func `the usage is the upstream's, for each pair of formats, streamed or not (bifrost 4484)`(
        client: Endpoint,
        upstream: APIFormat
    ) throws {
        let native: any StreamRelay =
            upstream == .openAI
            ? ChatStreamRelay(wantsUsage: true, cacheWritesAsked: .short)
            : MessagesStreamRelay()
        let stream = upstream == .openAI ? Streams.openAI : Streams.anthropic
        let expected = try #require(try Relayed([stream], by: native).usage)
        let relayed = try Self.relayed(stream, client, upstream)
        #expect(relayed.usage == expected)
        #expect(relayed.usage?.isFinal == true)
        #expect(relayed.notices.hasTerminated)

        // And what the client reads is that usage, in the terms of its format.
        let shown = relayed.output
        switch client {
        case .messages:
            let report = try Relayed([shown], by: MessagesStreamRelay(cacheWritesAsked: .short))
                .usage
            #expect(report?.tokens == expected.tokens)
        case .chatCompletions:
            let report = try Relayed([shown], by: ChatStreamRelay(wantsUsage: true)).usage
            #expect(report?.tokens.inputTotal == expected.tokens.inputTotal)
            #expect(report?.tokens.cacheRead == expected.tokens.cacheRead)
            #expect(report?.tokens.outputTotal == expected.tokens.outputTotal)
            #expect(report?.tokens.reasoning == expected.tokens.reasoning)
        default:
            let report = try Relayed([shown], by: ResponsesStreamRelay()).usage
            #expect(report?.tokens.inputTotal == expected.tokens.inputTotal)
            #expect(report?.tokens.cacheRead == expected.tokens.cacheRead)
            #expect(report?.tokens.outputTotal == expected.tokens.outputTotal)
            #expect(report?.tokens.reasoning == expected.tokens.reasoning)
        }
    }

    @Test func `a message starts with an estimate of its prompt (litellm 41406, vercel 17326)`()
        throws
    {
        let output = try Self.relayed(Streams.openAI, .messages, .openAI).output
        let start = try #require(Self.data(output).first)
        let estimate = try inputEstimate()
        #expect(start.contains(#""usage":{"input_tokens":\#(estimate),"#))
        #expect(estimate > 0)
    }

    @Test(arguments: TranslationStreamTests.pairs)
    func `the cuts of a stream change nothing`(client: Endpoint, upstream: APIFormat) throws {
        let stream = upstream == .openAI ? Streams.openAI : Streams.anthropic
        let whole = try Self.relayed(stream, client, upstream)
        var random = SeededGenerator(seed: 41)
        for _ in 0..<30 {
            let pieces = try Self.relayed(stream, client, upstream) { _ in
                Int.random(in: 1...90, using: &random)
            }
            #expect(pieces == whole)
        }
    }

    // MARK: failures

    @Test func `an end marker without a finish is no end, nor makes a call complete`() throws {
        let stream = Self.chunk(#"{"content":"Hi"}"#) + Self.usageChunk + "data: [DONE]\n\n"
        for client in [Endpoint.messages, .responses] {
            let relayed = try Self.relayed(bytes(stream), client, .openAI)
            #expect(!relayed.notices.hasTerminated && !relayed.notices.hasFinished)
            #expect(relayed.usage?.isFinal == false)
            #expect(!text(relayed.output).contains("message_stop"))
        }
    }

    @Test(arguments: TranslationStreamTests.pairs)
    func `a stream that breaks has no end made up, and tells its error in the client's format`(
        client: Endpoint,
        upstream: APIFormat
    ) throws {
        let stream = text(upstream == .openAI ? Streams.openAI : Streams.anthropic)
        let events = stream.split(separator: "\n\n", omittingEmptySubsequences: false)
        let start = events.prefix(upstream == .openAI ? 2 : 8).joined(separator: "\n\n") + "\n\n"
        let error =
            upstream == .openAI
            ? "data: {\"error\":{\"message\":\"Overloaded\",\"type\":\"server_error\"}}\n\n"
            : "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"Overloaded\"}}\n\n"
        for end in [error, ""] {
            var relay = try Self.call(client, upstream)
                .makeStreamRelay(as: Self.identity, wantsUsage: true)
            var output: [UInt8] = []
            try relay.relay(bytes(start + end), into: &output)
            relay.finish(into: &output)
            #expect(!relay.notices.hasTerminated)
            #expect(!relay.notices.hasFinished)
            if !end.isEmpty { #expect(relay.notices.upstreamError?.message == "Overloaded") }
            for word in ["[DONE]", "message_stop", "response.completed", "response.incomplete"] {
                #expect(!text(output).contains(word))
            }
            let last = text(
                relay.breakOff(with: APIError(.upstreamFailed, "It failed."), requestID: "req_1")
            )
            switch client {
            case .messages:
                #expect(last.hasPrefix("event: error\ndata: {\"type\":\"error\",\"error\":"))
            case .responses:
                #expect(last.hasPrefix("event: error\ndata: {\"type\":\"error\",\"code\":"))
            default: #expect(last.hasPrefix("data: {\"error\":"))
            }
        }
    }

    @Test func `a chat without DONE ends with its finish (transformers serve)`() throws {
        let relayed = try Self.relayed(Streams.withoutDone, .messages, .openAI)
        #expect(
            text(relayed.output).hasSuffix(
                "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n"
            )
        )
        #expect(text(relayed.output).contains(#""input_tokens":9"#))
        #expect(relayed.usage?.isFinal == true)
    }

    // MARK: whole answers

    @Test func `a whole chat becomes a message`() throws {
        let chat = bytes(
            #"{"id":"c","choices":[{"index":0,"message":{"role":"assistant","content":"Hi \ud83d","reasoning_content":"Hm","tool_calls":[{"id":"call_1","type":"function","function":{"name":"f","arguments":"{\"a\": 1.0}"}},{"id":"call_2","type":"function","function":{"name":"g","arguments":"{\"cut"}}]},"finish_reason":"stop"}],"usage":\#(Self.usage)}"#
        )
        let call = try Self.call(.messages, .openAI)
        let answer = try #require(call.answer(from: chat, as: Self.identity))
        #expect(
            text(answer)
                == #"{"id":"msg_7f","type":"message","role":"assistant","model":"asked","content":["#
                + #"{"type":"thinking","thinking":"Hm","signature":"unsigned"},{"type":"text","text":"Hi �"},"#
                + #"{"type":"tool_use","id":"call_1","name":"f","input":{"a": 1.0}},{"type":"tool_use","id":"call_2","name":"g","input":{"arguments":"{\"cut"}}],"#
                + #""stop_reason":"tool_use","stop_sequence":null,"usage":{"input_tokens":16,"cache_creation_input_tokens":20,"cache_read_input_tokens":64,"#
                + #""cache_creation":{"ephemeral_5m_input_tokens":20,"ephemeral_1h_input_tokens":0},"output_tokens":12,"output_tokens_details":{"thinking_tokens":5},"service_tier":"standard"}}"#
        )
    }

    @Test func `a whole message becomes a chat and a response`() throws {
        let message = bytes(
            #"{"id":"msg_1","type":"message","role":"assistant","content":[{"type":"thinking","thinking":"Hm","signature":"c2ln"},{"type":"redacted_thinking","data":"eA"},{"type":"text","text":"Hi"},{"type":"tool_use","id":"t","name":"f","input":{"n":12345678901234567890}}],"stop_reason":"tool_use","usage":{"input_tokens":30,"cache_creation_input_tokens":500,"cache_read_input_tokens":2000,"output_tokens":45}}"#
        )
        let chat = try #require(
            try Self.call(.chatCompletions, .anthropic).answer(from: message, as: Self.identity)
        )
        #expect(
            text(chat)
                == #"{"id":"chatcmpl-7f","object":"chat.completion","created":1700000000,"model":"asked","choices":[{"index":0,"message":{"#
                + #""role":"assistant","content":"Hi","refusal":null,"reasoning_content":"Hm","reasoning_details":["#
                + #"{"type":"reasoning.text","text":"Hm","signature":"c2ln"},{"type":"reasoning.encrypted","data":"eA"}],"#
                + #""tool_calls":[{"id":"t","type":"function","function":{"name":"f","arguments":"{\"n\":12345678901234567890}"}}]},"logprobs":null,"finish_reason":"tool_calls"}],"#
                + #""usage":{"prompt_tokens":2530,"completion_tokens":45,"total_tokens":2575,"prompt_tokens_details":{"cached_tokens":2000,"cache_write_tokens":500,"audio_tokens":0},"completion_tokens_details":{"reasoning_tokens":0,"audio_tokens":0}}}"#
        )
        let response = text(
            try #require(
                try Self.call(.responses, .anthropic).answer(from: message, as: Self.identity)
            )
        )
        #expect(response.contains(#""status":"completed""#))
        #expect(
            response.contains(
                #"{"id":"rs_7f_0","type":"reasoning","summary":[{"type":"summary_text","text":"Hm"}],"encrypted_content":"c2ln"},{"id":"rs_7f_1","type":"reasoning","summary":[],"encrypted_content":"redacted:eA"},"#
                    + #"{"id":"msg_7f_2","type":"message","status":"completed","role":"assistant","content":[{"type":"output_text","annotations":[],"logprobs":[],"text":"Hi"}]},"#
                    + #"{"id":"fc_7f_3","type":"function_call","status":"completed","call_id":"t","name":"f","arguments":"{\"n\":12345678901234567890}"}"#
            )
        )
        #expect(response.contains(#""max_output_tokens":99"#))
    }

    @Test func `what is no answer stays none`() throws {
        let call = try Self.call(.messages, .openAI)
        #expect(call.answer(from: bytes("<html>"), as: Self.identity) == nil)
    }
}
