import Foundation
import Schema
import Testing
import Tokenizer

@testable import Formats

/// What of a request and of an answer reaches the tokenizer.
///
/// The vocabulary has every byte and nothing else, so that a count is a length in bytes.
@Suite struct CountedTextTests {
    private let bytesOnly: Vocabulary

    init() throws {
        let lines = (UInt8.min...UInt8.max).map { byte in
            "\(Data([byte]).base64EncodedString()) \(byte)\n"
        }
        bytesOnly = try Vocabulary(bytes(lines.joined()), name: .o200k)
    }

    @Test func `a stream's text is counted as far as it was written, and nothing else of it`()
        throws
    {
        for (stream, relay) in [
            (Streams.openAI, ChatStreamRelay(wantsUsage: true, vocabulary: bytesOnly)),
            (Streams.continuous, ChatStreamRelay(wantsUsage: true, vocabulary: bytesOnly)),
            (Streams.anthropic, MessagesStreamRelay(vocabulary: bytesOnly)),
        ] as [([UInt8], any StreamRelay)] {
            // Cut anywhere, inside an event too.
            for end in stride(from: 1, to: stream.count, by: 7) + [stream.count] {
                let relayed = try Relayed([Array(stream[..<end])], by: relay)
                #expect(relayed.writtenTokens == relayed.notices.textBytes)
            }
        }
    }

    @Test func `an event that cannot be read leaves the text uncounted`() throws {
        let stream = bytes(Streams.chunk(#"{"content":"Hi"}"#) + "\n\ndata: {\"choices\":[}\n\n")
        let relay = ChatStreamRelay(wantsUsage: true, vocabulary: bytesOnly)
        #expect(try Relayed([stream], by: relay).writtenTokens == nil)
    }

    @Test func `without a vocabulary nothing is counted`() throws {
        let relay = ChatStreamRelay(wantsUsage: true)
        #expect(try Relayed([Streams.openAI], by: relay).writtenTokens == nil)
    }

    @Test func `a long answer is counted while it comes`() throws {
        var relay: any StreamRelay = ChatStreamRelay(wantsUsage: true, vocabulary: bytesOnly)
        let event = bytes(Streams.chunk(#"{"content":"twelve bytes"}"#) + "\n\n")
        var output: [UInt8] = []
        var counts = 0
        for _ in 0..<5_000 {
            try relay.relay(event, into: &output)
            guard relay.hasTextToCount else { continue }
            relay.countText()
            counts += 1
            #expect(!relay.hasTextToCount)
        }
        #expect(counts == 60_000 / TokenCounter.bufferBytesMax)
        #expect(relay.writtenTokens() == 60_000)
    }

    @Test func `an answer in one piece is counted by its text`() throws {
        let body = bytes(
            #"{"id":"c","choices":[{"index":0,"message":{"role":"assistant","content":"caf\u00e9"}},"#
                + #"{"index":1,"message":{"role":"assistant","content":null,"tool_calls":[{"id":"t","#
                + #""type":"function","function":{"name":"f","arguments":"{}"}}]}}]}"#
        )
        let count = { (body: [UInt8]) in
            UnaryResponse.writtenTokens(
                endpoint: .chatCompletions,
                body: body,
                vocabulary: bytesOnly
            )
        }
        #expect(count(body) == 8)
        #expect(count(bytes("no JSON")) == nil)
    }

    @Test(arguments: [
        // Two messages, their roles, text and the answer's beginning; no image, no identifiers.
        (
            Endpoint.chatCompletions,
            #"{"model":"m","messages":[{"role":"system","content":"Be brief."},{"role":"user","name":"Al","#
                + #""content":[{"type":"text","text":"caf\u00e9 \ud83d\ude00 \ud83d"},"#
                + #"{"type":"image_url","image_url":{"url":"https://x"}}]}]}"#,
            3 + (3 + 6 + 9) + (3 + 4 + 1 + 2 + 14)
        ),
        // Tools as they are written.
        (
            .chatCompletions,
            #"{"model":"m","messages":[{"role":"user","content":"Hi"}],"tools":[{"type":"function"}]}"#,
            3 + (3 + 4 + 2) + 21
        ),
        (.responses, #"{"model":"m","input":"Hi","instructions":"Go"}"#, 3 + (4 + 2) + (4 + 2)),
        (.completions, #"{"model":"m","prompt":["Once","upon"]}"#, 8),
        (.embeddings, #"{"model":"m","input":"Once"}"#, 4),
        (.embeddings, #"{"model":"m","input":[[1,2,3],[4]]}"#, 4),
        (
            .messages,
            #"{"model":"m","max_tokens":9,"system":"Go","messages":[{"role":"user","content":"#
                + #"[{"type":"document","source":{"type":"text","media_type":"text/plain","data":"page"}},"#
                + #"{"type":"image","source":{"type":"base64","media_type":"image/png","data":"iVBO"}}]}]}"#,
            3 + (4 + 2) + (3 + 4 + 4)
        ),
    ])
    func `a prompt is its texts and what the template adds`(
        endpoint: Endpoint,
        body: String,
        tokens: Int
    ) throws {
        let facts = try CallFacts(endpoint: endpoint, body: bytes(body))
        let count = PromptTokens.count(facts, body: bytes(body), vocabulary: bytesOnly)
        #expect(count == Int64(tokens))
        #expect(count <= facts.inputTokensBound)
    }

    @Test func `the bound by tokens counts what no model is shown by its bytes`() throws {
        func bound(_ endpoint: Endpoint, _ body: String) throws -> (tokens: Int64, bytes: Int64) {
            let facts = try CallFacts(endpoint: endpoint, body: bytes(body))
            let tokens = PromptTokens.bound(facts, body: bytes(body), vocabulary: bytesOnly)
            // What templates and tools add is in both.
            let added = facts.textTokensBound - facts.textBytes
            #expect(tokens <= facts.textTokensBound)
            return (tokens - added, facts.textBytes)
        }
        let image = #"{"type":"image_url","image_url":{"url":"data:image/png;base64,AAAAAAAA"}}"#
        let chat = #"""
            {"model":"m","metadata":{"a":"b"},"messages":[{"role":"user","content":[\#(image),
            {"type":"text","text":"hello"}]},{"role":"tool","tool_call_id":"call_12345","content":"x"}]}
            """#
        // Text and roles, and with their quotes: the identifier, types, and fields of the whole.
        let texts = 3 + (3 + 4 + 5) + (3 + 4 + 1)
        let opaque = 12 + 11 + 6 + 3 + 9
        #expect(try bound(.chatCompletions, chat).tokens == Int64(texts + opaque))
        let reasoning = #"{"type":"reasoning","encrypted_content":"\#(filler(500))","summary":[]}"#
        let responses = try bound(.responses, #"{"model":"m","input":[\#(reasoning)]}"#)
        #expect(responses.tokens > 500 && responses.tokens < responses.bytes)
        let prompt = try bound(.completions, #"{"model":"m","prompt":"a","suffix":"bcd"}"#)
        #expect(prompt.tokens == 1 + 5 + 3)
    }

    private func filler(_ count: Int) -> String { String(repeating: "A", count: count) }
}
