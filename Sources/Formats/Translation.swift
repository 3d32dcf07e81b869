import Schema
import Tokenizer

/// The seam between a client's format and an upstream's that is another.
///
/// A call is translated once: `call(from:…)` turns the client's body into one of the upstream's
/// format, whose own facts then bound it, edit it and price it like any other. The answer comes
/// back through the same value: in one piece (`answer`), as a stream (`makeStreamRelay`), or as an
/// upstream's refusal (`refusal`). Usage is what the upstream said, token for token.
///
/// ```
/// let translation = Translation.between(.messages, .openAI)
/// let call = try translation?.call(from: body, outputCap: cap)
/// ```
package struct Translation: Sendable {
    /// The format that the client speaks.
    package let client: Endpoint
    /// The format that the upstream is spoken to in.
    package let upstream: Endpoint

    /// The translation for a client's route and an upstream; nil where there is none, which also
    /// is so where none is needed.
    ///
    /// - Parameter hasResponses: whether an upstream of OpenAI's format has the Responses route.
    package static func between(
        _ client: Endpoint,
        _ upstream: APIFormat,
        hasResponses: Bool = true
    ) -> Translation? {
        switch (client, upstream) {
        case (.chatCompletions, .anthropic), (.responses, .anthropic):
            Translation(client: client, upstream: .messages)
        case (.messages, .openAI):
            Translation(client: client, upstream: .chatCompletions)
        case (.responses, .openAI) where !hasResponses:
            Translation(client: client, upstream: .chatCompletions)
        default: nil
        }
    }

    /// Translates a request whose facts have been read in the client's own format.
    ///
    /// - Parameter outputCap: the cap where the client set none and the upstream wants one.
    /// - Throws: the 400 to answer with, for a field that cannot be carried.
    package func call(
        from body: [UInt8],
        outputCap: Int64?
    ) throws(RequestFault) -> TranslatedCall {
        var request =
            switch client {
            case .messages: try MessagesCodec.request(from: body)
            case .responses: try ResponsesCodec.request(from: body)
            case .chatCompletions, .completions, .embeddings:
                try ChatCodec.request(from: body)
            }
        if upstream == .messages { request.outputCap = request.outputCap ?? outputCap }
        let translated =
            if upstream == .messages {
                try MessagesCodec.body(of: request)
            } else {
                try ChatCodec.body(of: request)
            }
        return TranslatedCall(
            translation: self,
            facts: try CallFacts(endpoint: upstream, body: translated),
            body: translated,
            clientBody: client == .responses ? body : [],
            version: upstream == .messages ? MessagesCodec.version(for: request) : nil
        )
    }
}

/// A request in the upstream's format, and the way back for its answer.
package struct TranslatedCall: Sendable {
    package let translation: Translation
    /// Of the translated body, in the upstream's format.
    package let facts: CallFacts
    package let body: [UInt8]
    /// What a response repeats of its request.
    private let clientBody: [UInt8]
    /// Anthropic's version of the API that the body is written for.
    private let version: String?

    fileprivate init(
        translation: Translation,
        facts: CallFacts,
        body: [UInt8],
        clientBody: [UInt8],
        version: String?
    ) {
        self.translation = translation
        self.facts = facts
        self.body = body
        self.clientBody = clientBody
        self.version = version
    }

    /// Request fields of the upstream's format, in place of the client's own.
    package var fields: [(name: String, value: String)] {
        version.map { [(name: "anthropic-version", value: $0)] } ?? []
    }

    /// The relay for the answer's stream.
    ///
    /// - Parameters:
    ///   - wantsUsage: whether a client of chat completions asked for usage.
    ///   - vocabulary: what the answer's tokens are counted with; nil not to count them.
    package func makeStreamRelay(
        as identity: AnswerIdentity,
        wantsUsage: Bool,
        counting vocabulary: Vocabulary? = nil
    ) -> any StreamRelay {
        let writer: any StreamWriter =
            switch translation.client {
            case .messages:
                MessagesStreamWriter(identity, inputEstimate: TokenEstimate.input(of: facts))
            case .responses: ResponsesStreamWriter(identity, request: clientBody)
            case .chatCompletions, .completions, .embeddings:
                ChatStreamWriter(identity, wantsUsage: wantsUsage)
            }
        let source: any StreamSource =
            translation.upstream == .messages
            ? MessagesStreamSource(cacheWritesAsked: facts.cacheWrites, counting: vocabulary)
            : ChatStreamSource(cacheWritesAsked: facts.cacheWrites, counting: vocabulary)
        return TranslatingStreamRelay(source, writer)
    }

    /// An answer in one piece, in the client's format; nil when it is no answer: an error in place
    /// of one is not made an empty message.
    package func answer(from body: [UInt8], as identity: AnswerIdentity) -> [UInt8]? {
        let read = UnaryResponse(
            endpoint: translation.upstream,
            body: body,
            cacheWritesAsked: facts.cacheWrites
        )
        let found =
            if translation.upstream == .messages {
                try? MessagesCodec.answer(from: body)
            } else {
                try? ChatCodec.answer(from: body)
            }
        guard var answer = found, read.error == nil else { return nil }
        answer.usage = read.usage
        switch translation.client {
        case .messages: return MessagesCodec.body(of: answer, as: identity)
        case .responses: return ResponsesCodec.body(of: answer, as: identity, to: clientBody)
        case .chatCompletions, .completions, .embeddings:
            return ChatCodec.body(of: answer, as: identity)
        }
    }

    /// An upstream's refusal of what the client asked for, in the client's format.
    package func refusal(from body: [UInt8], requestID: String) -> [UInt8] {
        var scanner = JSONScanner(body)
        var found: UpstreamStreamError?
        do throws(JSONScanError) {
            try scanner.fields { scanner, name throws(JSONScanError) in
                guard "error" ~= name else { return }
                found = try scanner.upstreamError()
            }
        } catch {
            // A refusal without a reason is one all the same.
        }
        let error = APIError(
            .invalidRequest(code: "upstream_refused", parameter: nil),
            found?.message ?? "The upstream refused the request."
        )
        return error.body(translation.client.format, requestID: requestID)
    }
}

