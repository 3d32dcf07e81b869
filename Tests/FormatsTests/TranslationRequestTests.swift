import Schema
import Testing

@testable import Formats

/// Requests on their way to an upstream of another format.
@Suite struct TranslationRequestTests {
    private func translated(
        _ body: String,
        from client: Endpoint,
        to upstream: APIFormat,
        outputCap: Int64? = 64_000
    ) throws -> String {
        let translation = try #require(
            Translation.between(client, upstream, hasResponses: false)
        )
        _ = try CallFacts(endpoint: client, body: bytes(body))
        return text(try translation.call(from: bytes(body), outputCap: outputCap).body)
    }

    private func refusal(
        _ body: String,
        from client: Endpoint,
        to upstream: APIFormat
    ) -> String? {
        do {
            _ = try translated(body, from: client, to: upstream)
            return nil
        } catch {
            return (error as? RequestFault)?.parameter
        }
    }

    private func toMessages(_ fields: String) throws -> String {
        try translated(
            #"{"model":"m","max_completion_tokens":9,\#(fields)}"#,
            from: .chatCompletions,
            to: .anthropic
        )
    }

    private func toChat(_ fields: String) throws -> String {
        try translated(
            #"{"model":"m","max_tokens":9,\#(fields)}"#,
            from: .messages,
            to: .openAI
        )
    }

    private let hi = #""messages":[{"role":"user","content":"hi"}]"#

    @Test func `there is a translation where formats differ, and none where they do not`() {
        #expect(Translation.between(.chatCompletions, .anthropic)?.upstream == .messages)
        #expect(Translation.between(.responses, .anthropic)?.upstream == .messages)
        #expect(Translation.between(.messages, .openAI)?.upstream == .chatCompletions)
        #expect(Translation.between(.responses, .openAI) == nil)
        let older = Translation.between(.responses, .openAI, hasResponses: false)
        #expect(older?.upstream == .chatCompletions)
        #expect(Translation.between(.chatCompletions, .openAI) == nil)
        #expect(Translation.between(.embeddings, .anthropic) == nil)
        #expect(Translation.between(.completions, .anthropic) == nil)
    }

    // MARK: chat to messages

    @Test func `results of tools are one message, first in it (CLIProxyAPI 4656)`() throws {
        let body = try toMessages(
            #"""
            "messages":[{"role":"system","content":"Be brief."},{"role":"user","content":"Compare"},
            {"role":"assistant","content":null,"tool_calls":[
            {"id":"call_1","type":"function","function":{"name":"f","arguments":"{\"n\": 12345678901234567890}"}},
            {"id":"call:2","type":"function","function":{"name":"g","arguments":""}}]},
            {"role":"tool","tool_call_id":"call_1","content":"one"},
            {"role":"tool","tool_call_id":"call:2","content":"two"},
            {"role":"user","content":"Go on"}]
            """#
        )
        #expect(
            body == #"{"model":"m","max_tokens":9,"system":"Be brief.","messages":["#
                + #"{"role":"user","content":"Compare"},"#
                + #"{"role":"assistant","content":[{"type":"tool_use","id":"call_1","name":"f","input":{"n": 12345678901234567890}},"#
                + #"{"type":"tool_use","id":"call-3a-2","name":"g","input":{}}]},"#
                + #"{"role":"user","content":[{"type":"tool_result","tool_use_id":"call_1","content":"one"},"#
                + #"{"type":"tool_result","tool_use_id":"call-3a-2","content":"two"},"#
                + #"{"type":"text","text":"Go on"}]}]}"#
        )
    }

    @Test func `empty texts are left out (claude-code-router 4)`() throws {
        let body = try toMessages(
            #"""
            "messages":[{"role":"user","content":"a"},{"role":"assistant","content":"","tool_calls":[
            {"id":"c","type":"function","function":{"name":"f","arguments":"{}"}}]},
            {"role":"tool","tool_call_id":"c","content":""},{"role":"assistant","content":""}]
            """#
        )
        #expect(!body.contains(#""text":"""#))
        #expect(
            body.hasSuffix(#""content":[{"type":"tool_result","tool_use_id":"c","content":""}]}]}"#)
        )
    }

    @Test func `images are carried by data and by address, without their detail`() throws {
        let body = try toMessages(
            #"""
            "messages":[{"role":"user","content":[{"type":"text","text":"See"},
            {"type":"image_url","image_url":{"url":"data:image/png;base64,iVBO","detail":"low"}},
            {"type":"image_url","image_url":{"url":"https://x.example/a.png"}}]}]
            """#
        )
        #expect(
            body.contains(
                #"{"type":"image","source":{"type":"base64","media_type":"image/png","data":"iVBO"}}"#
            )
        )
        #expect(
            body.contains(
                #"{"type":"image","source":{"type":"url","url":"https://x.example/a.png"}}"#
            )
        )
    }

    @Test(arguments: [
        (#""none""#, #"{"type":"none"}"#), (#""auto""#, #"{"type":"auto"}"#),
        (#""required""#, #"{"type":"any"}"#),
        (#"{"type":"function","function":{"name":"f"}}"#, #"{"type":"tool","name":"f"}"#),
    ])
    func `every choice of tools has its twin (litellm 24443)`(chat: String, message: String) throws
    {
        let tools = #""tools":[{"type":"function","function":{"name":"f"}}]"#
        let body = try toMessages(#"\#(hi),\#(tools),"tool_choice":\#(chat)"#)
        #expect(body.contains(#""tool_choice":\#(message)"#))
        #expect(body.contains(#""input_schema":{"type":"object","properties":{}}"#))
    }

    @Test func `calls one at a time are asked for without a choice of tools (bifrost 7348)`() throws
    {
        let tools = #""tools":[{"type":"function","function":{"name":"f","parameters":{}}}]"#
        let body = try toMessages(#"\#(hi),\#(tools),"parallel_tool_calls":false"#)
        #expect(
            body.contains(#""tool_choice":{"type":"auto","disable_parallel_tool_use":true}"#)
        )
    }

    @Test func `sampling is written for the version that knows it, within its scale`() throws {
        let translation = try #require(Translation.between(.chatCompletions, .anthropic))
        func call(_ fields: String) throws -> TranslatedCall {
            try translation.call(
                from: bytes(#"{"model":"m","max_tokens":9,\#(hi)\#(fields)}"#),
                outputCap: nil
            )
        }
        let plain = try call("")
        #expect(plain.fields.map(\.value) == ["2026-10-21"])
        let warm = try call(#","temperature":1.70,"top_p":0.90,"stop":["a","b"]"#)
        #expect(warm.fields.map(\.value) == ["2023-06-01"])
        #expect(
            text(warm.body).contains(#""temperature":1,"top_p":0.90,"stop_sequences":["a","b"]"#)
        )
        #expect(text(try call(#","temperature":0.70"#).body).contains(#""temperature":0.70"#))
    }

    @Test func `a missing cap becomes the model's, for the format wants one (litellm 8835)`() throws
    {
        let body = #"{"model":"m",\#(hi)}"#
        let sent = try translated(body, from: .chatCompletions, to: .anthropic)
        #expect(sent.contains(#""max_tokens":64000"#))
        #expect(throws: RequestFault.self) {
            try translated(body, from: .chatCompletions, to: .anthropic, outputCap: nil)
        }
    }

    @Test func `an effort asks for thinking, and a schema for structure`() throws {
        let format =
            #""response_format":{"type":"json_schema","json_schema":{"name":"n","schema":{"type":"object"},"strict":true}}"#
        let body = try toMessages(#"\#(hi),"reasoning_effort":"medium",\#(format)"#)
        #expect(body.contains(#""thinking":{"type":"adaptive"}"#))
        #expect(
            body.contains(
                #""output_config":{"effort":"medium","format":{"type":"json_schema","schema":{"type":"object"}}}"#
            )
        )
        let off = try toMessages(#"\#(hi),"reasoning_effort":"none""#)
        #expect(off.contains(#""thinking":{"type":"disabled"}"#))
    }

    @Test(arguments: [
        (#""n":2"#, "n"), (#""logprobs":true"#, "logprobs"),
        (#""frequency_penalty":0.5"#, "frequency_penalty"),
        (#""logit_bias":{"1":2}"#, "logit_bias"), (#""store":true"#, "store"),
        (#""verbosity":"low""#, "verbosity"), (#""service_tier":"priority""#, "service_tier"),
        (#""response_format":{"type":"json_object"}"#, "response_format.type"),
        (#""tools":[{"type":"custom","custom":{"name":"c"}}]"#, "tools[0].custom"),
        (#""functions":[{"name":"f"}]"#, "functions"), (#""stop":"  ""#, "stop"),
        (#""guided_json":{}"#, "guided_json"),
        (#""prompt_cache_options":{"ttl":"12h"}"#, "prompt_cache_options"),
    ])
    func `what messages cannot say is refused by the field's name`(field: String, name: String) {
        #expect(
            refusal(
                #"{"model":"m","max_tokens":9,\#(hi),\#(field)}"#,
                from: .chatCompletions,
                to: .anthropic
            )
                == name
        )
    }

    @Test func `what asks for nothing may stay`() throws {
        _ = try toMessages(
            #"\#(hi),"n":1,"logprobs":false,"frequency_penalty":0,"presence_penalty":0.0,"seed":7,"user":"u","metadata":{"a":"b"},"logit_bias":{},"modalities":["text"]"#
        )
        #expect(
            refusal(
                #"{"model":"m","max_tokens":9,"messages":[{"role":"user","content":"hi","name":"Ann"}]}"#,
                from: .chatCompletions,
                to: .anthropic
            ) == "messages[0].name"
        )
    }

    // MARK: messages to chat

    @Test func `Claude Code's request becomes a chat, its own header left out`() throws {
        let body = try translated(text(Samples.claudeCode), from: .messages, to: .openAI)
        #expect(
            body.hasPrefix(
                #"{"model":"claude-opus-5-5","messages":[{"role":"system","content":"You are Claude Code."},"#
                    + #"{"role":"user","content":"say hi"},{"role":"system","content":"mid"}],"#
                    + #""stream":true,"max_completion_tokens":128000,"tools":["#
            )
        )
        #expect(body.contains(#"{"na\u00efve":{"type":"string"}}"#))
        #expect(body.hasSuffix(#""reasoning_effort":"high"}"#))
    }

    @Test func `images in results go to the user's message behind them (litellm 23712, 20403)`()
        throws
    {
        let body = try toChat(
            #"""
            "messages":[{"role":"user","content":"a"},{"role":"assistant","content":[
            {"type":"thinking","thinking":"Hm","signature":"c2ln"},
            {"type":"tool_use","id":"toolu_1","name":"f","input":{"a":1.0}}]},
            {"role":"user","content":[{"type":"tool_result","tool_use_id":"toolu_1","is_error":true,"content":[
            {"type":"text","text":"bad"},{"type":"image","source":{"type":"base64","media_type":"image/png","data":"iVBO"}}]},
            {"type":"text","text":"why?"}]}]
            """#
        )
        #expect(
            body.contains(
                #"{"role":"assistant","content":null,"tool_calls":[{"id":"toolu_1","type":"function","function":{"name":"f","arguments":"{\"a\":1.0}"}}]},"#
                    + #"{"role":"tool","tool_call_id":"toolu_1","content":[{"type":"text","text":"Error:"},{"type":"text","text":"bad"}]},"#
                    + #"{"role":"user","content":[{"type":"image_url","image_url":{"url":"data:image/png;base64,iVBO"}},{"type":"text","text":"why?"}]}"#
            )
        )
    }

    @Test func `thinking goes back only where it came from, and never as text (litellm 37175)`()
        throws
    {
        func body(_ signature: String) throws -> String {
            try toChat(
                #"""
                "messages":[{"role":"user","content":"a"},{"role":"assistant","content":[
                {"type":"thinking","thinking":"Hm","signature":"\#(signature)"},{"type":"text","text":"b"}]},
                {"role":"user","content":"c"}]
                """#
            )
        }
        #expect(try !body("c2ln").contains("Hm"))
        #expect(
            try body("unsigned").contains(
                #"{"role":"assistant","reasoning_content":"Hm","content":"b"}"#
            )
        )
        let toAnthropic = try toMessages(
            #"""
            "messages":[{"role":"user","content":"a"},{"role":"assistant","content":"b","reasoning_content":"Hm"},
            {"role":"user","content":"c"},{"role":"assistant","content":"d","reasoning_content":"Ha",
            "reasoning_details":[{"type":"reasoning.text","index":0,"signature":"c2ln"},{"type":"reasoning.encrypted","data":"x"}]}]
            """#
        )
        #expect(!toAnthropic.contains("Hm"))
        #expect(
            toAnthropic.contains(
                #"[{"type":"thinking","thinking":"Ha","signature":"c2ln"},{"type":"redacted_thinking","data":"x"},{"type":"text","text":"d"}]"#
            )
        )
    }

    @Test func `each block of thinking comes back with its own text and signature`() throws {
        func replayed(_ details: String, plain: String) throws -> String {
            try toMessages(
                #"""
                "messages":[{"role":"user","content":"a"},{"role":"assistant","content":"d",
                "reasoning_content":"\#(plain)","reasoning_details":[\#(details)]}]
                """#
            )
        }
        let both =
            #"{"type":"thinking","thinking":"Hm, so","signature":"c2ln"},{"type":"thinking","thinking":"Ha","signature":"bmV4dA"}"#
        // As a client that joins the pieces of one index sends it, and as one that does not.
        for details in [
            #"{"type":"reasoning.text","index":0,"text":"Hm, so","signature":"c2ln"},{"type":"reasoning.text","index":1,"text":"Ha","signature":"bmV4dA"}"#,
            #"{"type":"reasoning.text","index":0,"text":"Hm"},{"type":"reasoning.text","index":0,"text":", so"},"#
                + #"{"type":"reasoning.text","index":0,"signature":"c2ln"},{"type":"reasoning.text","index":1,"text":"Ha"},"#
                + #"{"type":"reasoning.text","index":1,"signature":"bmV4dA"}"#,
        ] {
            #expect(try replayed(details, plain: "Hm, soHa").contains(both))
        }
        // Two signatures of one text: whose is whose, nobody can tell.
        let nameless =
            #"{"type":"reasoning.text","index":0,"signature":"c2ln"},{"type":"reasoning.text","index":1,"signature":"bmV4dA"}"#
        let fault = #expect(throws: RequestFault.self) {
            _ = try replayed(nameless, plain: "HmHa")
        }
        #expect(fault?.parameter == "messages[1].reasoning_details[0].text")
    }

    @Test(arguments: [
        (
            Endpoint.chatCompletions, APIFormat.anthropic,
            #""messages":[{"role":"system","content":[{"type":"text","text":"See"},{"type":"image_url","image_url":{"url":"https://x/y.png"}}]},{"role":"user","content":"hi"}]"#,
            "messages[0].content[1].type"
        ),
        (
            .responses, .anthropic,
            #""input":[{"role":"developer","content":[{"type":"input_image","image_url":"https://x/y.png"}]},{"role":"user","content":"hi"}]"#,
            "input[0].content[0].type"
        ),
        (
            .responses, .openAI,
            #""input":[{"role":"user","content":"hi"},{"role":"system","content":[{"type":"input_image","image_url":"https://x/y.png"}]}]"#,
            "input[1].content[0].type"
        ),
    ])
    func `an image among instructions is refused, not left out`(
        client: Endpoint,
        upstream: APIFormat,
        fields: String,
        name: String
    ) {
        let body = #"{"model":"m",\#(fields)}"#
        #expect(refusal(body, from: client, to: upstream) == name)
    }

    @Test(arguments: [
        (#""top_k":5"#, "top_k"), (#""stop_sequences":["a","b","c","d","e"]"#, "stop_sequences"),
        (#""tools":[{"type":"bash_20250124","name":"bash"}]"#, "tools[0].type"),
        (
            #""context_management":{"edits":[{"type":"clear_tool_uses_20250919"}]}"#,
            "context_management.edits[0].type"
        ),
        (#""output_config":{"task_budget":1}"#, "output_config.task_budget"),
    ])
    func `what a chat cannot say is refused by the field's name`(field: String, name: String) {
        #expect(
            refusal(#"{"model":"m","max_tokens":9,\#(hi),\#(field)}"#, from: .messages, to: .openAI)
                == name
        )
    }

    @Test func `a document is refused, for it would lose its citations`() {
        let body =
            #"{"model":"m","max_tokens":9,"messages":[{"role":"user","content":[{"type":"document","source":{"type":"text","media_type":"text/plain","data":"x"}}]}]}"#
        #expect(refusal(body, from: .messages, to: .openAI) == "messages[0].content[0].type")
    }

    @Test func `a budget of thinking becomes an effort`() throws {
        for (budget, effort) in [(1_024, "low"), (8_000, "medium"), (32_000, "high")] {
            let body = try translated(
                #"{"model":"m","max_tokens":64000,\#(hi),"thinking":{"type":"enabled","budget_tokens":\#(budget)}}"#,
                from: .messages,
                to: .openAI
            )
            #expect(body.contains(#""reasoning_effort":"\#(effort)""#))
        }
        #expect(try !toChat(#"\#(hi),"thinking":{"type":"adaptive"}"#).contains("effort"))
    }

    // MARK: responses

    @Test(arguments: [APIFormat.openAI, .anthropic])
    func `a response's items become one conversation`(upstream: APIFormat) throws {
        let body = try translated(
            #"""
            {"model":"m","instructions":"Be brief.","max_output_tokens":50,"store":false,"include":["reasoning.encrypted_content"],
            "reasoning":{"effort":"low","summary":"auto"},"parallel_tool_calls":false,
            "tools":[{"type":"function","name":"f","parameters":{"type":"object"},"strict":true}],
            "input":[{"role":"developer","content":"Now."},{"role":"user","content":[{"type":"input_text","text":"What?"},
            {"type":"input_image","detail":"auto","image_url":"https://x.example/a.png"}]},
            {"type":"reasoning","id":"rs_1","summary":[{"type":"summary_text","text":"Hm"}],"encrypted_content":"c2ln"},
            {"type":"function_call","id":"fc_1","call_id":"call_1","name":"f","arguments":"{}"},
            {"type":"function_call_output","call_id":"call_1","output":"a cat"}]}
            """#,
            from: .responses,
            to: upstream
        )
        if upstream == .openAI {
            #expect(
                body
                    == #"{"model":"m","messages":[{"role":"system","content":[{"type":"text","text":"Be brief."},{"type":"text","text":"Now."}]},"#
                    + #"{"role":"user","content":[{"type":"text","text":"What?"},{"type":"image_url","image_url":{"url":"https://x.example/a.png","detail":"auto"}}]},"#
                    + #"{"role":"assistant","content":null,"tool_calls":[{"id":"call_1","type":"function","function":{"name":"f","arguments":"{}"}}]},"#
                    + #"{"role":"tool","tool_call_id":"call_1","content":"a cat"}],"max_completion_tokens":50,"#
                    + #""tools":[{"type":"function","function":{"name":"f","parameters":{"type":"object"},"strict":true}}],"parallel_tool_calls":false,"reasoning_effort":"low"}"#
            )
        } else {
            #expect(
                body.contains(
                    #"{"role":"assistant","content":[{"type":"thinking","thinking":"Hm","signature":"c2ln"},{"type":"tool_use","id":"call_1","name":"f","input":{}}]},"#
                        + #"{"role":"user","content":[{"type":"tool_result","tool_use_id":"call_1","content":"a cat"}]}]"#
                )
            )
        }
    }

    @Test(arguments: [
        (#""store":true"#, "store"), (#""truncation":"auto""#, "truncation"),
        (#""include":["message.output_text.logprobs"]"#, "include[0]"),
        (#""max_tool_calls":1"#, "max_tool_calls"),
        (#""tools":[{"type":"custom","name":"c"}]"#, "tools[0].type"),
        (#""tools":[{"type":"local_shell"}]"#, "tools[0].type"),
        (#""text":{"verbosity":"high"}"#, "text.verbosity"),
    ])
    func `what a translated response cannot say is refused by the field's name`(
        field: String,
        name: String
    ) {
        let body = #"{"model":"m","input":"a","max_output_tokens":50,\#(field)}"#
        #expect(refusal(body, from: .responses, to: .anthropic) == name)
    }

    @Test func `an upstream's refusal is told in the client's format`() throws {
        let translation = try #require(Translation.between(.messages, .openAI))
        let call = try translation.call(
            from: bytes(#"{"model":"m","max_tokens":9,\#(hi)}"#),
            outputCap: nil
        )
        let refusal = call.refusal(
            from: bytes(
                #"{"error":{"message":"Too long.","type":"invalid_request_error","code":"context_length_exceeded"}}"#
            ),
            requestID: "req_1"
        )
        #expect(
            text(refusal)
                == #"{"type":"error","error":{"type":"invalid_request_error","message":"Too long."},"request_id":"req_1"}"#
        )
    }

    @Test func `the bound of a translated call is that of what leaves`() throws {
        let translation = try #require(Translation.between(.chatCompletions, .anthropic))
        let call = try translation.call(
            from: bytes(
                #"{"model":"m","max_tokens":9,"stream":true,"messages":[{"role":"user","content":"\#(String(repeating: "ﷺ", count: 100))"}]}"#
            ),
            outputCap: nil
        )
        #expect(call.facts.endpoint == .messages)
        #expect(call.facts.isStreamed)
        #expect(call.facts.outputCap == 9)
        // The old tokenizer makes eighteen letters of this one.
        #expect(call.facts.textTokensBound > 1_800)
        let sent = call.facts.upstreamBody(from: call.body, model: "up", outputCap: 5)
        #expect(text(sent).hasPrefix(#"{"model":"up","max_tokens":5,"#))
    }
}
