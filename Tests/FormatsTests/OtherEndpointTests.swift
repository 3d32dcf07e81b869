import Schema
import Testing

@testable import Formats

/// Completions, embeddings and the counting of tokens.
@Suite struct OtherEndpointTests {
    private func completion(_ fields: String) throws -> CallFacts {
        try CallFacts(endpoint: .completions, body: bytes(#"{"model":"m",\#(fields)}"#))
    }

    private func embedding(_ fields: String) throws -> CallFacts {
        try CallFacts(endpoint: .embeddings, body: bytes(#"{"model":"m",\#(fields)}"#))
    }

    private func refusal(_ make: @autoclosure () throws -> CallFacts) -> String? {
        do {
            _ = try make()
            return nil
        } catch {
            return (error as? RequestFault)?.parameter
        }
    }

    // MARK: completions

    @Test func `a completion without a cap has the API's own of 16, and says so upstream`() throws {
        let body = bytes(#"{"model":"m","prompt":"Once"}"#)
        let facts = try CallFacts(endpoint: .completions, body: body)
        #expect(facts.outputCap == 16)
        #expect(facts.outputCapField == .maxTokens)
        let sent = facts.upstreamBody(from: body, model: "m", outputCap: 16)
        #expect(text(sent) == #"{"max_tokens":16,"model":"m","prompt":"Once"}"#)
    }

    @Test(
        arguments: [
            (#""prompt":"a""#, 1, 1, nil), (#""prompt":["a","b","c"],"n":2"#, 6, 6, nil),
            (#""prompt":["a","b"],"n":2,"best_of":5"#, 10, 4, nil),
            (#""prompt":[1,2,3],"best_of":3"#, 3, 1, 3), (#""prompt":[[1,2],[3]]"#, 2, 2, 3),
        ] as [(String, Int64, Int64, Int64?)]
    )
    func `prompts times answers are billed`(
        fields: String,
        billed: Int64,
        shown: Int64,
        tokens: Int64?
    ) throws {
        let facts = try completion(fields)
        #expect(facts.choices == billed)
        #expect(facts.choicesShown == shown)
        #expect(facts.promptTokens == tokens)
    }

    @Test func `a completion beyond bounds is refused by the field's name`() throws {
        #expect(refusal(try completion(#""n":1"#)) == "prompt")
        #expect(refusal(try completion(#""prompt":[]"#)) == "prompt")
        #expect(refusal(try completion(#""prompt":[1,"a"]"#)) == "prompt")
        #expect(refusal(try completion(#""prompt":[[1],[]]"#)) == "prompt[1]")
        #expect(refusal(try completion(#""prompt":{"id":"x"}"#)) == "prompt")
        #expect(refusal(try completion(#""prompt":["a","b"],"n":65"#)) == "prompt")
        #expect(refusal(try completion(#""prompt":"a","best_of":129"#)) == "best_of")
        #expect(refusal(try completion(#""prompt":"a","max_completion_tokens":9"#)) != nil)
    }

    @Test func `a streamed completion is asked for usage and hides it`() throws {
        let body = bytes(#"{"model":"m","prompt":["a","b"],"stream":true,"max_tokens":4}"#)
        let facts = try CallFacts(endpoint: .completions, body: body)
        let sent = text(facts.upstreamBody(from: body, model: "m", outputCap: 4))
        #expect(sent.contains(#""stream_options":{"include_usage":true}"#))
        func chunk(_ index: Int, _ text: String, _ finish: String) -> String {
            #"data: {"id":"cmpl-1","object":"text_completion","choices":[{"text":"\#(text)","#
                + #""index":\#(index),"logprobs":null,"finish_reason":\#(finish)}]}"# + "\n\n"
        }
        let content =
            chunk(0, "Hi", "null") + chunk(1, "Ho", "null") + chunk(0, "", #""stop""#)
            + chunk(1, "", #""length""#)
        let usage =
            #"data: {"choices":[],"usage":{"prompt_tokens":2,"completion_tokens":7}}"# + "\n\n"
        let relayed = try Relayed(
            [bytes(content + usage + "data: [DONE]\n\n")],
            by: facts.makeStreamRelay()
        )
        #expect(text(relayed.output) == content + "data: [DONE]\n\n")
        #expect(relayed.notices.textBytes == 4)
        #expect(relayed.notices.hasFinished)
        #expect(relayed.usage?.tokens.input == 2)
        #expect(relayed.usage?.tokens.output == 7)
        #expect(relayed.usage?.isFinal == true)
    }

    @Test func `a whole completion tells its usage and its text`() {
        let answer = UnaryResponse(
            endpoint: .completions,
            body: bytes(
                #"{"object":"text_completion","choices":[{"text":"four","index":0,"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":1}}"#
            ),
            cacheWritesAsked: .none
        )
        #expect(answer.textBytes == 4)
        #expect(answer.usage?.tokens.output == 1)
    }

    // MARK: embeddings

    @Test(
        arguments: [
            (#""input":"text""#, nil), (#""input":["a","b"]"#, nil), (#""input":[1,2,3]"#, 3),
            (#""input":[[1,2],[3,4,5]]"#, 5),
        ] as [(String, Int64?)]
    )
    func `an input has four shapes, and lists of tokens are counted exactly`(
        fields: String,
        tokens: Int64?
    ) throws {
        let facts = try embedding(fields)
        #expect(facts.promptTokens == tokens)
        #expect(facts.outputCap == 0)
        #expect(facts.inputTokensBound >= tokens ?? 1)
        if let tokens { #expect(TokenEstimate.input(of: facts) == tokens) }
    }

    @Test func `an embedding's body gets no cap, and its encoding passes`() throws {
        let body = bytes(#"{"input":"a","model":"m","encoding_format":"base64"}"#)
        let facts = try CallFacts(endpoint: .embeddings, body: body)
        let sent = facts.upstreamBody(from: body, model: "up", outputCap: 0)
        #expect(text(sent) == #"{"input":"a","model":"up","encoding_format":"base64"}"#)
    }

    @Test func `an embedding is not streamed`() {
        #expect(refusal(try embedding(#""input":"a","stream":true"#)) == "stream")
        #expect(refusal(try embedding(#""n":1"#)) != nil)
    }

    @Test func `an embedding has no output tokens, and a silent upstream has no usage`() {
        let vectors = #""object":"list","data":[{"embedding":"AACAPw==","index":0}]"#
        let told = UnaryResponse(
            endpoint: .embeddings,
            body: bytes(#"{\#(vectors),"usage":{"prompt_tokens":8,"total_tokens":8}}"#),
            cacheWritesAsked: .none
        )
        #expect(told.usage?.tokens.input == 8)
        #expect(told.usage?.tokens.output == 0)
        #expect(told.usage?.anomalies == [])
        let silent = UnaryResponse(
            endpoint: .embeddings,
            body: bytes("{\(vectors)}"),
            cacheWritesAsked: .none
        )
        #expect(silent.isReadable)
        #expect(silent.usage == nil)
        #expect(silent.textBytes == 0)
    }

    // MARK: counting

    @Test func `counting needs no cap and changes nothing but the model`() throws {
        let body = bytes(
            #"{"model":"m","messages":[{"role":"user","content":"four words of text"}]}"#
        )
        let facts = try CallFacts(countingTokensOf: body)
        #expect(facts.model == "m")
        let sent = facts.upstreamBody(from: body, model: "up", outputCap: nil)
        #expect(text(sent) == text(body).replacing(#""m""#, with: #""up""#))
        let count = text(TokenCount.body(inputTokens: TokenEstimate.input(of: facts)))
        #expect(count == #"{"input_tokens":\#((body.count + 2) / 3)}"#)
    }
}
