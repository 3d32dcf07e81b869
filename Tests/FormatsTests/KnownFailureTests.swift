import Schema
import Testing

@testable import Formats

/// What other gateways got wrong between formats, and no other suite has by its name.
@Suite struct KnownFailureTests {
    private func translated(
        _ body: String,
        from client: Endpoint,
        to upstream: APIFormat
    ) throws -> String {
        let translation = try #require(
            Translation.between(client, upstream, hasResponses: false)
        )
        return text(try translation.call(from: bytes(body), outputCap: 64_000).body)
    }

    /// A streamed chat whose prompt was read from a cache in part, as a client of messages has it.
    private func cachedChatAsMessages() throws -> [String] {
        let stream =
            TranslationStreamTests.chunk(#"{"content":"a"}"#)
            + TranslationStreamTests.chunk("{}", #""stop""#) + TranslationStreamTests.usageChunk
            + "data: [DONE]\n\n"
        let relayed = try TranslationStreamTests.relayed(bytes(stream), .messages, .openAI)
        return TranslationStreamTests.data(relayed.output)
    }

    @Test func `a Claude client sees what of its prompt was cached (litellm 31069)`() throws {
        let delta = try #require(
            try cachedChatAsMessages().first { $0.contains(#""type":"message_delta""#) }
        )
        #expect(delta.contains(#""cache_read_input_tokens":64"#))
        #expect(delta.contains(#""cache_creation_input_tokens":20"#))
    }

    @Test func `cached tokens are taken off a Claude client's input (new-api 4395)`() throws {
        let delta = try #require(
            try cachedChatAsMessages().first { $0.contains(#""type":"message_delta""#) }
        )
        // 100 of the prompt, of which 64 were read from the cache and 20 written to it.
        #expect(delta.contains(#""input_tokens":16,"#))
    }

    @Test func `a Claude client sees what was reasoned (litellm 36376)`() throws {
        let delta = try #require(
            try cachedChatAsMessages().first { $0.contains(#""type":"message_delta""#) }
        )
        #expect(delta.contains(#""output_tokens_details":{"thinking_tokens":5}"#))
    }

    @Test func `a conversation that the upstream would hold is not lost (litellm 37956)`() {
        let body = bytes(#"{"model":"m","input":"hi","previous_response_id":"resp_1"}"#)
        let fault = #expect(throws: RequestFault.self) {
            _ = try CallFacts(endpoint: .responses, body: body)
        }
        #expect(fault?.parameter == "previous_response_id")
    }

    @Test func `an object of reasoning is an effort elsewhere (litellm 36363, 12432)`() throws {
        let body = #"{"model":"m","input":"hi","reasoning":{"effort":"high"}}"#
        let chat = try translated(body, from: .responses, to: .openAI)
        #expect(chat.contains(#""reasoning_effort":"high""#))
        let message = try translated(body, from: .responses, to: .anthropic)
        #expect(message.contains(#""effort":"high""#))
    }

    @Test func `a schema is no tool, so its answer ends with stop (bifrost 3685)`() throws {
        let schema =
            #"{"type":"json_schema","json_schema":{"name":"n","schema":{"type":"object"},"strict":true}}"#
        let body = try translated(
            #"{"model":"m","messages":[{"role":"user","content":"hi"}],"response_format":\#(schema)}"#,
            from: .chatCompletions,
            to: .anthropic
        )
        #expect(body.contains(#""output_config""#))
        #expect(!body.contains(#""tools""#) && !body.contains(#""tool_choice""#))
    }

    @Test func `the client's cap is the upstream's, however small (bifrost 6132)`() throws {
        let hi = #""messages":[{"role":"user","content":"hi"}]"#
        let chat = try translated(
            #"{"model":"m","max_tokens":4,\#(hi)}"#,
            from: .messages,
            to: .openAI
        )
        #expect(chat.hasSuffix(#","max_completion_tokens":4}"#))
        let message = try translated(
            #"{"model":"m","max_completion_tokens":4,\#(hi)}"#,
            from: .chatCompletions,
            to: .anthropic
        )
        #expect(message.hasPrefix(#"{"model":"m","max_tokens":4,"#))
    }

    @Test func `a cap of another format goes by the name that the upstream knows (bifrost 6132)`()
        throws
    {
        let translation = try #require(Translation.between(.messages, .openAI))
        let call = try translation.call(
            from: bytes(
                #"{"model":"m","max_tokens":4,"messages":[{"role":"user","content":"hi"}]}"#
            ),
            outputCap: nil
        )
        let sent = call.facts.upstreamBody(
            from: call.body,
            model: "m",
            outputCap: 4,
            cappedBy: .maxTokens
        )
        #expect(text(sent).hasSuffix(#","max_tokens":4}"#))
        #expect(!text(sent).contains("max_completion_tokens"))
    }
}