/// Relays a stream of one format as a stream of another.
struct TranslatingStreamRelay: StreamRelay {
    private var source: any StreamSource
    private var writer: any StreamWriter
    private var decoder: ServerSentEventDecoder
    private var events: [Neutral.StreamEvent] = []
    private var endedInsideEvent = false

    init(
        _ source: any StreamSource,
        _ writer: any StreamWriter,
        eventBytesMax: Int = ServerSentEventDecoder.eventBytesMax
    ) {
        self.source = source
        self.writer = writer
        decoder = ServerSentEventDecoder(eventBytesMax: eventBytesMax)
    }

    var notices: StreamNotices {
        var notices = source.notices
        notices.endedInsideEvent = endedInsideEvent
        return notices
    }

    var usage: UsageReport? { source.usage }

    var hasTextToCount: Bool { source.written.isFull }
    mutating func countText() { source.written.settle() }
    mutating func writtenTokens() -> Int64? { source.written.tokens() }

    func breakOff(with error: APIError, requestID: String) -> [UInt8] {
        writer.breakOff(with: error, requestID: requestID)
    }

    func lengthEnd(reporting usage: UsageReport) -> [UInt8]? {
        var (source, writer) = (source, writer)
        var events: [Neutral.StreamEvent] = []
        source.endForLength(reporting: usage, into: &events)
        var output: [UInt8] = []
        for event in events { writer.write(event, into: &output) }
        return output
    }

    mutating func relay(
        _ chunk: [UInt8],
        into output: inout [UInt8]
    ) throws(ServerSentEventError) {
        decoder.append(chunk)
        while let event = try decoder.next() { read(event, into: &output) }
    }

    mutating func finish(into output: inout [UInt8]) {
        if let event = decoder.finish() {
            let before = source.notices.unreadableEvents
            read(event, into: &output)
            endedInsideEvent = source.notices.unreadableEvents > before
        }
        guard source.notices.upstreamError == nil else { return }
        source.finish(into: &events)
        flush(into: &output)
    }

    private mutating func read(_ event: ServerSentEvent, into output: inout [UInt8]) {
        guard let (bytes, range) = decoder.payload(of: event), !range.isEmpty else { return }
        let isNamedError = event.isNamed("error", in: decoder.buffer)
        do throws(JSONScanError) {
            try source.read(bytes, range, into: &events)
        } catch {
            source.written.giveUp()
            source.notices.noteUnreadable(bytes[range], isError: isNamedError)
        }
        if isNamedError { source.notices.noteError(.unknown) }
        if source.notices.upstreamError != nil { events.removeAll(keepingCapacity: true) }
        flush(into: &output)
    }

    private mutating func flush(into output: inout [UInt8]) {
        for event in events { writer.write(event, into: &output) }
        // Events hold slices of the stream's buffer, which must be free to be reused.
        events.removeAll(keepingCapacity: true)
    }
}
