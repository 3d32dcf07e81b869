import Schema
import Testing

@testable import Formats

@Suite struct ChatFactsTests {
    private func facts(_ fields: String, messages: String? = nil) throws -> CallFacts {
        let messages = messages ?? #"[{"role":"user","content":"hi"}]"#
        let body = #"{"model":"m","messages":"# + messages + fields + "}"
        return try CallFacts(endpoint: .chatCompletions, body: bytes(body))
    }

    private func fault(_ fields: String, messages: String? = nil) -> RequestFault? {
        do {
            _ = try facts(fields, messages: messages)
            return nil
        } catch {
            return error as? RequestFault
        }
    }

    @Test func `a request in the shape of the SDK is understood`() throws {
        let facts = try CallFacts(endpoint: .chatCompletions, body: Samples.chat)
        #expect(facts.model == "gpt-5.4-mini")
        #expect(facts.isStreamed)
        #expect(facts.choices == 1)
        #expect(facts.outputCap == 300)
        #expect(facts.outputCapField == .maxTokens)
        #expect(facts.wantsStreamUsage == false)
        #expect(facts.messageCount == 2)
        #expect(facts.imageCount == 1)
        #expect(facts.cacheWrites == .short)
        #expect(facts.serviceTier == nil)
        #expect(facts.textBytes == Int64(Samples.chat.count - "iVBORw0KGgo".utf8.count))
        #expect(facts.textTokensBound == facts.textBytes + 2 * 16 + 64)
        #expect(facts.inputTokensBound == facts.textTokensBound + 48_169)
        #expect(facts.inputTokensBound(imageTokensMax: 1_105) == facts.textTokensBound + 1_105)
    }

    @Test func `null and absent are the same, and unknown fields are left alone`() throws {
        let facts = try facts(
            #","stream":null,"n":null,"max_tokens":null,"max_completion_tokens":9,"tools":null,"#
                + #""web_search_options":null,"audio":null,"store":true,"new_thing":{"a":[1]},"#
                + #""service_tier":null,"prediction":null,"plugins":[ ],"background":false"#
        )
        #expect(facts.isStreamed == false)
        #expect(facts.outputCap == 9)
        #expect(facts.outputCapField == .maxCompletionTokens)
    }

