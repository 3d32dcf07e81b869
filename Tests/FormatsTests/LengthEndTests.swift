import Schema
import Testing

@testable import Formats

/// Streams that are ended before their time, as if their output cap were reached.
@Suite struct LengthEndTests {
    private let usage: UsageReport = {
        var tokens = TokenUsage()
        tokens.input = 7
        tokens.output = 3
        return UsageReport(measured: tokens)
    }()

    private func end(_ stream: String, of relay: any StreamRelay) throws -> String? {
        var relay = relay
        var output: [UInt8] = []
        try relay.relay(bytes(stream), into: &output)
        return relay.lengthEnd(reporting: usage).map { text($0) }
    }

    private static let chunk =
        #"{"id":"c-1","object":"chat.completion.chunk","created":5,"model":"m","#
        + #""choices":[{"index":0,"delta":{"content":"a"},"finish_reason":null}]}"#

    @Test func `a chat ends with a finish for length of its own kind, usage and DONE`() throws {
        let relay = ChatStreamRelay(wantsUsage: true)
        let end = try #require(try end("data: \(Self.chunk)\n\ndata: {\"id\"", of: relay))
        let head = #"{"id":"c-1","object":"chat.completion.chunk","created":5,"model":"m","#
        let events = end.split(separator: "\n").map(String.init)
        #expect(
            events[0] == "data: \(head)"
                + #""choices":[{"index":0,"delta":{},"logprobs":null,"finish_reason":"length"}],"#
                + #""usage":null}"#
        )
        #expect(events[1].hasPrefix("data: \(head)" + #""choices":[],"usage":{"prompt_tokens":7,"#))
        #expect(events[1].contains(#""completion_tokens":3,"total_tokens":10"#))
        #expect(events[2...] == ["data: [DONE]"])
    }

    @Test func `a chat without usage tells none, and only choices that run are ended`() throws {
        let finished = Self.chunk.replacing(
            #""finish_reason":null"#,
            with: #""finish_reason":"stop""#
        )
        let relay = ChatStreamRelay(wantsUsage: false, choices: 2)
        let end = try #require(try end("data: \(finished)\n\n", of: relay))
        #expect(!end.contains("usage"))
        #expect(end.components(of: #""finish_reason":"length""#) == 1)
        #expect(end.contains(#""index":1"#))
    }

    @Test func `a completion without a chat ends with text instead of a delta`() throws {
        let chunk = #"{"id":"t","object":"text_completion","choices":[{"index":0,"text":"a"}]}"#
        let end = try end("data: \(chunk)\n\n", of: ChatStreamRelay(wantsUsage: false))
        #expect(
            end?.contains(#"{"index":0,"text":"","logprobs":null,"finish_reason":"length"}"#)
                == true
        )
    }

    @Test func `a stream that has not begun has no end`() throws {
        #expect(try end(": wait\n\n", of: ChatStreamRelay(wantsUsage: true)) == nil)
        #expect(try end("event: ping\ndata: {}\n\n", of: MessagesStreamRelay()) == nil)
    }

    private static let start = #"data: {"type":"message_start","message":{"usage":{}}}"# + "\n\n"
    private static let block =
        #"data: {"type":"content_block_start","index":1,"content_block":{"type":"text"}}"# + "\n\n"

    @Test func `a message closes its block and stops for max_tokens`() throws {
        let end = try #require(try end(Self.start + Self.block, of: MessagesStreamRelay()))
        let lines = end.split(separator: "\n").filter { $0.hasPrefix("data: ") }.map(String.init)
        #expect(lines[0] == #"data: {"type":"content_block_stop","index":1}"#)
        #expect(lines[1].contains(#""stop_reason":"max_tokens""#))
        #expect(lines[1].contains(#""output_tokens":3"#))
        #expect(lines[2...] == [#"data: {"type":"message_stop"}"#])
    }

    @Test func `a message between two blocks closes none`() throws {
        let stop = #"data: {"type":"content_block_stop","index":1}"# + "\n\n"
        let end = try end(Self.start + Self.block + stop, of: MessagesStreamRelay())
        #expect(end?.contains("content_block_stop") == false)
    }

    @Test(arguments: [Endpoint.messages, .responses])
    func `a translated stream ends in the words of its client`(client: Endpoint) throws {
        let relay = try TranslationStreamTests.call(client, .openAI).makeStreamRelay(
            as: TranslationStreamTests.identity,
            wantsUsage: true
        )
        let end = try #require(try end("data: \(Self.chunk)\n\n", of: relay))
        if client == .messages {
            #expect(end.contains(#""stop_reason":"max_tokens""#))
            #expect(end.hasSuffix("data: {\"type\":\"message_stop\"}\n\n"))
        } else {
            #expect(end.contains(#""incomplete_details":{"reason":"max_output_tokens"}"#))
        }
    }

    @Test func `a response is never ended so, for its end would repeat all of it`() throws {
        let delta = #"data: {"type":"response.output_text.delta","delta":"a"}"# + "\n\n"
        #expect(try end(delta, of: ResponsesStreamRelay()) == nil)
    }
}

extension String {
    fileprivate func components(of part: String) -> Int { ranges(of: part).count }
}
