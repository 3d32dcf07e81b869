@testable import Formats

/// Streams as upstreams send them, once they are asked for usage.
enum Streams {
    /// OpenAI: usage is null on every chunk, then stands on one of its own.
    static let openAI = bytes(
        [
            chunk(#"{"role":"assistant","content":"","refusal":null}"#),
            chunk(#"{"content":"The word \"usage\":null"}"#),
            chunk(#"{"content":" caf\u00e9 \ud83d\ude00\n"}"#),
            chunk("{}", finish: #""stop""#),
            #"data: {"id":"c1","object":"chat.completion.chunk","created":1,"model":"gpt-5.4-mini","#
                + #""service_tier":"default","choices":[],"usage":{"prompt_tokens":100,"#
                + #""completion_tokens":12,"total_tokens":112,"prompt_tokens_details":"#
                + #"{"cached_tokens":64,"audio_tokens":0,"cache_write_tokens":20},"#
                + #""completion_tokens_details":{"reasoning_tokens":5,"audio_tokens":0}}}"#,
            "data: [DONE]",
        ].joined(separator: "\n\n") + "\n\n"
    )

    /// The same for a client that did not ask for usage.
    static let openAIWithoutUsage = bytes(
        text(openAI).split(separator: "\n\n").filter { !$0.contains(#""choices":[]"#) }
            .map { $0.replacing(#","usage":null,"obf"#, with: #","obf"#) }
            .joined(separator: "\n\n") + "\n\n"
    )

    static func chunk(_ delta: String, finish: String = "null", more: String = "") -> String {
        #"data: {"id":"c1","object":"chat.completion.chunk","created":1,"model":"gpt-5.4-mini","#
            + #""choices":[{"index":0,"delta":"# + delta + #","logprobs":null,"finish_reason":"#
            + finish + #"}]"# + more + #","usage":null,"obfuscation":"a1B2"}"#
    }

    /// transformers serve: usage with the finish reason, unasked, and no `[DONE]`.
    static let withoutDone = bytes(
        #"data: {"choices":[{"index":0,"delta":{"content":"Hi"},"finish_reason":null}]}"# + "\n\n"
            + #"data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}],"usage":"#
            + #"{"prompt_tokens":9,"completion_tokens":2,"total_tokens":11}}"# + "\n\n"
    )

    /// vLLM: a running count with every chunk, CRLF line ends and comments.
    static let continuous = bytes(
        "\u{feff}: keep-alive\r\n\r\n"
            + [(1, "null"), (2, "null"), (3, #""length""#)].map { count, finish in
                #"data: {"choices":[{"index":0,"delta":{"content":"x"},"finish_reason":"#
                    + finish + #"}],"usage":{"prompt_tokens":7,"completion_tokens":\#(count)}}"#
                    + "\r\n\r\n"
            }.joined() + "data: [DONE]\r\n\r\n"
    )

    /// Anthropic: a ping, thinking, a tool, and two deltas of the message.
    static let anthropic = bytes(
        [
            (
                "message_start",
                #"{"type":"message_start","message":{"id":"msg_1","type":"message","role":"assistant","#
                    + #""model":"claude-opus-5-5","content":[],"stop_reason":null,"usage":"#
                    + #"{"input_tokens":30,"cache_creation_input_tokens":500,"#
                    + #""cache_read_input_tokens":2000,"cache_creation":"#
                    + #"{"ephemeral_5m_input_tokens":100,"ephemeral_1h_input_tokens":400},"#
                    + #""output_tokens":1,"service_tier":"standard","inference_geo":"not_available"}}}"#
            ),
            ("ping", #"{"type": "ping"}"#),
            (
                "content_block_start",
                #"{"type":"content_block_start","index":0,"content_block":{"type":"thinking","thinking":"","signature":""}}"#
            ),
            (
                "content_block_delta",
                #"{"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"Hm"}}"#
            ),
            (
                "content_block_delta",
                #"{"type":"content_block_delta","index":0,"delta":{"type":"signature_delta","signature":"c2ln"}}"#
            ),
            ("content_block_stop", #"{"type":"content_block_stop","index":0}"#),
            (
                "content_block_delta",
                #"{"type":"content_block_delta","index":1,"delta":{"type":"text_delta","text":"event: error"}}"#
            ),
            (
                "content_block_delta",
                #"{"type":"content_block_delta","index":2,"delta":{"type":"input_json_delta","partial_json":"{\"a\""}}"#
            ),
            (
                "message_delta",
                #"{"type":"message_delta","delta":{"stop_reason":null},"usage":{"output_tokens":20,"#
                    + #""server_tool_use":{"web_search_requests":1}}}"#
            ),
            (
                "message_delta",
                #"{"type":"message_delta","delta":{"stop_reason":"tool_use","stop_sequence":null},"usage":"#
                    + #"{"output_tokens":45,"input_tokens":null,"output_tokens_details":{"thinking_tokens":8}}}"#
            ),
            ("message_stop", #"{"type":"message_stop"}"#),
        ].map { "event: \($0)\ndata: \($1)\n\n" }.joined()
    )

    static let all = [openAI, openAIWithoutUsage, withoutDone, continuous, anthropic]
}

/// Everything that a relay made of a stream.
struct Relayed: Equatable {
    var output: [UInt8] = []
    var notices = StreamNotices()
    var usage: UsageReport?
    var writtenTokens: Int64?

    init(_ chunks: [[UInt8]], by relay: any StreamRelay, ends: Bool = true) throws {
        var relay = relay
        for chunk in chunks { try relay.relay(chunk, into: &output) }
        if ends { relay.finish(into: &output) }
        notices = relay.notices
        usage = relay.usage
        writtenTokens = relay.writtenTokens()
    }
}
