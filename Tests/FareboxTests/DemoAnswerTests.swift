import Testing

@testable import farebox

@Suite struct DemoAnswerTests {
    private func answer(_ body: String, words: Int = 32) throws -> DemoAnswer {
        DemoAnswer(to: try #require(DemoRequest(Array(body.utf8))), words: words)
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

    @Test func `what is not a request is none`() {
        #expect(DemoRequest(Array("{".utf8)) == nil)
        #expect(DemoRequest(Array(#"{"model":"m"}"#.utf8)) == nil)
    }
}
