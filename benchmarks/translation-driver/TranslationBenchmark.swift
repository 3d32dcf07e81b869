import Formats
import Glibc
import Schema

/// Relays a streamed answer in its own format and translated, and prints what a chunk costs, as
/// lines of JSON: CPU time of the one thread that it takes.
///
///     translation-benchmark [CHUNKS]
@main
struct TranslationBenchmark {
    private static let rounds = 15

    private struct Pair {
        let client: Endpoint
        let upstream: APIFormat
    }

    private static let pairs = [
        Pair(client: .messages, upstream: .openAI), Pair(client: .responses, upstream: .openAI),
        Pair(client: .chatCompletions, upstream: .anthropic),
        Pair(client: .responses, upstream: .anthropic),
    ]

    static func main() throws {
        let chunkCount = CommandLine.arguments.dropFirst().first.flatMap(Int.init) ?? 2_000
        for pair in pairs {
            let events = pair.upstream == .openAI ? chat(chunkCount) : message(chunkCount)
            var native: [Double] = []
            var translated: [Double] = []
            // By turns, so that both see the same machine.
            for _ in 0..<rounds {
                native.append(try microseconds(of: events, by: try own(pair.upstream)))
                translated.append(try microseconds(of: events, by: try translating(pair)))
            }
            print(
                """
                {"client": "\(pair.client.rawValue)", "upstream": "\(pair.upstream.rawValue)", \
                "chunks": \(events.count), "native_us": \(median(native)), \
                "translated_us": \(median(translated))}
                """
            )
        }
    }

    private static func microseconds(
        of events: [[UInt8]],
        by relay: any StreamRelay
    ) throws -> Double {
        var relay = relay
        var output: [UInt8] = []
        let start = cpuNanoseconds()
        for event in events {
            output.removeAll(keepingCapacity: true)
            try relay.relay(event, into: &output)
        }
        relay.finish(into: &output)
        let spent = cpuNanoseconds() - start
        guard relay.usage?.isFinal == true else { fatalError("the stream was not read") }
        return Double(spent) / 1_000 / Double(events.count)
    }

    private static func cpuNanoseconds() -> Int64 {
        var time = timespec()
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
        return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
    }

    private static func median(_ values: [Double]) -> Double { values.sorted()[values.count / 2] }

    // MARK: relays

    private static func body(_ endpoint: Endpoint) -> [UInt8] {
        let fields =
            endpoint == .responses
            ? #""max_output_tokens":16,"input":"a""#
            : #""max_tokens":9,"messages":[{"role":"user","content":"a"}]"#
        return Array(#"{"model":"m","stream":true,\#(fields)}"#.utf8)
    }

    private static func own(_ format: APIFormat) throws -> any StreamRelay {
        let endpoint: Endpoint = format == .openAI ? .chatCompletions : .messages
        return try CallFacts(endpoint: endpoint, body: body(endpoint)).makeStreamRelay()
    }

    private static func translating(_ pair: Pair) throws -> any StreamRelay {
        let translation = Translation.between(pair.client, pair.upstream, hasResponses: false)
        guard let call = try translation?.call(from: body(pair.client), outputCap: 9) else {
            fatalError("there is no such translation")
        }
        let identity = AnswerIdentity(
            id: "1",
            model: "m",
            createdAt: Instant(microseconds: 1_000_000)
        )
        return call.makeStreamRelay(as: identity, wantsUsage: true)
    }

    // MARK: streams

    private static func chat(_ count: Int) -> [[UInt8]] {
        let head = #"data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"m","#
        let delta = #"{"content":" fares \u00e9"}"#
        let text = head + #""choices":[{"index":0,"delta":\#(delta),"finish_reason":null}]}"#
        let end = head + #""choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#
        let usage = head + #""choices":[],"usage":{"prompt_tokens":9,"completion_tokens":9}}"#
        let events = Array(repeating: text, count: count) + [end, usage, "data: [DONE]"]
        return events.map { Array(($0 + "\n\n").utf8) }
    }

    private static func message(_ count: Int) -> [[UInt8]] {
        func event(_ type: String, _ fields: String) -> String {
            "event: \(type)\ndata: {\"type\":\"\(type)\",\(fields)}\n\n"
        }
        let usage = #""usage":{"input_tokens":9,"output_tokens":9}"#
        let text = event(
            "content_block_delta",
            #""index":0,"delta":{"type":"text_delta","text":" fares \u00e9"}"#
        )
        let events =
            [
                event("message_start", "\"message\":{\(usage)}"),
                event(
                    "content_block_start",
                    #""index":0,"content_block":{"type":"text","text":""}"#
                ),
            ] + Array(repeating: text, count: count) + [
                event("content_block_stop", #""index":0"#),
                event("message_delta", "\"delta\":{\"stop_reason\":\"end_turn\"},\(usage)"),
                event("message_stop", #""x":0"#),
            ]
        return events.map { Array($0.utf8) }
    }
}
