import Testing

@testable import farebox

@Suite struct DemoAnswerTests {
    private func answer(
        _ body: String,
        to endpoint: DemoEndpoint = .chatCompletions,
        words: Int = 32
    ) throws -> DemoAnswer {
        DemoAnswer(to: try #require(DemoRequest(Array(body.utf8), to: endpoint)), words: words)
    }

    @Test func `a word is a token, in and out`() throws {
        let answer = try answer(
            #"{"model":"m","system":"be brief","messages":[{"role":"user","content":"a b c"}]}"#
        )
        #expect(answer.inputTokens == 5 && answer.outputTokens == 32 && !answer.isCut)
    }

    @Test func `a cap cuts the answer`() throws {
        let answer = try answer(
            #"{"model":"m","messages":[{"content":[{"type":"text","text":"a b"}]}],"max_tokens":3}"#
        )
        #expect(answer.inputTokens == 2 && answer.outputTokens == 3 && answer.isCut)
    }

    @Test func `a schema is answered with its smallest instance`() throws {
        let answer = try answer(
            #"""
            {"model":"m","messages":[],"response_format":{"json_schema":{"schema":{
              "type":"object","required":["n","s"],
              "properties":{"s":{"type":"string"},"n":{"type":"integer"}}}}}}
            """#
        )
        guard case .text(let pieces) = answer.content else { return }
        #expect(pieces.joined() == #"{"n": 1, "s": "demo"}"#)
        #expect(answer.outputTokens == 4)
    }

    @Test func `every endpoint has a prompt and a cap of its own`() throws {
        let response = try answer(
            #"{"model":"m","instructions":"be brief","input":[{"role":"user","content":[{"type":"input_text","text":"a b"}]}],"max_output_tokens":3}"#,
            to: .responses
        )
        #expect(response.inputTokens == 4 && response.outputTokens == 3 && response.isCut)
        let text = #"{"model":"m","prompt":["a b","c"],"n":2,"max_tokens":5}"#
        #expect(DemoRequest(Array(text.utf8), to: .completions)?.choices == 4)
        #expect(try answer(text, to: .completions).inputTokens == 3)
        let tokens = #"{"model":"m","input":[[1,2,3],[4]]}"#
        #expect(DemoRequest(Array(tokens.utf8), to: .embeddings)?.choices == 2)
        let embedding = try answer(tokens, to: .embeddings)
        #expect(embedding.inputTokens == 4 && embedding.outputTokens == 0 && !embedding.isCut)
    }

    @Test func `what is not a request is none`() {
        #expect(DemoRequest(Array(#"{"model":"m","messages":"a"}"#.utf8)) == nil)
        #expect(DemoRequest(Array(#"{"model":"m","messages":[]}"#.utf8), to: .responses) == nil)
        #expect(DemoRequest(Array("{".utf8)) == nil)
        #expect(DemoRequest(Array(#"{"model":"m"}"#.utf8)) == nil)
    }
}
