import Schema

extension Neutral {
    /// A model's whole answer; its identifier and the names of its model are the client's side's.
    package struct Answer: Hashable, Sendable {
        /// Texts, refusals, reasoning and calls of tools, in order.
        package var parts: [Content] = []
        package var stop = Stop.end
        package var usage: UsageReport?

        package init() {}
    }

    /// Why a model stopped.
    package enum Stop: Hashable, Sendable {
        case end
        /// Its cap, or the context window.
        case length
        case toolUse
        /// A stop sequence, where the upstream tells which.
        case sequence(String)
        /// The upstream's filter, or the model itself, would not have the answer go on.
        case refusal
    }

    /// One step of an answer that is streamed.
    ///
    /// Blocks follow one another: none opens before the one before it has closed. Text is passed
    /// on as it stands between the quotes of the upstream's JSON, escapes and all: what is valid
    /// in a string there is valid in one here, and nothing is decoded on the way.
    enum StreamEvent {
        case start
        case open(Block)
        /// More of the open block: its text or its arguments.
        case piece(ArraySlice<UInt8>)
        /// What makes the open block of reasoning one that Anthropic takes back.
        case signature(ArraySlice<UInt8>)
        case close
        /// The whole is there.
        case finish(Stop, UsageReport?)
    }

    enum Block: Equatable {
        case text
        case refusal
        case reasoning
        /// Encrypted, and whole at once; the text between the quotes.
        case redactedReasoning(ArraySlice<UInt8>)
        /// The identifier and the name, between their quotes.
        case toolCall(id: ArraySlice<UInt8>, name: ArraySlice<UInt8>)
    }
}

/// What an answer is called by the format of its client.
package struct AnswerIdentity: Sendable {
    /// Hexadecimal digits that no other answer has.
    package let id: String
    /// The model, by the name that the client asked for.
    package let model: String
    package let createdAt: Instant

    package init(id: String, model: String, createdAt: Instant) {
        self.id = id
        self.model = model
        self.createdAt = createdAt
    }

    var createdSeconds: Int64 { createdAt.microseconds / 1_000_000 }
}
