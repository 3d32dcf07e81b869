import Schema
import Testing

@testable import Formats

/// OpenAI's Responses format, from client to upstream of the same format.
@Suite struct ResponsesTests {
    private func facts(_ fields: String) throws -> CallFacts {
        try CallFacts(endpoint: .responses, body: bytes(#"{"model":"m",\#(fields)}"#))
    }

    private func refusal(_ fields: String) -> String? {
        do {
            _ = try facts(fields)
            return nil
        } catch {
            return (error as? RequestFault)?.parameter
        }
    }

    // MARK: requests

    @Test func `an input is a text or items, and both are bounded`() throws {
        let text = try facts(#""input":"Hello","instructions":"Be brief.","stream":true"#)
        #expect(text.messageCount == 2)
        #expect(text.isStreamed)
        #expect(text.outputCap == nil)
        #expect(text.cacheWrites == .short)
        let items = try facts(
            #"""
            "max_output_tokens":400,"store":false,"include":["reasoning.encrypted_content"],
            "input":[{"role":"user","content":[{"type":"input_text","text":"What is it?"},
            {"type":"input_image","detail":"auto","image_url":"data:image/png;base64,iVBORw0KGgo="}]},
            {"type":"reasoning","id":"rs_1","summary":[],"encrypted_content":"gAAA"},
            {"type":"function_call","call_id":"call_1","name":"look","arguments":"{}"},
            {"type":"function_call_output","call_id":"call_1","output":"a cat"}],
            "tools":[{"type":"function","name":"look","parameters":{},"strict":true}],
            "reasoning":{"effort":"low","summary":"auto"}
            """#
        )
        #expect(items.messageCount == 4)
        #expect(items.imageCount == 1)
        #expect(items.outputCap == 400)
        #expect(items.outputCapFloor == 16)
        #expect(items.inputTokensBound(imageTokensMax: 0) > items.textBytes)
    }

    @Test(arguments: [
        (#""input":"a","background":true"#, "background"),
        (#""input":"a","previous_response_id":"resp_1""#, "previous_response_id"),
        (#""input":"a","conversation":"conv_1""#, "conversation"),
        (#""input":"a","prompt":{"id":"pmpt_1"}"#, "prompt"),
        (#""input":"a","tools":[{"type":"web_search"}]"#, "tools[0].type"),
        (#""input":"a","tools":[{"type":"function"},{"type":"mcp"}]"#, "tools[1].type"),
        (#""input":"a","tools":[{"type":"code_interpreter"}]"#, "tools[0].type"),
        (#""input":"a","context_management":[{"type":"compaction"}]"#, "context_management"),
        (#""input":"a","max_tokens":5"#, "max_tokens"),
        (#""input":"a","reasoning":{"mode":"pro"}"#, "reasoning.mode"),
        (#""input":[{"type":"item_reference","id":"msg_1"}]"#, "input[0].type"),
        (
            #""input":[{"role":"user","content":[{"type":"input_file","file_id":"f"}]}]"#,
            "input[0].content[0].file_id"
        ),
        (
            #""input":[{"role":"user","content":[{"type":"input_image","file_id":"f"}]}]"#,
            "input[0].content[0].file_id"
        ),
        (#""input":[{"type":"web_search_call","id":"ws"}]"#, "input[0].type"),
        (#""input":[]"#, "input"), (#""stream":true"#, "input"),
        (#""input":"a","maxOutputTokens":5"#, "maxOutputTokens"),
    ])
    func `what the upstream would hold or run is refused by the field's name`(
        fields: String,
        parameter: String
    ) {
        #expect(refusal(fields) == parameter)
    }

    @Test func `the cap goes into its own field`() throws {
        let body = bytes(#"{"model":"m","input":"a"}"#)
        let facts = try CallFacts(endpoint: .responses, body: body)
        let sent = facts.upstreamBody(from: body, model: "m", outputCap: 50)
        #expect(text(sent) == #"{"max_output_tokens":50,"model":"m","input":"a"}"#)
        let own = bytes(#"{"model":"m","max_output_tokens":90,"input":"a","stream":true}"#)
        let ownFacts = try CallFacts(endpoint: .responses, body: own)
        #expect(
            text(ownFacts.upstreamBody(from: own, model: "n", outputCap: 50))
                == #"{"model":"n","max_output_tokens":50,"input":"a","stream":true}"#
        )
    }

    // MARK: streams

    static let usage =
        #"{"input_tokens":36,"input_tokens_details":{"cached_tokens":16,"cache_write_tokens":10,"cache_write_tokens_details":{"ttl_30m_tokens":10,"ttl_12h_tokens":0}},"output_tokens":87,"output_tokens_details":{"reasoning_tokens":64},"total_tokens":123}"#

    static func stream(end: String, status: String, more: String = "") -> [UInt8] {
        func event(_ type: String, _ number: Int, _ fields: String) -> String {
            "event: \(type)\ndata: {\"type\":\"\(type)\",\"sequence_number\":\(number),\(fields)}\n\n"
        }
        func response(_ status: String, _ usage: String) -> String {
            #""response":{"id":"resp_1","object":"response","created_at":1,"status":"\#(status)","#
                + #""error":null,"model":"m","output":[],"service_tier":"default","usage":\#(usage)}"#
        }
        return bytes(
            event("response.created", 0, response("in_progress", "null"))
                + event("response.in_progress", 1, response("in_progress", "null"))
                + event(
                    "response.output_item.added",
                    2,
                    #""output_index":0,"item":{"id":"msg_1","type":"message","status":"in_progress","role":"assistant","content":[]}"#
                )
                + event(
                    "response.output_text.delta",
                    3,
                    #""item_id":"msg_1","output_index":0,"content_index":0,"delta":"Hi","logprobs":[],"obfuscation":"aaaaaa""#
                )
                + event(
                    "response.output_text.done",
                    4,
                    #""item_id":"msg_1","output_index":0,"content_index":0,"text":"Hi""#
                )
                + event(end, 5, response(status, usage) + more)
        )
    }

    @Test(arguments: ["completed", "incomplete"])
    func `usage of every end is taken, not of the completed one alone (litellm 34352, 37710)`(
        end: String
    ) throws {
        let stream = Self.stream(end: "response.\(end)", status: end)
        let relayed = try Relayed([stream], by: ResponsesStreamRelay())
        #expect(relayed.output == stream)
        #expect(relayed.notices.hasTerminated)
        #expect(relayed.notices.textBytes == 2)
        let report = try #require(relayed.usage)
        #expect(report.isFinal)
        #expect(report.tokens.input == 10)
        #expect(report.tokens.cacheRead == 16)
        #expect(report.tokens.cacheWriteShort == 10)
        #expect(report.tokens.output == 87)
        #expect(report.tokens.reasoning == 64)
        #expect(report.serviceTier == .standard)
        #expect(report.anomalies.isEmpty)
    }

    @Test(arguments: ["failed", "cancelled"])
    func `usage of a response that failed is owed, and its end is told in our words (new-api 5235)`(
        end: String
    ) throws {
        let stream = Self.stream(end: "response.\(end)", status: end)
        let relayed = try Relayed([stream], by: ResponsesStreamRelay())
        #expect(relayed.usage?.isFinal == true)
        #expect(relayed.usage?.tokens.output == 87)
        #expect(relayed.notices.upstreamError != nil)
        #expect(!relayed.notices.hasTerminated)
        #expect(!text(relayed.output).contains("response.\(end)"))
    }

    @Test func `a flat error event breaks the stream off, numbered after the last one`() throws {
        var relay = ResponsesStreamRelay()
        var output: [UInt8] = []
        let start = bytes(
            "event: response.created\ndata: {\"type\":\"response.created\",\"sequence_number\":6}\n\n"
        )
        try relay.relay(start, into: &output)
        try relay.relay(
            bytes(
                "event: error\ndata: {\"type\":\"error\",\"code\":\"server_error\",\"message\":\"Overloaded\",\"param\":null,\"sequence_number\":7}\n\n"
            ),
            into: &output
        )
        #expect(output == start)
        let error = try #require(relay.notices.upstreamError)
        #expect(error == UpstreamStreamError(type: "server_error", message: "Overloaded"))
        #expect(relay.usage == nil)
        let end = relay.breakOff(
            with: APIError(.upstreamFailed, "It failed."),
            requestID: "req_1"
        )
        #expect(
            text(end) == "event: error\n"
                + #"data: {"type":"error","code":"upstream_error","message":"It failed.","param":null,"sequence_number":8}"#
                + "\n\n"
        )
    }

    @Test func `a stream that Codex leaves before its end has no usage (one-switch 3)`() throws {
        let stream = text(Self.stream(end: "response.completed", status: "completed"))
        let end = try #require(stream.firstRange(of: "event: response.completed"))
        let cut = bytes(String(stream[..<end.lowerBound]))
        let relayed = try Relayed([cut], by: ResponsesStreamRelay())
        #expect(relayed.usage == nil)
        #expect(!relayed.notices.hasFinished)
        #expect(relayed.notices.textEvents == 1)
    }

    @Test func `the cuts of the stream change nothing`() throws {
        let stream = Self.stream(end: "response.completed", status: "completed")
        let whole = try Relayed([stream], by: ResponsesStreamRelay())
        for size in [1, 2, 3, 7, 64, 1_000] {
            let pieces = stride(from: 0, to: stream.count, by: size).map {
                Array(stream[$0..<min($0 + size, stream.count)])
            }
            #expect(try Relayed(pieces, by: ResponsesStreamRelay()) == whole)
        }
    }

    // MARK: whole answers

    @Test func `a whole response tells its usage and its text`() {
        let output =
            #"[{"type":"reasoning","id":"rs_1","summary":[{"type":"summary_text","text":"Hm"}],"encrypted_content":"AAAAAAAA"},{"type":"message","id":"msg_1","status":"completed","role":"assistant","content":[{"type":"output_text","text":"Hi","annotations":[]}]},{"type":"function_call","id":"fc_1","call_id":"call_1","name":"f","arguments":"{}"}]"#
        let answer = UnaryResponse(
            endpoint: .responses,
            body: bytes(
                #"{"id":"resp_1","status":"completed","output":\#(output),"usage":\#(Self.usage)}"#
            ),
            cacheWritesAsked: .short
        )
        #expect(answer.textBytes == 7)
        #expect(answer.usage?.tokens.output == 87)
        #expect(!answer.hasFailed)
    }

    @Test func `a response that failed without usage owes nothing`() {
        let answer = UnaryResponse(
            endpoint: .responses,
            body: bytes(
                #"{"status":"failed","error":{"code":"server_error"},"output":[],"usage":null}"#
            ),
            cacheWritesAsked: .short
        )
        #expect(answer.isReadable)
        #expect(answer.hasFailed)
        #expect(answer.usage == nil)
    }
}
