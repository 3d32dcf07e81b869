import Schema
import Synchronization

/// What the demo upstream served, for tests that compare the truth with the events.
final class DemoCalls: Sendable {
    /// Older calls are forgotten beyond this many.
    static let kept = 200_000

    struct Call: Sendable {
        let id: String
        /// The gateway's identifier of the call, when it sent one.
        let requestID: String?
        let endpoint: String
        let model: String
        let isStreamed: Bool
        let inputTokens: Int64
        /// Generated, whether or not anyone was there to read them.
        var outputTokens: Int64
        var isFinished: Bool
    }

    private struct State {
        var calls: [Int64: Call] = [:]
        var next: Int64 = 1
    }

    private let state = Mutex(State())

    func begin(_ call: (Int64) -> Call) -> Int64 {
        state.withLock { state in
            let number = state.next
            state.next += 1
            state.calls[number] = call(number)
            state.calls[number - Int64(Self.kept)] = nil
            return number
        }
    }

    func end(_ number: Int64, outputTokens: Int64, isFinished: Bool) {
        state.withLock { state in
            state.calls[number]?.outputTokens = outputTokens
            state.calls[number]?.isFinished = isFinished
        }
    }

    var list: JSONNode {
        let calls = state.withLock { $0.calls }
        return .array(
            calls.sorted { $0.key < $1.key }.map { _, call in
                .object([
                    ("id", .text(call.id)), ("request_id", .optional(call.requestID)),
                    ("endpoint", .text(call.endpoint)), ("model", .text(call.model)),
                    ("stream", .flag(call.isStreamed)),
                    ("input_tokens", .integer(call.inputTokens)),
                    ("output_tokens", .integer(call.outputTokens)),
                    ("finished", .flag(call.isFinished)),
                ])
            }
        )
    }
}
