import Schema
import Tokenizer

/// Takes an upstream's event stream apart on its way to the client of the same format.
///
/// Pure: bytes in, bytes out. An event is forwarded by the call in which it becomes complete,
/// byte for byte; what differs is stated by the relay of each format. The end of a stream is never
/// made up: one that breaks ends with `breakOff`, and one that its money ends with `lengthEnd`.
package protocol StreamRelay: Sendable {
    /// What was seen so far.
    var notices: StreamNotices { get }

    /// The usage as far as the upstream has told it; nil when it has told nothing.
    var usage: UsageReport? { get }

    /// Takes bytes from the upstream and appends what the client is to get.
    ///
    /// - Throws: when an event exceeds the bound of memory; nothing more can be relayed then.
    mutating func relay(
        _ chunk: [UInt8],
        into output: inout [UInt8]
    ) throws(ServerSentEventError)

    /// Takes the end of the upstream's stream: what was left without a blank line is read, and
    /// forwarded if it is whole.
    mutating func finish(into output: inout [UInt8])

    /// Whether so much text was written that it is time to count its tokens.
    var hasTextToCount: Bool { get }

    /// Counts the text that has come; this may take milliseconds.
    mutating func countText()

    /// The tokens of all text, once, after the end; nil without a vocabulary, or when not all that
    /// came could be read. This may take milliseconds.
    mutating func writtenTokens() -> Int64?

    /// The event that tells a client of this format that its stream has failed.
    func breakOff(with error: APIError, requestID: String) -> [UInt8]

    /// What ends the stream here as if its output cap were reached: the format's length stop, the
    /// usage where the client asked for it, and the end marker.
    ///
    /// Nil where the format's end would repeat the whole answer, which nobody has kept, and before
    /// the answer has begun.
    func lengthEnd(reporting usage: UsageReport) -> [UInt8]?
}

/// What a relay has seen of an answer.
package struct StreamNotices: Hashable, Sendable {
    /// Bytes of text that the model wrote, decoded: answer, reasoning and arguments of tools.
    package internal(set) var textBytes: Int64 = 0
    /// Events that brought such text: each is one token at least.
    package internal(set) var textEvents: Int64 = 0
    /// Whether the model has stated why it stopped (every choice of it).
    package internal(set) var hasFinished = false
    /// Whether the format's last word was seen: `[DONE]` or `message_stop`.
    package internal(set) var hasTerminated = false
    /// The error that the upstream sent inside its stream.
    ///
    /// It is not forwarded, nor is anything after it: the caller breaks off in words of its own.
    package internal(set) var upstreamError: UpstreamStreamError?
    /// Events that are not JSON; they were forwarded, and counted as text.
    package internal(set) var unreadableEvents: Int64 = 0
    /// Whether the stream ended inside an event, which was dropped.
    package internal(set) var endedInsideEvent = false

    package var hasContent: Bool { textEvents > 0 }
    /// Whether nothing more is to be expected of the model.
    var hasEnded: Bool { hasFinished || hasTerminated }

    mutating func noteText(bytes: Int64) {
        guard bytes > 0 else { return }
        textBytes += bytes
        textEvents += 1
    }

    /// Notes an error of the upstream's; the first one counts.
    mutating func noteError(_ error: UpstreamStreamError) {
        if upstreamError == nil { upstreamError = error }
    }

    /// Notes an event that is not JSON, and whether it goes by the name of an error.
    mutating func noteUnreadable(_ payload: ArraySlice<UInt8>, isError: Bool) {
        unreadableEvents += 1
        if isError, upstreamError == nil {
            let text = payload.prefix(UpstreamStreamError.messageCharactersMax)
            upstreamError = UpstreamStreamError(
                type: nil,
                message: String(decoding: text, as: UTF8.self)
            )
        }
        if upstreamError == nil { noteText(bytes: Int64(payload.count)) }
    }
}

/// An upstream's error event, for logs and for the choice of what to tell the client.
package struct UpstreamStreamError: Hashable, Sendable {
    /// The longest message that is kept.
    package static let messageCharactersMax = 500

    package let type: String?
    package let message: String?

    static let unknown = Self(type: nil, message: nil)

    /// What it says, in words for a client.
    package var text: String { message ?? type ?? "without a reason" }
}

extension CallFacts {
    /// The relay for the answer to this request.
    ///
    /// - Parameter vocabulary: the model's, where what it writes is to be counted.
    package func makeStreamRelay(counting vocabulary: Vocabulary? = nil) -> any StreamRelay {
        switch endpoint {
        case .chatCompletions, .completions, .embeddings:
            ChatStreamRelay(
                wantsUsage: wantsStreamUsage,
                choices: choicesShown,
                cacheWritesAsked: cacheWrites,
                vocabulary: vocabulary
            )
        case .responses:
            ResponsesStreamRelay(cacheWritesAsked: cacheWrites, vocabulary: vocabulary)
        case .messages:
            MessagesStreamRelay(cacheWritesAsked: cacheWrites, vocabulary: vocabulary)
        }
    }
}

// MARK: What the relays read

extension JSONScanner {
    /// The length in UTF-8 of a string's content, once its escapes are decoded.
    func decodedLength(of range: Range<Int>) -> Int64 {
        var length: Int64 = 0
        var index = range.lowerBound
        while index < range.upperBound {
            guard bytes[index] == backslash else {
                length += 1
                index += 1
                continue
            }
            if bytes[index + 1] == UInt8(ascii: "u") {
                let unit = hexadecimal(bytes, at: index + 2) ?? 0
                // Each half of a surrogate pair is half of four bytes.
                length +=
                    unit < 0x80 ? 1 : unit < 0x800 || (0xd800..<0xe000).contains(unit) ? 2 : 3
                index += 6
            } else {
                length += 1
                index += 2
            }
        }
        return length
    }

    /// Reads the value of an `error` field; nil when it is null, false or empty.
    mutating func upstreamError() throws(JSONScanError) -> UpstreamStreamError? {
        guard try peek() == UInt8(ascii: "{") else {
            let value = try value()
            switch value.kind {
            case .null, .boolean(false), .array: return nil
            case .string where value.range.count == 2: return nil
            default: return UpstreamStreamError(type: nil, message: value.shortText(in: bytes))
            }
        }
        var isEmpty = true
        var type: String?
        var code: String?
        var message: String?
        try fields { scanner, name throws(JSONScanError) in
            isEmpty = false
            switch name {
            case "type": type = try scanner.value().shortText(in: scanner.bytes)
            case "code": code = try scanner.value().shortText(in: scanner.bytes)
            case "message": message = try scanner.value().shortText(in: scanner.bytes)
            default: break
            }
        }
        return isEmpty ? nil : UpstreamStreamError(type: type ?? code, message: message)
    }
}

extension ServerSentEvent {
    func isNamed(_ expected: StaticString, in buffer: [UInt8]) -> Bool {
        guard let name, name.count == expected.utf8CodeUnitCount else { return false }
        return name.enumerated().allSatisfy { buffer[$1] == expected.utf8Start[$0] }
    }
}

extension JSONValue {
    /// Whether this states why a model stopped; some upstreams write an empty string for null.
    var isReason: Bool { kind == .string && range.count > 2 }

    func shortText(in bytes: [UInt8]) -> String? {
        string(in: bytes).map { String($0.prefix(UpstreamStreamError.messageCharactersMax)) }
    }
}
