import Schema
import Testing

@testable import Formats

/// A status of 200 with an error for an answer: OpenRouter documents it, others send it too.
@Suite struct UnaryErrorTests {
    private static let endpoints: [Endpoint] = [
        .chatCompletions, .completions, .responses, .messages, .embeddings,
    ]

    private func read(_ body: String, _ endpoint: Endpoint) -> UnaryResponse {
        UnaryResponse(endpoint: endpoint, body: bytes(body), cacheWritesAsked: .none)
    }

    @Test(arguments: endpoints)
    func `an error in place of an answer is none, whatever the status`(endpoint: Endpoint) {
        for body in [
            #"{"error":{"code":502,"message":"Overloaded"}}"#,
            #"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}"#,
            #"{"choices":[],"content":[],"data":[],"error":{"message":"Overloaded"}}"#,
        ] {
            let answer = read(body, endpoint)
            #expect(answer.isReadable)
            #expect(answer.error?.message == "Overloaded")
        }
        for body in ["{}", #"{"detail":"busy"}"#, #"{"usage":{"prompt_tokens":9}}"#] {
            #expect(read(body, endpoint).error == .unknown)
        }
    }

    @Test func `an error of the only choice is one, and beside text it is the answer's own`() {
        let failed =
            #"{"choices":[{"error":{"message":"Overloaded"},"finish_reason":"error","message":{"content":""}}]}"#
        #expect(read(failed, .chatCompletions).error?.message == "Overloaded")
        let cut =
            #"{"choices":[{"message":{"content":"Half"}}],"error":{"message":"Overloaded"}}"#
        #expect(read(cut, .chatCompletions).error == nil)
    }

    @Test func `an answer that is empty, or that says itself that it failed, is an answer`() {
        for (body, endpoint) in [
            (#"{"choices":[{"message":{"content":null}}],"error":null}"#, .chatCompletions),
            (#"{"content":[],"stop_reason":"end_turn"}"#, .messages),
            (#"{"output":[],"status":"completed","error":null}"#, .responses),
            (#"{"output":[],"status":"failed","error":{"message":"x"}}"#, .responses),
            (#"{"data":[{"embedding":[1]}]}"#, .embeddings),
        ] as [(String, Endpoint)] {
            #expect(read(body, endpoint).error == nil)
        }
    }

    @Test func `an answer is read however it is spaced`() {
        for (body, endpoint) in [
            (
                #"{"choices": [{"message": {"content": "Hi"}}], "usage": null, "id": "c"}"#,
                .chatCompletions
            ),
            (
                "{\"content\": \n[{\"type\": \"text\", \"text\": \"Hi\"}], \"usage\" : null\n}",
                .messages
            ),
            (
                #"{"content": null, "content":  [ {"type": "text", "text": "Hi"} , 1 ], "usage": null}"#,
                .messages
            ),
            (#"{"status": "completed", "output": [], "usage":  null, "error": null}"#, .responses),
            (#"{"data": [ {"embedding": [1]} ], "usage": null, "model": "m"}"#, .embeddings),
        ] as [(String, Endpoint)] {
            let answer = read(body, endpoint)
            #expect(answer.isReadable && answer.error == nil, "\(body)")
        }
    }

    @Test(arguments: TranslationStreamTests.pairs)
    func `an error is not translated into an empty success`(
        client: Endpoint,
        upstream: APIFormat
    ) throws {
        let call = try TranslationStreamTests.call(client, upstream)
        for body in [#"{"error":{"message":"Overloaded"}}"#, "{}"] {
            let answer = call.answer(from: bytes(body), as: TranslationStreamTests.identity)
            #expect(answer == nil)
        }
    }
}
