import Formats
import Schema

/// Relays bytes as an upstream's stream, in its own format and in each that it is translated
/// into, whole and in steps of the input's choosing.
///
/// The first byte chooses the relay, the second the step. The output, the usage and the notices
/// must be the same; counts stay within their bounds; no end is made up for a stream that has
/// none.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzStreamFormats(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    guard let start, count > 2 else { return 0 }
    let bytes = Array(UnsafeBufferPointer(start: start + 2, count: count - 2))
    let choice = start[0]
    let whole = Relayed(bytes, step: bytes.count, by: Relays.make(choice))
    for step in [1, Int(start[1]) + 2] {
        precondition(
            Relayed(bytes, step: step, by: Relays.make(choice)) == whole,
            "in steps of \(step)"
        )
    }
    if let tokens = whole.usage?.tokens {
        for tokenClass in TokenClass.allCases {
            precondition((0...TokenUsage.countMax).contains(tokens[tokenClass]), "a wild count")
        }
        precondition(tokens.reasoning <= tokens.output)
    }
    precondition(whole.notices.textEvents <= whole.notices.textBytes)
    return 0
}

private enum Relays {
    /// A fresh relay: the chosen endpoint's own, or one of the translations.
    static func make(_ choice: UInt8) -> any StreamRelay {
        let endpoints = Endpoint.allCases
        let index = Int(choice) % (endpoints.count + pairs.count)
        guard index >= endpoints.count else { return own(endpoints[index]) }
        let (client, format) = pairs[index - endpoints.count]
        return translating(client, format)
    }

    private static let pairs: [(Endpoint, APIFormat)] = [
        (.chatCompletions, .anthropic), (.responses, .anthropic), (.messages, .openAI),
        (.responses, .openAI),
    ]

    private static func body(_ endpoint: Endpoint) -> [UInt8] {
        let fields =
            switch endpoint {
            case .chatCompletions, .messages:
                #""stream":true,"max_tokens":9,"messages":[{"role":"user","content":"a"}]"#
            case .completions: #""stream":true,"prompt":"a""#
            case .responses: #""stream":true,"max_output_tokens":16,"input":"a""#
            case .embeddings: #""input":"a""#
            }
        return Array(#"{"model":"m",\#(fields)}"#.utf8)
    }

    private static func own(_ endpoint: Endpoint) -> any StreamRelay {
        guard let facts = try? CallFacts(endpoint: endpoint, body: body(endpoint)) else {
            preconditionFailure("the fuzzer's own request is refused")
        }
        return facts.makeStreamRelay()
    }

    private static func translating(_ client: Endpoint, _ format: APIFormat) -> any StreamRelay {
        let translation = Translation.between(client, format, hasResponses: false)
        guard let call = try? translation?.call(from: body(client), outputCap: 9) else {
            preconditionFailure("the fuzzer's own request is refused")
        }
        let identity = AnswerIdentity(
            id: "1",
            model: "m",
            createdAt: Instant(microseconds: 1_000_000)
        )
        return call.makeStreamRelay(as: identity, wantsUsage: true)
    }
}

private struct Relayed: Equatable {
    var output: [UInt8] = []
    let notices: StreamNotices
    let usage: UsageReport?

    init(_ bytes: [UInt8], step: Int, by relay: any StreamRelay) {
        var relay = relay
        do throws(ServerSentEventError) {
            for index in stride(from: 0, to: bytes.count, by: step) {
                try relay.relay(
                    Array(bytes[index..<min(bytes.count, index + step)]),
                    into: &output
                )
            }
        } catch {
            preconditionFailure("an input within the bound is too large")
        }
        relay.finish(into: &output)
        notices = relay.notices
        usage = relay.usage
    }
}
