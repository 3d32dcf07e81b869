import Formats
import Schema

/// Reads bytes as an upstream's whole answer, in its own format and in each that it is translated
/// into, and as its refusal.
///
/// The first byte chooses the format. Counts stay within their bounds; an error makes no answer;
/// what a translation makes is read again as an answer that tells the same usage.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzUnaryFormats(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    guard let start, count > 1 else { return 0 }
    let bytes = Array(UnsafeBufferPointer(start: start + 1, count: count - 1))
    let endpoints = Endpoint.allCases
    let index = Int(start[0]) % (endpoints.count + pairs.count)
    guard index >= endpoints.count else {
        check(UnaryResponse(endpoint: endpoints[index], body: bytes, cacheWritesAsked: .long))
        return 0
    }
    let (client, format) = pairs[index - endpoints.count]
    checkTranslation(of: bytes, client, format)
    return 0
}

private let pairs: [(Endpoint, APIFormat)] = [
    (.chatCompletions, .anthropic), (.responses, .anthropic), (.messages, .openAI),
    (.responses, .openAI),
]

private func check(_ answer: UnaryResponse) {
    precondition(answer.textBytes >= 0)
    precondition(answer.isReadable || answer.error == nil && answer.usage == nil)
    guard let usage = answer.usage else { return }
    for tokenClass in TokenClass.allCases {
        let tokens = usage.tokens[tokenClass]
        precondition((0...TokenUsage.countMax).contains(tokens), "a wild count")
    }
    precondition(usage.tokens.reasoning <= usage.tokens.output)
    if usage.isFinal, answer.textBytes > 0 {
        precondition(usage.tokens.inputTotal > 0 && usage.tokens.outputTotal > 0, "free text")
    }
}

private func checkTranslation(of bytes: [UInt8], _ client: Endpoint, _ format: APIFormat) {
    let translation = Translation.between(client, format, hasResponses: false)
    guard let translation,
        let call = try? translation.call(from: request(client), outputCap: 9)
    else { preconditionFailure("the fuzzer's own request is refused") }
    let told = UnaryResponse(
        endpoint: translation.upstream,
        body: bytes,
        cacheWritesAsked: call.facts.cacheWrites
    )
    check(told)
    let identity = AnswerIdentity(
        id: "1",
        model: "m",
        createdAt: Instant(microseconds: 1_000_000)
    )
    let refusal = call.refusal(from: bytes, requestID: "req_1")
    precondition((try? JSONObject(scanning: refusal)) != nil, "a refusal that is no JSON")
    let answer = call.answer(from: bytes, as: identity)
    precondition((answer != nil) == (told.isReadable && told.error == nil), "an error made up")
    guard let answer else { return }
    let shown = UnaryResponse(endpoint: client, body: answer, cacheWritesAsked: .short)
    check(shown)
    precondition(shown.isReadable && shown.error == nil, "a translation that is no answer")
    guard let tokens = told.usage?.tokens, tokens.inputTotal <= TokenUsage.countMax else { return }
    precondition(shown.usage?.tokens.inputTotal == tokens.inputTotal, "another prompt")
    precondition(shown.usage?.tokens.outputTotal == tokens.outputTotal, "another output")
    precondition(shown.usage?.tokens.cacheRead == tokens.cacheRead, "another cache")
}

private func request(_ endpoint: Endpoint) -> [UInt8] {
    let fields =
        endpoint == .responses
        ? #""max_output_tokens":16,"input":"a""#
        : #""max_tokens":9,"messages":[{"role":"user","content":"a"}]"#
    return Array(#"{"model":"m",\#(fields)}"#.utf8)
}
