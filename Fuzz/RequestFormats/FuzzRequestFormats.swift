import Formats
import Schema

/// Reads bytes as a request of each format, and translates it where it can be.
///
/// The first byte chooses the format. A request that is read must stay within its bounds, its
/// edited body must be read as the same request, and a translated body must be one that the
/// upstream's own reader takes or refuses, without a trap.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzRequestFormats(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    guard let start, count > 1 else { return 0 }
    let endpoints = Endpoint.allCases
    let endpoint = endpoints[Int(start[0]) % endpoints.count]
    let body = Array(UnsafeBufferPointer(start: start + 1, count: count - 1))
    guard let facts = try? CallFacts(endpoint: endpoint, body: body) else { return 0 }
    precondition(facts.choices >= 1 && facts.choices <= CallFacts.choicesMax)
    precondition(facts.textTokensBound >= facts.textBytes, "a bound below the text")
    precondition(facts.outputCapFloor <= max(facts.outputCap ?? .max, 1))
    checkEdits(facts, body)
    for format in APIFormat.allCases {
        let translation = Translation.between(endpoint, format, hasResponses: false)
        guard let call = try? translation?.call(from: body, outputCap: 100) else { continue }
        precondition(call.facts.model == facts.model, "another model")
        precondition(call.facts.isStreamed == facts.isStreamed)
        precondition(facts.outputCap == nil || call.facts.outputCap == facts.outputCap)
        checkEdits(call.facts, call.body)
    }
    return 0
}

private func checkEdits(_ facts: CallFacts, _ body: [UInt8]) {
    let edited = facts.upstreamBody(from: body, model: "other", outputCap: 7)
    guard let again = try? CallFacts(endpoint: facts.endpoint, body: edited) else {
        preconditionFailure("an edited body is no request")
    }
    precondition(again.model == "other", "the model was not replaced")
    precondition(facts.endpoint == .embeddings || again.outputCap == 7, "the cap was not set")
    precondition(again.choices == facts.choices && again.messageCount == facts.messageCount)
}