    @Test(arguments: [
        (#","max_tokens":0"#, "max_tokens", "integer_below_min_value"),
        (#","max_tokens":-1"#, "max_tokens", "integer_below_min_value"),
        (#","max_tokens":1e3"#, "max_tokens", "invalid_type"),
        (#","max_tokens":10.0"#, "max_tokens", "invalid_type"),
        (#","max_tokens":"10""#, "max_tokens", "invalid_type"),
        (#","max_tokens":99999999999999999999"#, "max_tokens", "integer_above_max_value"),
        (#","max_completion_tokens":true"#, "max_completion_tokens", "invalid_type"),
        (
            #","max_tokens":1,"max_completion_tokens":1"#, "max_tokens",
            "mutually_exclusive_parameters"
        ),
        (#","n":0"#, "n", "integer_below_min_value"),
        (#","n":129"#, "n", "integer_above_max_value"),
        (#","stream":"yes""#, "stream", "invalid_type"),
        (#","stream_options":[]"#, "stream_options", "invalid_type"),
        (#","stream_options":{"include_usage":1}"#, "stream_options.include_usage", "invalid_type"),
        (#","service_tier":"scale""#, "service_tier", "unsupported_parameter"),
        (
            #","web_search_options":{"search_context_size":"low"}"#, "web_search_options",
            "unsupported_parameter"
        ),
        (#","modalities":["text","audio"]"#, "modalities", "unsupported_parameter"),
        (#","audio":{"voice":"x"}"#, "audio", "unsupported_parameter"),
        (#","prediction":{"type":"content","content":"x"}"#, "prediction", "unsupported_parameter"),
        (#","models":["dear"]"#, "models", "unsupported_parameter"),
        (#","n_predict":9"#, "n_predict", "unsupported_parameter"),
        (#","background":true"#, "background", "unsupported_parameter"),
        (#","tools":[{"type":"web_search"}]"#, "tools[0].type", "unsupported_parameter"),
        (#","tools":{}"#, "tools", "invalid_type"),
        (#","prompt_cache_options":{"ttl":"24h"}"#, "prompt_cache_options.ttl", "invalid_value"),
        (#","model":"dear""#, "model", "duplicate_parameter"),
        (
            #","stream_options":{"include_usage":true,"include_usage":false}"#,
            "stream_options.include_usage", "duplicate_parameter"
        ),
    ])
    func `a field that breaks the bound or the price is refused by name`(
        fields: String,
        parameter: String,
        code: String
    ) {
        let fault = fault(fields)
        #expect(fault?.parameter == parameter)
        #expect(fault?.code == code)
    }

    @Test(arguments: [
        #","Model":"dear""#, #","maxTokens":9"#, #","MAX_TOKENS":9"#, #","N":4"#,
        #","webSearchOptions":{}"#, #","Stream":true"#, #","max-tokens":1"#, #","ſtream":true"#,
        #","stream_options":{"includeUsage":false}"#,
    ])
    func `a look-alike of a field that decides money cannot slip past`(fields: String) {
        #expect(fault(fields)?.code == "unsupported_parameter")
    }

    @Test(
        arguments: [
            ("{}", nil, "invalid_type"), ("[]", nil, "invalid_value"),
            ("[1]", "messages[0]", "invalid_type"),
            (#"[{"role":"user","content":1}]"#, "messages[0].content", "invalid_type"),
            (
                #"[{"content":[{"text":"x"}]}]"#, "messages[0].content[0].type",
                "missing_required_parameter"
            ),
            (
                #"[{"content":[{"type":"input_audio","input_audio":{}}]}]"#,
                "messages[0].content[0].input_audio", "unsupported_parameter"
            ),
            (
                #"[{"content":[{"type":"file","file":{"file_id":"f"}}]}]"#,
                "messages[0].content[0].file", "unsupported_parameter"
            ),
            (
                #"[{"content":[{"type":"text","text":"a","type":"file"}]}]"#,
                "messages[0].content[0].type", "duplicate_parameter"
            ),
            (
                #"[{"content":"a"},{"role":"assistant","audio":{"id":"a"}}]"#, "messages[1].audio",
                "unsupported_parameter"
            ),
            (#"[{"content":"a","Content":[]}]"#, "messages[0].Content", "unsupported_parameter"),
        ] as [(String, String?, String)]
    )
    func `content without a bound is refused where it stands`(
        messages: String,
        parameter: String?,
        code: String
    ) {
        let fault = fault("", messages: messages)
        #expect(fault?.parameter == parameter ?? "messages")
        #expect(fault?.code == code)
    }

    @Test(
        arguments: [
            ("", nil, "invalid_json"), ("[]", nil, "invalid_type"),
            ("{}", "model", "missing_required_parameter"),
            (#"{"model":"m"}"#, "messages", "missing_required_parameter"),
            (#"{"model":"","messages":[]}"#, "model", "invalid_value"),
            (#"{"model":null,"messages":[]}"#, "model", "missing_required_parameter"),
            (#"{"model":["m"],"messages":[]}"#, "model", "invalid_type"),
            (#"{"model":"m","messages":[{"content":"a"}]} x"#, nil, "invalid_json"),
            (#"{"model":"m","mod\u0065l":"dear","messages":[]}"#, nil, "escaped_parameter"),
        ] as [(String, String?, String)]
    )
    func `a body that is no request is refused`(body: String, parameter: String?, code: String) {
        #expect {
            try CallFacts(endpoint: .chatCompletions, body: bytes(body))
        } throws: { error in
            let fault = error as? RequestFault
            return fault?.parameter == parameter && fault?.code == code
        }
    }

    @Test func `tools and cache options widen the bound`() throws {
        let plain = try facts("")
        let extra = #","tools":[{"type":"function","function":{"name":"f"}},{"type":"custom"}]"#
        let tools = try facts(extra)
        let added = tools.inputTokensBound - plain.inputTokensBound
        #expect(added == Int64(extra.utf8.count) + 2 * 32 + 1_024)
        #expect(try facts(#","prompt_cache_options":{"ttl":"12h"}"#).cacheWrites == .long)
        #expect(try facts(#","service_tier":"fast""#).serviceTier == .priority)
        #expect(try facts(#","functions":[{"name":"f"}]"#).inputTokensBound > 1_100)
    }

    @Test func `only a real base64 payload is taken off the text`() throws {
        let image = { (url: String) in
            #"[{"content":[{"type":"image_url","image_url":{"url":""# + url + #""}}]}]"#
        }
        let payload = String(repeating: "A", count: 5_000)
        let data = try facts("", messages: image("data:image/jpeg;base64,\(payload)"))
        #expect(data.textBytes < 200)
        #expect(data.imageCount == 1)
        for url in ["https://x/\(payload)", "data:image/jpeg,\(payload)", "data:\(payload)"] {
            #expect(try facts("", messages: image(url)).textBytes > 5_000)
        }
    }
}

@Suite struct MessagesFactsTests {
    private func facts(_ fields: String, content: String = "\"hi\"") throws -> CallFacts {
        let body =
            #"{"model":"m","max_tokens":100,"messages":[{"role":"user","content":"# + content
            + "}]" + fields + "}"
        return try CallFacts(endpoint: .messages, body: bytes(body))
    }

    private func fault(_ fields: String, content: String = "\"hi\"") -> RequestFault? {
        do {
            _ = try facts(fields, content: content)
            return nil
        } catch {
            return error as? RequestFault
        }
    }

    @Test func `Claude Code is served`() throws {
        let facts = try CallFacts(endpoint: .messages, body: Samples.claudeCode)
        #expect(facts.model == "claude-opus-5-5")
        #expect(facts.isStreamed)
        #expect(facts.outputCap == 128_000)
        #expect(facts.outputCapFloor == 1)
        #expect(facts.cacheWrites == .long)
        #expect(facts.messageCount == 2)
        let fixed: Int64 = 2 * 16 + 32 + 64 + 1_024
        // The escaped ï in a property's name may gain three bytes when normalized.
        #expect(facts.inputTokensBound == Int64(Samples.claudeCode.count) + 3 + fixed)
    }

    @Test func `the output cap is required, and zero only fills the cache`() throws {
        let body = { #"{"model":"m","messages":[{"content":"a"}]"# + $0 + "}" }
        #expect(throws: RequestFault.missing("max_tokens")) {
            try CallFacts(endpoint: .messages, body: bytes(body("")))
        }
        let prewarm = try CallFacts(endpoint: .messages, body: bytes(body(#","max_tokens":0"#)))
        #expect(prewarm.outputCap == 0)
        #expect(prewarm.outputCapFloor == 0)
    }

    @Test func `a thinking budget is a floor under the cap`() throws {
        let enabled = #","thinking":{"type":"enabled","budget_tokens":"#
        #expect(try facts(enabled + "50}").outputCapFloor == 51)
        #expect(try facts(enabled + "5000}").outputCapFloor == 100)
        #expect(try facts(#","thinking":{"type":"disabled"}"#).outputCapFloor == 1)
        #expect(fault(#","thinking":{"type":"enabled"}"#)?.parameter == "thinking.budget_tokens")
        #expect(fault(enabled + "-1}")?.code == "integer_below_min_value")
        #expect(fault(enabled + #"5,"budget_tokens":6}"#)?.code == "duplicate_parameter")
        #expect(fault(#","thinking":{"budgetTokens":5}"#)?.code == "unsupported_parameter")
    }

    @Test(arguments: [
        (#","tools":[{"type":"web_search_20250305","name":"web_search"}]"#, "tools[0].type"),
        (#","tools":[{"name":"a"},{"type":"code_execution_20250825"}]"#, "tools[1].type"),
        (#","tools":[{"type":"mcp_toolset"}]"#, "tools[0].type"),
        (#","tools":[{"Type":"web_search_20250305"}]"#, "tools[0].Type"),
        (#","container":"c""#, "container"), (#","mcp_servers":[{}]"#, "mcp_servers"),
        (#","speed":"fast""#, "speed"), (#","inference_geo":"us""#, "inference_geo"),
        (#","service_tier":"flex""#, "service_tier"),
        (
            #","context_management":{"edits":[{"type":"compact_20260112"}]}"#,
            "context_management.edits[0].type"
        ),
        (#","context_management":{"more":1}"#, "context_management.more"),
        (#","maxTokens":100000"#, "maxTokens"), (#","fallbacks":[{"model":"x"}]"#, "fallbacks"),
    ])
    func `what has no bound or no price is refused by name`(fields: String, parameter: String) {
        #expect(fault(fields)?.parameter == parameter)
        #expect(fault(fields)?.code == "unsupported_parameter")
    }

    @Test(arguments: [
        #","tools":[{"name":"a","input_schema":{"type":"object"}},{"type":"custom","name":"b"}]"#,
        #","tools":[{"type":"bash_20250124","name":"bash"},{"type":"text_editor_20250728"}]"#,
        #","mcp_servers":[],"container":null,"speed":"standard","service_tier":"auto""#,
        #","context_management":{"edits":[{"type":"clear_tool_uses_20250919"}]}"#,
        #","cache_control":{"type":"ephemeral"},"metadata":{"a":{"a":1}}"#,
    ])
    func `what is bounded is served`(fields: String) {
        #expect(fault(fields) == nil)
    }

    @Test func `tools that the upstream prompts for count for more`() throws {
        let plain = #","tools":[{"type":"custom","name":"bash"}]"#
        let typed = #","tools":[{"type":"bash_20250124","name":"bash"}]"#
        let difference = try facts(typed).inputTokensBound - facts(plain).inputTokensBound
        #expect(difference == 1_024 + Int64(typed.utf8.count - plain.utf8.count))
    }

    @Test(arguments: [
        (#"[{"type":"document","source":{"type":"base64","data":"x"}}]"#, ".source.type"),
        (#"[{"type":"document","source":{"type":"url","url":"x"}}]"#, ".source.type"),
        (#"[{"type":"image","source":{"type":"file","file_id":"x"}}]"#, ".source.type"),
        (#"[{"type":"container_upload","file_id":"x"}]"#, ".file_id"),
        (#"[{"type":"web_search_tool_result","content":[]}]"#, ".type"),
        (
            #"[{"type":"tool_result","content":[{"type":"document","source":{"type":"url"}}]}]"#,
            ".content[0].source.type"
        ),
    ])
    func `content without a bound is refused where it stands`(content: String, path: String) {
        #expect(fault("", content: content)?.parameter == "messages[0].content[0]" + path)
        #expect(fault("", content: content)?.code == "unsupported_parameter")
    }

    @Test func `cache writes and images are found however deep they stand`() throws {
        let nested =
            #"[{"type":"tool_result","tool_use_id":"t","content":[{"type":"image","source":"#
            + #"{"type":"base64","media_type":"image/png","data":"AAAAAAAAAA"}},{"type":"text","#
            + #""text":"x","cache_control":{"type":"ephemeral","ttl":"1h"}}]},"#
            + #"{"type":"image","source":{"type":"url","url":"https://x"}}]"#
        let facts = try facts("", content: nested)
        #expect(facts.cacheWrites == .long)
        #expect(facts.imageCount == 2)
        #expect(facts.inputTokensBound == facts.textTokensBound + 10_000)
        #expect(try self.facts(#","cache_control":{"type":"ephemeral"}"#).cacheWrites == .short)
        #expect(try self.facts("").cacheWrites == .none)
        let strange = #"[{"type":"text","text":"x","cache_control":{"ttl":"9h"}}]"#
        #expect(fault("", content: strange)?.code == "invalid_value")
    }

    @Test func `text that normalization lengthens is bounded at its longest`() throws {
        let ligatures = try facts(
            "",
            content: "\"" + String(repeating: "\u{fdfa}", count: 100) + "\""
        )
        let ASCII = try facts("", content: "\"" + String(repeating: "aaa", count: 100) + "\"")
        #expect(ligatures.inputTokensBound - ASCII.inputTokensBound == 3_000)
    }
}
