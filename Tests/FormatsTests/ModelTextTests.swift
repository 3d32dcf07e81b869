import Schema
import Testing

@testable import Formats

/// What counts as written by the model, where its upstream does not count for us.
@Suite struct ModelTextTests {
    private func streamed(_ delta: String, relay: any StreamRelay) throws -> Int64 {
        let chunk = #"data: {"choices":[{"index":0,"delta":\#(delta)}]}"#
        return try Relayed([bytes(chunk + "\n\n")], by: relay).notices.textBytes
    }

    private func whole(_ message: String, _ endpoint: Endpoint = .chatCompletions) -> Int64 {
        let body =
            endpoint == .messages
            ? #"{"content":[\#(message)]}"# : #"{"choices":[{"index":0,"message":\#(message)}]}"#
        return UnaryResponse(endpoint: endpoint, body: bytes(body), cacheWritesAsked: .none)
            .textBytes
    }

    @Test(
        arguments: [
            (#"{"role":"assistant","content":"four"}"#, 4),
            // The same reasoning under two names, as OpenRouter and vLLM have it.
            (#"{"reasoning":"Hm","reasoning_content":"Hm"}"#, 2),
            (#"{"reasoning_content":"","reasoning":"Hm"}"#, 2),
            (#"{"reasoning":"Hm","reasoning_details":[{"type":"reasoning.text","text":"Hm"}]}"#, 2),
            (#"{"content":"four","thinking_blocks":[{"thinking":"Hm","signature":"AAAA"}]}"#, 4),
            (#"{"content":"four","provider_specific_fields":{"citations":["long"]}}"#, 4),
            (#"{"content":"four","obfuscation":"aaaaaaaaaaaa"}"#, 4),
            (#"{"content":[{"type":"text","text":"four"}],"annotations":[{"url":"x"}]}"#, 4),
            (
                #"{"tool_calls":[{"index":0,"id":"call_1","type":"function","function":{"name":"f","arguments":"{}"},"extra_content":{"google":{"thought_signature":"AAAA"}}}]}"#,
                3
            ),
            (#"{"tool_calls":[{"id":"c","custom":{"name":"f","input":"abc"}}]}"#, 4),
            (#"{"function_call":{"name":"f","arguments":"{}"}}"#, 3),
            (#"{"refusal":"No."}"#, 3),
        ] as [(String, Int64)]
    )
    func `what a chat's server only repeats is not counted again`(delta: String, length: Int64)
        throws
    {
        #expect(try streamed(delta, relay: ChatStreamRelay(wantsUsage: true)) == length)
        #expect(whole(delta) == length)
    }

    @Test func `a tool's input counts as the model wrote it, whatever its fields are called`() {
        let input = #"{"path":"a.txt","content":"two words","type":"file","id":7}"#
        let block = #"{"type":"tool_use","id":"toolu_1","name":"write","input":\#(input)}"#
        #expect(whole(block, .messages) == Int64("write".utf8.count + input.utf8.count))
        let thinking = #"{"type":"thinking","thinking":"Hm","signature":"AAAAAAAA"}"#
        #expect(whole(thinking, .messages) == 2)
        #expect(whole(#"{"type":"redacted_thinking","data":"AAAAAAAA"}"#, .messages) == 0)
    }
}
