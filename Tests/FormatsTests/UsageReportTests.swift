import Schema
import Testing

@testable import Formats

@Suite struct ChatUsageTests {
    private func report(_ usage: String, asked: CacheWrites = .short) throws -> UsageReport {
        let body = bytes(#"{"choices":[{"message":{"content":"x"}}],"usage":"# + usage + "}")
        let response = UnaryResponse(
            endpoint: .chatCompletions,
            body: body,
            cacheWritesAsked: asked
        )
        return try #require(response.usage)
    }

    @Test func `what was cached is not billed as input too (bifrost 904, litellm 40006)`() throws {
        let report = try report(
            #"{"prompt_tokens":1000,"completion_tokens":50,"total_tokens":7,"prompt_tokens_details":"#
                + #"{"cached_tokens":600,"cache_write_tokens":100,"audio_tokens":30,"image_tokens":70},"#
                + #""completion_tokens_details":{"reasoning_tokens":20,"audio_tokens":10,"#
                + #""rejected_prediction_tokens":5}}"#
        )
        #expect(report.tokens.input == 200)
        #expect(report.tokens.cacheRead == 600)
        #expect(report.tokens.cacheWriteShort == 100)
        #expect(report.tokens.audioInput == 30)
        #expect(report.tokens.imageInput == 70)
        #expect(report.tokens.inputTotal == 1_000)
        #expect(report.tokens.output == 40)
        #expect(report.tokens.audioOutput == 10)
        #expect(report.tokens.reasoning == 20)
        #expect(report.isFinal)
        #expect(report.anomalies.isEmpty)
    }

    @Test func `other names of the same counts are read (OmniRoute 14204, DeepSeek, Moonshot)`()
        throws
    {
        let responses = try report(
            #"{"input_tokens":10,"output_tokens":3,"input_tokens_details":{"cached_tokens":4}}"#
        )
        #expect(responses.tokens.input == 6)
        #expect(responses.tokens.output == 3)
        let hit = #"{"prompt_tokens":10,"completion_tokens":3,"prompt_cache_hit_tokens":7}"#
        #expect(try report(hit).tokens.cacheRead == 7)
        let both =
            #"{"prompt_tokens":10,"completion_tokens":3,"cached_tokens":7,"prompt_tokens_details":{"cached_tokens":2}}"#
        #expect(try report(both).tokens.cacheRead == 2)
    }

    @Test func `cached images are counted once (new-api 7229)`() throws {
        let report = try report(
            #"{"prompt_tokens":1000,"completion_tokens":1,"prompt_tokens_details":{"cached_tokens":900,"image_tokens":800}}"#
        )
        #expect(report.tokens.cacheRead == 900)
        #expect(report.tokens.imageInput == 100)
        #expect(report.tokens.input == 0)
        #expect(report.anomalies.isEmpty)
    }

    @Test(arguments: [
        (#"{"prompt_tokens":-5,"completion_tokens":-9}"#, UsageAnomaly.negativeCount),
        (#"{"prompt_tokens":99999999999999999999,"completion_tokens":0}"#, .absurdCount),
        (
            #"{"prompt_tokens":5,"completion_tokens":0,"prompt_tokens_details":{"cached_tokens":9}}"#,
            .cachedAbovePrompt
        ),
        (
            #"{"prompt_tokens":5,"completion_tokens":0,"prompt_tokens_details":{"cached_tokens":-9}}"#,
            .negativeCount
        ),
        (
            #"{"prompt_tokens":5,"completion_tokens":1,"completion_tokens_details":{"reasoning_tokens":2}}"#,
            .detailAboveOutput
        ),
        (#"{"prompt_tokens":5.0,"completion_tokens":1}"#, .unreadableCount),
        (#"{"prompt_tokens":"5","completion_tokens":1}"#, .unreadableCount),
        (#"{"prompt_tokens":5,"completion_tokens":null}"#, .missingCount),
        (#"{}"#, .missingCount),
    ])
    func `a lie is clamped and flagged, and never credits (new-api 5003, octopus 243)`(
        usage: String,
        anomaly: UsageAnomaly
    ) throws {
        let report = try report(usage)
        #expect(report.anomalies.contains(anomaly))
        for tokenClass in TokenClass.allCases {
            #expect((0...TokenUsage.countMax).contains(report.tokens[tokenClass]))
        }
        #expect(report.tokens.inputTotal <= TokenUsage.countMax)
        #expect(report.tokens.reasoning <= report.tokens.output)
    }

    @Test func `null details and null usage are none`() throws {
        let nulls =
            #"{"prompt_tokens":5,"completion_tokens":1,"prompt_tokens_details":null,"completion_tokens_details":null}"#
        #expect(try report(nulls).anomalies.isEmpty)
        let body = bytes(#"{"choices":[],"usage":null}"#)
        let response = UnaryResponse(
            endpoint: .chatCompletions,
            body: body,
            cacheWritesAsked: .none
        )
        #expect(response.usage == nil)
    }

    @Test func `writes count at the lifetime told, else at the dearest asked for`() throws {
        let total =
            #"{"prompt_tokens":100,"completion_tokens":1,"prompt_tokens_details":{"cache_write_tokens":40"#
        #expect(try report(total + "}}", asked: .short).tokens.cacheWriteShort == 40)
        #expect(try report(total + "}}", asked: .long).tokens.cacheWriteLong == 40)
        let split =
            total + #","cache_write_tokens_details":{"ttl_30m_tokens":10,"ttl_12h_tokens":30}}}"#
        #expect(try report(split, asked: .none).tokens.cacheWriteShort == 10)
        #expect(try report(split, asked: .none).tokens.cacheWriteLong == 30)
    }

    @Test func `text is counted as the client reads it`() {
        let body = bytes(
            #"{"choices":[{"message":{"role":"assistant","content":"h\u00e9 \"q\"","tool_calls":"#
                + #"[{"id":"call_1","type":"function","function":{"name":"f","arguments":"{\"a\":1}"}}]}}]}"#
        )
        let response = UnaryResponse(
            endpoint: .chatCompletions,
            body: body,
            cacheWritesAsked: .none
        )
        #expect(response.textBytes == Int64(#"hé "q""#.utf8.count + 1 + #"{"a":1}"#.utf8.count))
        let page = UnaryResponse(
            endpoint: .messages,
            body: bytes("<html>"),
            cacheWritesAsked: .none
        )
        #expect(page.usage == nil)
        #expect(page.textBytes == 0 && !page.isReadable)
    }
}

@Suite struct MessagesUsageTests {
    private func report(_ usage: String, asked: CacheWrites = .short) throws -> UsageReport {
        let body = bytes(#"{"content":[{"type":"text","text":"x"}],"usage":"# + usage + "}")
        let response = UnaryResponse(endpoint: .messages, body: body, cacheWritesAsked: asked)
        return try #require(response.usage)
    }

    @Test func `cached tokens are not part of the input (portkey 1564, litellm 9812)`() throws {
        let report = try report(
            #"{"input_tokens":10,"output_tokens":7,"cache_read_input_tokens":900,"cache_creation_input_tokens":90}"#
        )
        #expect(report.tokens.input == 10)
        #expect(report.tokens.cacheRead == 900)
        #expect(report.tokens.cacheWriteShort == 90)
        #expect(report.tokens.inputTotal == 1_000)
    }

    @Test func `writes without a split are not free (new-api 2249)`() throws {
        let usage = #"{"input_tokens":1,"output_tokens":1,"cache_creation_input_tokens":90}"#
        #expect(try report(usage, asked: .long).tokens.cacheWriteLong == 90)
        #expect(try report(usage, asked: .short).tokens.cacheWriteShort == 90)
        #expect(try report(usage, asked: .none).tokens.cacheWriteShort == 90)
    }

    @Test(arguments: [
        (100, 30, 60, 30, 70), (100, 90, 60, 40, 60), (50, 0, 60, 0, 50), (90, 30, 60, 30, 60),
    ])
    func `a split that does not fit its total is told, and the total counts`(
        total: Int,
        short: Int,
        long: Int,
        expectedShort: Int64,
        expectedLong: Int64
    ) throws {
        let report = try report(
            #"{"input_tokens":1,"output_tokens":1,"cache_creation_input_tokens":\#(total),"#
                + #""cache_creation":{"ephemeral_5m_input_tokens":\#(short),"ephemeral_1h_input_tokens":\#(long)}}"#,
            asked: .long
        )
        #expect(report.tokens.cacheWriteShort == expectedShort)
        #expect(report.tokens.cacheWriteLong == expectedLong)
        #expect(report.anomalies.contains(.cacheSplitMismatch) == (total != short + long))
    }

    @Test func `iterations count what the totals leave out`() throws {
        let usage = { (type: String, input: Int) in
            #"{"input_tokens":100,"output_tokens":10,"iterations":[{"type":"compaction","input_tokens":\#(input),"output_tokens":40},"#
                + #"{"type":"\#(type)","input_tokens":100,"output_tokens":10}]}"#
        }
        let compacted = try report(usage("message", 5_000))
        #expect(compacted.tokens.input == 5_100)
        #expect(compacted.tokens.output == 50)
        #expect(compacted.anomalies.isEmpty)
        let advised = try report(usage("advisor_message", 0))
        #expect(advised.anomalies == [.foreignIteration])
        let short =
            #"{"input_tokens":100,"output_tokens":10,"iterations":[{"type":"message","input_tokens":9,"output_tokens":10}]}"#
        #expect(try report(short).tokens.input == 100)
        #expect(try report(short).anomalies == [.iterationsBelowTotal])
        let none = #"{"input_tokens":100,"output_tokens":10,"iterations":[]}"#
        #expect(try report(none).tokens.input == 100)
    }

    @Test func `what is billed at another price is flagged, not taken for the usual`() throws {
        let base = #"{"input_tokens":1,"output_tokens":1,"#
        #expect(try report(base + #""speed":"fast"}"#).anomalies == [.unpricedFeature])
        #expect(try report(base + #""inference_geo":"us"}"#).anomalies == [.unpricedFeature])
        #expect(try report(base + #""speed":"standard","inference_geo":null}"#).anomalies.isEmpty)
        #expect(try report(base + #""service_tier":"batch"}"#).serviceTier == .batch)
        let odd = try report(base + #""service_tier":"gold"}"#)
        #expect(odd.serviceTier == nil)
        #expect(odd.anomalies == [.unknownServiceTier])
    }
}

@Suite struct TokenEstimateTests {
    @Test func `an estimate lies between a token an event and a token a byte`() {
        #expect(TokenEstimate.output(textBytes: 0, events: 5) == 0)
        #expect(TokenEstimate.output(textBytes: 3_000) == 1_000)
        #expect(TokenEstimate.output(textBytes: 3_001) == 1_001)
        #expect(TokenEstimate.output(textBytes: 10, events: 7) == 7)
        #expect(TokenEstimate.output(textBytes: 10, events: 70) == 10)
    }

    @Test func `an estimated prompt is well inside its bound`() throws {
        for (endpoint, body) in [
            (Endpoint.messages, Samples.claudeCode), (.chatCompletions, Samples.chat),
        ] {
            let facts = try CallFacts(endpoint: endpoint, body: body)
            #expect(TokenEstimate.input(of: facts) < facts.inputTokensBound)
            #expect(TokenEstimate.input(of: facts) >= facts.textBytes / 4)
        }
    }
}

@Suite struct ModelListTests {
    private let models = [
        ModelEntry(id: "gpt-5.4-mini", createdAt: Instant(microseconds: 1_795_514_400_000_000)),
        ModelEntry(id: "a\"b", createdAt: Instant(microseconds: 0)),
    ]

    @Test func `models are listed in both formats`() {
        #expect(
            text(ModelList.body(models, format: .openAI))
                == #"{"object":"list","data":[{"id":"gpt-5.4-mini","object":"model","created":1795514400,"#
                + #""owned_by":"farebox"},{"id":"a\"b","object":"model","created":0,"owned_by":"farebox"}]}"#
        )
        #expect(
            text(ModelList.body(models, format: .anthropic))
                == #"{"data":[{"type":"model","id":"gpt-5.4-mini","display_name":"gpt-5.4-mini","#
                + #""created_at":"2026-11-24T10:00:00Z"},{"type":"model","id":"a\"b","display_name":"a\"b","#
                + #""created_at":"1970-01-01T00:00:00Z"}],"has_more":false,"first_id":"gpt-5.4-mini","#
                + #""last_id":"a\"b"}"#
        )
        #expect(
            text(ModelList.body([], format: .anthropic))
                == #"{"data":[],"has_more":false,"first_id":null,"last_id":null}"#
        )
    }
}
