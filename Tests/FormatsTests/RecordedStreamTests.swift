import Foundation
import Schema
import Testing

@testable import Formats

/// Streams that other people's servers sent, byte for byte (see `Tests/Fixtures/streams`), relayed
/// in their own format and translated into each other.
///
/// `FAREBOX_WRITE_GOLDEN=1 swift test --filter RecordedStreamTests` writes anew what translations
/// are to come to: read the difference before it is kept.
@Suite struct RecordedStreamTests {
    struct Recording: CustomTestStringConvertible {
        let name: String
        let endpoint: Endpoint
        let input: Int64
        let output: Int64
        /// All pieces of text in one; a response names a call elsewhere.
        let text: String

        var testDescription: String { name }
    }

    private static let hello = "Hello! LLMock handled this request for gpt-4o-mini."
    private static let echo = "Hello! claude-sonnet-4-5 received: Tell me about fares in Zürich"
    private static let arguments = #"{"city": "mock-city"}"#
    private static let call = "fare" + arguments

    static let recordings = [
        Recording(
            name: "llmock-chat",
            endpoint: .chatCompletions,
            input: 7,
            output: 12,
            text: hello
        ),
        Recording(
            name: "llmock-chat-tool",
            endpoint: .chatCompletions,
            input: 7,
            output: 5,
            text: call
        ),
        Recording(name: "llmock-messages", endpoint: .messages, input: 7, output: 16, text: echo),
        Recording(
            name: "llmock-messages-tool",
            endpoint: .messages,
            input: 7,
            output: 5,
            text: call
        ),
        Recording(
            name: "llmock-responses",
            endpoint: .responses,
            input: 7,
            output: 12,
            text: hello
        ),
        Recording(
            name: "litellm-chat",
            endpoint: .chatCompletions,
            input: 7,
            output: 16,
            text: echo
        ),
        Recording(
            name: "litellm-chat-tool",
            endpoint: .chatCompletions,
            input: 7,
            output: 5,
            text: call
        ),
        Recording(name: "litellm-messages", endpoint: .messages, input: 7, output: 12, text: hello),
        Recording(
            name: "litellm-messages-tool",
            endpoint: .messages,
            input: 7,
            output: 5,
            text: call
        ),
        Recording(
            name: "litellm-responses",
            endpoint: .responses,
            input: 7,
            output: 16,
            text: echo
        ),
        Recording(
            name: "litellm-responses-tool",
            endpoint: .responses,
            input: 7,
            output: 5,
            text: arguments
        ),
    ]

    /// Each recording whose format is translated, with each client's format.
    static let translations: [(Recording, Endpoint)] = recordings.flatMap { recording in
        let clients: [Endpoint] =
            switch recording.endpoint {
            case .chatCompletions: [.messages, .responses]
            case .messages: [.chatCompletions, .responses]
            case .responses, .completions, .embeddings: []
            }
        return clients.map { (recording, $0) }
    }

    private static let folder = URL(filePath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().appending(path: "Fixtures/streams")

    private func stream(_ recording: Recording) throws -> [UInt8] {
        try [UInt8](Data(contentsOf: Self.folder.appending(path: "\(recording.name).sse")))
    }

    private func expectWhole(_ relayed: Relayed, _ recording: Recording) {
        #expect(relayed.notices.hasFinished)
        #expect(relayed.notices.upstreamError == nil && relayed.notices.unreadableEvents == 0)
        #expect(relayed.usage?.isFinal == true)
        #expect(relayed.usage?.tokens.inputTotal == recording.input)
        #expect(relayed.usage?.tokens.outputTotal == recording.output)
        #expect(relayed.usage?.anomalies == [])
        #expect(relayed.notices.textBytes == Int64(recording.text.utf8.count))
    }

    @Test(arguments: recordings)
    func `a recorded stream passes byte for byte, with its usage and its text`(
        recording: Recording
    ) throws {
        let stream = try stream(recording)
        let relay: any StreamRelay =
            switch recording.endpoint {
            case .messages: MessagesStreamRelay()
            case .responses: ResponsesStreamRelay()
            default: ChatStreamRelay(wantsUsage: true)
            }
        let relayed = try Relayed([stream], by: relay)
        #expect(relayed.output == stream)
        expectWhole(relayed, recording)
    }

    @Test(arguments: translations)
    func `a recorded stream is translated as it was before`(
        recording: Recording,
        client: Endpoint
    ) throws {
        let upstream: APIFormat = recording.endpoint == .messages ? .anthropic : .openAI
        let relayed = try TranslationStreamTests.relayed(stream(recording), client, upstream)
        expectWhole(relayed, recording)
        let file = Self.folder.appending(path: "\(recording.name).as-\(client.rawValue).golden")
        if ProcessInfo.processInfo.environment["FAREBOX_WRITE_GOLDEN"] != nil {
            try Data(relayed.output).write(to: file)
        }
        #expect(text(relayed.output) == text([UInt8](try Data(contentsOf: file))))
    }
}
