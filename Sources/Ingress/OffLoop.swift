import Formats
import Tokenizer

/// Runs work that takes more than a moment away from the loop, and comes back with its result.
///
/// A loop that is busy for milliseconds is late for every other connection. The preference of a
/// request's task for its loop is lifted for the time of the work.
func offLoop<Value: Sendable>(_ work: @Sendable () -> Value) async -> Value {
    await withTaskExecutorPreference(globalConcurrentExecutor) { work() }
}

/// The largest body that is read on the loop.
///
/// Reading takes 18 nanoseconds a byte at worst (measured: text without ASCII in thousands of
/// messages) and half of one at best, so this is about a millisecond; leaving the loop and coming
/// back takes a twentieth of that.
private let bodyBytesOnLoopMax = 64 << 10

/// Reads a body: on the loop when it is small, and away from it otherwise.
func scan<Value: Sendable>(
    _ body: [UInt8],
    _ work: @Sendable ([UInt8]) -> Value
) async -> Value {
    body.count <= bodyBytesOnLoopMax ? work(body) : await offLoop { work(body) }
}

extension ParsedCall {
    /// A body with its facts, as `read` finds them.
    static func reading(
        _ body: [UInt8],
        _ read: @Sendable ([UInt8]) throws(RequestFault) -> CallFacts
    ) async throws(APIError) -> ParsedCall {
        let facts = await scan(body) { body in
            Result { () throws(RequestFault) in try read(body) }
        }
        do {
            return ParsedCall(body: body, facts: try facts.get())
        } catch {
            throw APIError(error)
        }
    }
}

extension PromptTokens {
    /// A call's prompt tokens, images aside.
    static func count(_ call: ParsedCall, _ vocabulary: Vocabulary) async -> Int64 {
        let (facts, body) = (call.facts, call.body)
        return await offLoop { count(facts, body: body, vocabulary: vocabulary) }
    }
}
