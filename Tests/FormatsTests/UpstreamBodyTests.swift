import Schema
import Testing

@testable import Formats

@Suite struct UpstreamBodyTests {
    private func edited(
        _ body: String,
        model: String = "m",
        cap: Int64? = nil,
        as field: OutputCapField? = nil,
        endpoint: Endpoint = .chatCompletions
    ) throws -> String {
        let facts = try CallFacts(endpoint: endpoint, body: bytes(body))
        return text(
            facts.upstreamBody(
                from: bytes(body),
                model: model,
                outputCap: cap,
                cappedBy: field
            )
        )
    }

    private let messages = #""messages":[{"content":"a"}]"#

    @Test func `a body that needs no change is the client's own`() throws {
        let body = #"{ "model" : "m", \#(messages) , "max_tokens" : 10 , "x":1.0e0}"#
        #expect(try edited(body, cap: 10) == body)
        #expect(try edited(body) == body)
    }

    @Test func `the model and the cap are replaced in place`() throws {
        let body = #"{"max_tokens": 10 ,"model":"a\u0062",\#(messages)}"#
        #expect(
            try edited(body, model: "x\"y", cap: 5)
                == #"{"max_tokens": 5 ,"model":"x\"y",\#(messages)}"#
        )
        #expect(try edited(body, model: "ab", cap: 10) == body)
    }

    @Test func `a missing cap is inserted, and a null one filled in`() throws {
        let body = #"{ "model":"m",\#(messages)}"#
        #expect(
            try edited(body, cap: 7) == #"{"max_completion_tokens":7, "model":"m",\#(messages)}"#
        )
        #expect(
            try edited(body, cap: 7, as: .maxTokens)
                == #"{"max_tokens":7, "model":"m",\#(messages)}"#
        )
        let null = #"{"model":"m","max_tokens":null,\#(messages)}"#
        #expect(
            try edited(null, cap: 7, as: .maxTokens)
                == #"{"model":"m","max_tokens":7,\#(messages)}"#
        )
    }

    @Test func `the cap goes by the one name that the upstream knows (bifrost 6132)`() throws {
        let older = #"{"model":"m","max_tokens" : 9,\#(messages)}"#
        let newer = #"{"model":"m","max_completion_tokens" : 9,\#(messages)}"#
        #expect(try edited(newer, cap: 9, as: .maxTokens) == older)
        #expect(try edited(older, cap: 9, as: .maxCompletionTokens) == newer)
        #expect(try edited(older, cap: 9, as: .maxTokens) == older)
        let lowered = older.replacing("9", with: "4")
        #expect(try edited(newer, cap: 4, as: .maxTokens) == lowered)
        // Without such an upstream the client's own name stays.
        #expect(try edited(older, cap: 4) == lowered)
        let null = #"{"max_tokens":null,"model":"m","max_completion_tokens":9,\#(messages)}"#
        #expect(
            try edited(null, cap: 9, as: .maxTokens)
                == #"{"max_tokens":9,"model":"m","max_completion_tokens":null,\#(messages)}"#
        )
        // Completions and messages have one name, whatever the upstream's chats know.
        let completion = #"{"model":"m","prompt":"a","max_tokens":9}"#
        #expect(
            try edited(completion, cap: 9, as: .maxCompletionTokens, endpoint: .completions)
                == completion
        )
    }

    @Test(arguments: [
        (#""stream":true"#, #""stream_options":{"include_usage":true},"#, #""stream":true"#),
        (
            #""stream":true,"stream_options":null"#, "",
            #""stream":true,"stream_options":{"include_usage":true}"#
        ),
        (
            #""stream":true,"stream_options":{ }"#, "",
            #""stream":true,"stream_options":{"include_usage":true }"#
        ),
        (
            #""stream":true,"stream_options":{"a":[{}]}"#, "",
            #""stream":true,"stream_options":{"include_usage":true,"a":[{}]}"#
        ),
        (
            #""stream":true,"stream_options":{"a":1, "include_usage": false }"#, "",
            #""stream":true,"stream_options":{"a":1, "include_usage": true }"#
        ),
        (
            #""stream":true,"stream_options":{"include_usage":null}"#, "",
            #""stream":true,"stream_options":{"include_usage":true}"#
        ),
        (
            #""stream":true,"stream_options":{"include_usage":true}"#, "",
            #""stream":true,"stream_options":{"include_usage":true}"#
        ),
        (#""stream":false,"stream_options":null"#, "", #""stream":false,"stream_options":null"#),
    ])
    func `a streamed chat always asks for usage`(fields: String, inserted: String, expected: String)
        throws
    {
        let edited = try edited(#"{"model":"m",\#(messages),\#(fields)}"#)
        #expect(edited == #"{\#(inserted)"model":"m",\#(messages),\#(expected)}"#)
    }

    @Test func `messages get no stream options`() throws {
        let body = #"{"model":"m","max_tokens":9,"stream":true,\#(messages)}"#
        #expect(
            try edited(body, model: "c", cap: 4, endpoint: .messages)
                == #"{"model":"c","max_tokens":4,"stream":true,\#(messages)}"#
        )
    }

    /// Fields of a body by name, but for those that an edit may change.
    private func rest(_ body: [UInt8]) throws -> [String: String] {
        let changed = ["model", "max_tokens", "max_completion_tokens", "stream_options"]
        let fields = try JSONObject(scanning: body).fields.filter {
            !changed.contains($0.name.text)
        }
        return Dictionary(
            uniqueKeysWithValues: fields.map { ($0.name.text, text(Array(body[$0.value.range]))) }
        )
    }

    @Test func `an edited body reads as the original but for what was changed`() throws {
        var generator = SeededGenerator(seed: 3)
        let optional = [
            #""max_tokens":50"#, #""max_completion_tokens" : null"#, #""stream":true"#,
            #""stream_options":{"x":{"include_usage":1}}"#, #""stream_options":null"#, #""n":2"#,
            #""user":"\"model\":\"x\"""#, #""tools":[{"type":"function","max_tokens":1}]"#,
            #""big":123456789012345678901234567890.10"#, #""é":1"#.replacing("é", with: "e"),
        ]
        for _ in 0..<2_000 {
            var fields = [#""model":"gpt""#, messages]
            var names: Set<Substring> = []
            for field in optional.shuffled(using: &generator).prefix(5)
            where names.insert(field.prefix { $0 != ":" }.dropLast(0)).inserted {
                if field.hasPrefix(#""stream_options""#), names.contains(#""so""#) { continue }
                if field.hasPrefix(#""stream_options""#) { names.insert(#""so""#) }
                fields.append(field)
            }
            fields.shuffle(using: &generator)
            let space = [" ", "", "\n\t"].randomElement(using: &generator) ?? ""
            let body = bytes("{" + space + fields.joined(separator: space + "," + space) + "}")
            let facts = try CallFacts(endpoint: .chatCompletions, body: body)
            let edited = facts.upstreamBody(from: body, model: "up/\"x", outputCap: 33)
            let reread = try CallFacts(endpoint: .chatCompletions, body: edited)
            #expect(reread.model == "up/\"x")
            #expect(reread.outputCap == 33)
            #expect(reread.isStreamed == facts.isStreamed)
            #expect(reread.wantsStreamUsage == facts.isStreamed)
            #expect(reread.choices == facts.choices)
            #expect(try rest(edited) == rest(body))
        }
    }
}
