import Schema
import Testing

@testable import Formats

/// How far what an upstream says of its usage is relied on.
@Suite struct UsageTrustTests {
    private func answer(_ usage: String, _ endpoint: Endpoint = .chatCompletions) -> [UInt8] {
        let content =
            switch endpoint {
            case .responses:
                #""output":[{"type":"message","content":[{"type":"output_text","text":"Hi there"}]}]"#
            case .messages: #""content":[{"type":"text","text":"Hi there"}]"#
            case .embeddings: #""data":[{"index":0,"embedding":"AACAPw=="}]"#
            case .chatCompletions, .completions:
                #""choices":[{"index":0,"message":{"role":"assistant","content":"Hi there"}}]"#
            }
        return bytes("{\(content),\"usage\":\(usage)}")
    }

    private func report(
        _ usage: String,
        _ endpoint: Endpoint = .chatCompletions
    ) throws -> UsageReport {
        try #require(
            UnaryResponse(
                endpoint: endpoint,
                body: answer(usage, endpoint),
                cacheWritesAsked: .short
            ).usage
        )
    }

    private func relayed(_ chunks: [String]) throws -> [Relayed] {
        let stream = bytes(chunks.map { "data: \($0)\n\n" }.joined())
        return [
            try Relayed([stream], by: ChatStreamRelay(wantsUsage: true)),
            try TranslationStreamTests.relayed(stream, .messages, .openAI),
        ]
    }

    private static let content = #"{"choices":[{"index":0,"delta":{"content":"Hi there"}}]}"#
    private static let finish =
        #"{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#

    private static func usageChunk(_ usage: String) -> String {
        #"{"choices":[],"usage":\#(usage)}"#
    }

    // MARK: two dialects at once

    /// QuantumNous/new-api writes all names, whichever it filled.
    private static let chatFields = [
        #""prompt_tokens":100,"completion_tokens":10"#,
        #""prompt_tokens_details":{"cached_tokens":60}"#,
        #""completion_tokens_details":{"reasoning_tokens":4}"#,
    ]
    private static let emptyFields = [
        #""input_tokens":0,"output_tokens":0,"input_tokens_details":{"cached_tokens":0}"#,
        #""output_tokens_details":{"reasoning_tokens":0},"prompt_cache_hit_tokens":0"#,
    ]
    private static let bothOrders = [
        "{\((chatFields + emptyFields).joined(separator: ","))}",
        "{\((emptyFields + chatFields).joined(separator: ","))}",
    ]

    private func expectFilled(_ report: UsageReport?) {
        #expect(report?.tokens.input == 40)
        #expect(report?.tokens.cacheRead == 60)
        #expect(report?.tokens.output == 10)
        #expect(report?.tokens.reasoning == 4)
        #expect(report?.isFinal == true)
        #expect(report?.anomalies == [])
    }

    @Test(arguments: bothOrders)
    func `a call is not free because the other dialect's names say zero (new-api)`(
        usage: String
    ) throws {
        expectFilled(try report(usage))
        expectFilled(try report(usage, .responses))
        let chunks = [Self.content, Self.finish, Self.usageChunk(usage), "[DONE]"]
        for relayed in try relayed(chunks) { expectFilled(relayed.usage) }
    }

    @Test func `where both dialects tell something, the endpoint's own decides`() throws {
        let both =
            #"{"prompt_tokens":100,"completion_tokens":10,"input_tokens":70,"output_tokens":7}"#
        #expect(try report(both).tokens.input == 100)
        #expect(try report(both).tokens.output == 10)
        #expect(try report(both, .responses).tokens.input == 70)
        #expect(try report(both, .responses).tokens.output == 7)
    }

    @Test(arguments: [
        #"{"prompt_tokens":100,"completion_tokens":1,"prompt_tokens_details":{"cached_tokens":0},"prompt_cache_hit_tokens":90}"#,
        #"{"prompt_cache_hit_tokens":90,"prompt_tokens":100,"completion_tokens":1,"cached_tokens":0}"#,
        #"{"prompt_tokens":100,"completion_tokens":1,"cached_tokens":90,"prompt_cache_hit_tokens":0}"#,
        #"{"prompt_tokens":100,"completion_tokens":1,"prompt_tokens_details":{"cached_tokens":90},"cached_tokens":0}"#,
    ])
    func `cached tokens count by whichever name tells them`(usage: String) throws {
        #expect(try report(usage).tokens.cacheRead == 90)
    }

    // MARK: what says nothing

    @Test(arguments: [
        "{}", #"{"total_tokens":42}"#, #"{"prompt_tokens":"20","completion_tokens":[10]}"#,
        #"{"prompt_tokens":20.0,"completion_tokens":10.0}"#,
        #"{"prompt_tokens":0,"completion_tokens":0}"#,
        #"{"prompt_tokens":null,"completion_tokens":null}"#,
        #"{"prompt_tokens":-20,"completion_tokens":-10}"#,
    ])
    func `a usage that tells nothing of an answer with text is not final`(usage: String) throws {
        let report = try report(usage)
        #expect(!report.isInputKnown && !report.isOutputKnown && !report.isFinal)
        #expect(!report.anomalies.isEmpty)
        let chunks = [Self.content, Self.finish, Self.usageChunk(usage), "[DONE]"]
        for relayed in try relayed(chunks) {
            #expect(relayed.usage?.isInputKnown == false)
            #expect(relayed.usage?.isOutputKnown == false)
        }
    }

    @Test func `half of a usage is known, and the other half is to be counted`() throws {
        let prompt = try report(#"{"prompt_tokens":20,"completion_tokens":0}"#)
        #expect(prompt.isInputKnown && !prompt.isOutputKnown)
        #expect(prompt.anomalies == [.zeroBesideContent])
        let output = try report(#"{"completion_tokens":10}"#)
        #expect(!output.isInputKnown && output.isOutputKnown)
        #expect(output.anomalies == [.missingCount])
        let message = try report(#"{"input_tokens":20}"#, .messages)
        #expect(message.isInputKnown && !message.isOutputKnown)
        let cached = #"{"input_tokens":0,"cache_read_input_tokens":900,"output_tokens":3}"#
        #expect(try report(cached, .messages).isFinal)
    }

    @Test func `an answer without text may have cost no output, an embedding always does`() throws {
        let body = bytes(
            #"{"choices":[{"message":{"content":""}}],"usage":{"prompt_tokens":9,"completion_tokens":0}}"#
        )
        let silent = UnaryResponse(
            endpoint: .chatCompletions,
            body: body,
            cacheWritesAsked: .none
        )
        #expect(silent.usage?.isFinal == true)
        #expect(try report(#"{"prompt_tokens":9}"#, .embeddings).isFinal)
        #expect(try !report(#"{"prompt_tokens":0}"#, .embeddings).isFinal)
        #expect(try !report(#"{"total_tokens":9}"#, .embeddings).isFinal)
    }

    // MARK: what is told too early

    @Test(arguments: [["[DONE]"], [finish, "[DONE]"], [finish], []])
    func `a count from before the text is not its end (facility 248)`(end: [String]) throws {
        let early = Self.usageChunk(#"{"prompt_tokens":20,"completion_tokens":1}"#)
        for relayed in try relayed([early, Self.content, Self.content] + end) {
            #expect(relayed.usage?.isInputKnown == true)
            #expect(relayed.usage?.isOutputKnown == false)
        }
    }

    @Test func `a count behind all text is its end, whatever the order of the last chunks`() throws
    {
        let usage = Self.usageChunk(#"{"prompt_tokens":20,"completion_tokens":3}"#)
        for end in [[usage, Self.finish], [Self.finish, usage], [Self.finish, usage, "[DONE]"]] {
            for relayed in try relayed([Self.content] + end) {
                #expect(relayed.usage?.isFinal == true)
            }
        }
        // Until something says that the answer has ended, more may come.
        for relayed in try relayed([Self.content, usage]) {
            #expect(relayed.usage?.isFinal == false)
        }
    }

    @Test func `a message's count from before its text is not its end`() throws {
        func event(_ data: String) -> String { "event: x\ndata: \(data)\n\n" }
        let start = event(
            #"{"type":"message_start","message":{"usage":{"input_tokens":20,"output_tokens":0}}}"#
        )
        let early = event(#"{"type":"message_delta","delta":{},"usage":{"output_tokens":1}}"#)
        let text = event(
            #"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Hi there"}}"#
        )
        let end = event(#"{"type":"message_delta","delta":{"stop_reason":"end_turn"}}"#)
        let stop = event(#"{"type":"message_stop"}"#)
        for stream in [start + early + text + end + stop, start + text + end + stop] {
            for relayed in [
                try Relayed([bytes(stream)], by: MessagesStreamRelay()),
                try TranslationStreamTests.relayed(bytes(stream), .chatCompletions, .anthropic),
            ] {
                #expect(relayed.usage?.isInputKnown == true)
                #expect(relayed.usage?.isOutputKnown == false)
            }
        }
    }
}
