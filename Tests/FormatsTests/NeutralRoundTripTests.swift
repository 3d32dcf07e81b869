import Schema
import Testing

@testable import Formats

/// Random conversations, written in a format and read again.
@Suite struct NeutralRoundTripTests {
    @Test func `a conversation survives messages unchanged`() throws {
        for seed in 0..<400 {
            var maker = ConversationMaker(seed: UInt64(seed), format: .anthropic)
            let request = maker.request()
            let body = try MessagesCodec.body(of: request)
            #expect(try MessagesCodec.request(from: body) == request, "seed \(seed)")
            _ = try CallFacts(endpoint: .messages, body: body)
        }
    }

    @Test func `a conversation survives a chat unchanged`() throws {
        for seed in 0..<400 {
            var maker = ConversationMaker(seed: UInt64(seed), format: .openAI)
            let request = maker.request()
            let body = try ChatCodec.body(of: request)
            #expect(try ChatCodec.request(from: body) == request, "seed \(seed)")
            _ = try CallFacts(endpoint: .chatCompletions, body: body)
        }
    }

    @Test func `a conversation that both can say survives the way through the other`() throws {
        for seed in 0..<200 {
            var maker = ConversationMaker(seed: UInt64(seed), format: .openAI)
            var request = maker.request()
            // What each alone can say, or says in its own way.
            request.thinking = nil
            request.serviceTier = nil
            request.topK = nil
            request.outputFormat = .text
            request.toolChoice = request.tools.isEmpty ? nil : .auto
            for index in request.turns.indices {
                request.turns[index].parts.removeAll { part in
                    if case .reasoning = part.content { true } else { false }
                }
            }
            request.turns.removeAll(where: \.parts.isEmpty)
            let message = try MessagesCodec.body(of: request)
            let chat = try ChatCodec.body(of: try MessagesCodec.request(from: message))
            #expect(try ChatCodec.request(from: chat) == request, "seed \(seed)")
        }
    }
}

/// Makes conversations that a format can say, the same ones for the same seed.
private struct ConversationMaker {
    private var random: SeededGenerator
    private let format: APIFormat

    init(seed: UInt64, format: APIFormat) {
        random = SeededGenerator(seed: seed)
        self.format = format
    }

    mutating func request() -> Neutral.Request {
        var request = Neutral.Request(model: "m\(number(9))")
        request.isStreamed = flag()
        request.outputCap = Int64(number(1_000) + 1)
        if flag() { request.temperature = Neutral.Number("0.\(number(9))0") }
        if flag() { request.topP = Neutral.Number("1e-1") }
        if format == .anthropic, flag() { request.topK = Neutral.Number("\(number(50))") }
        request.stops = (0..<number(4)).map { _ in "stop" + text() }
        request.system = (0..<number(3)).map { _ in Neutral.Text(text(), cache: cache()) }
        request.tools = (0..<number(3)).map { _ in tool() }
        if !request.tools.isEmpty {
            let choices: [Neutral.ToolChoice] = [.required, .auto, .tool("f1")]
            request.toolChoice = choices.randomElement(using: &random)
            if flag() { request.allowsParallelTools = flag() }
        }
        if flag() { request.serviceTier = .standard }
        if flag() {
            let schema = Neutral.Schema(
                name: format == .openAI ? "answer" : nil,
                schema: bytes(#"{ "type" : "object" }"#),
                isStrict: format == .openAI ? true : nil
            )
            request.outputFormat = .schema(schema)
        }
        if flag() { request.thinking = thinking() }
        request.turns = (0...number(4)).flatMap { _ in exchange() }
        return request
    }

    private mutating func thinking() -> Neutral.Thinking {
        let efforts: [Neutral.Thinking.Effort] = [.low, .medium, .high, .xhigh, .max]
        let effort = efforts.randomElement(using: &random)
        if format == .openAI { return Neutral.Thinking(effort: effort) }
        let modes: [Neutral.Thinking.Mode] = [.adaptive, .budget(1_024), .disabled]
        return Neutral.Thinking(
            mode: modes.randomElement(using: &random),
            effort: flag() ? effort : nil
        )
    }

    /// A user's turn and the model's, with the results of its tools where it calls any.
    private mutating func exchange() -> [Neutral.Turn] {
        var user = (0...number(2)).map { _ in userPart() }
        var answer: [Neutral.Part] = []
        if flag() {
            let signature = format == .anthropic ? "c2ln" : nil
            answer.append(Neutral.Part(.reasoning(.text(text(), signature: signature))))
        }
        if format == .anthropic, flag() {
            answer.append(Neutral.Part(.reasoning(.redacted("data"))))
        }
        answer.append(Neutral.Part(.text(text())))
        let calls = (0..<number(3)).map { index in "call_\(number(1_000))_\(index)" }
        for id in calls {
            let arguments = #"{"n":1\#(number(9)).0, "t":"\#(number(9))"}"#
            answer.append(
                Neutral.Part(.toolCall(Neutral.ToolCall(id: id, name: "f", arguments: arguments)))
            )
        }
        var turns = [Neutral.Turn(.user, user), Neutral.Turn(.assistant, answer)]
        if flag() { turns.insert(Neutral.Turn(.system, [Neutral.Part(.text(text()))]), at: 1) }
        if calls.isEmpty { return turns }
        user = calls.map { id in
            var result = Neutral.ToolResult(
                callID: id,
                parts: (0...number(2)).map { _ in Neutral.Part(.text(text())) }
            )
            if format == .anthropic {
                result.isError = flag()
                if flag() { result.parts.append(Neutral.Part(.image(image()))) }
            }
            return Neutral.Part(.toolResult(result))
        }
        // What the user says behind results is of the same turn, so there is something to say.
        user.append(Neutral.Part(.text(text())))
        turns.append(Neutral.Turn(.user, user))
        turns.append(Neutral.Turn(.assistant, [Neutral.Part(.text(text()))]))
        return turns
    }

    private mutating func userPart() -> Neutral.Part {
        flag()
            ? Neutral.Part(.text(text()), cache: cache())
            : Neutral.Part(.image(image()), cache: cache())
    }

    private mutating func image() -> Neutral.Image {
        flag()
            ? Neutral.Image(.data(mediaType: "image/png", base64: "iVBORw0KGgo="))
            : Neutral.Image(.url("https://x.example/\(number(99)).png"))
    }

    private mutating func tool() -> Neutral.Tool {
        var tool = Neutral.Tool(name: "f\(number(9))", parameters: bytes(#"{"type": "object"}"#))
        if flag() { tool.description = text() }
        if flag() { tool.isStrict = flag() }
        tool.cache = cache()
        return tool
    }

    /// Marks are not written into a chat: its upstreams cache of their own accord.
    private mutating func cache() -> CacheWrites {
        if format == .openAI { return .none }
        let marks: [CacheWrites] = [.none, .none, .short, .long]
        return marks.randomElement(using: &random) ?? .none
    }

    private mutating func text() -> String {
        let words = ["a", "Grüße", "\"q\"", "\\", "\n", "😀", "{\"x\":1}", "\u{1}", "data: [DONE]"]
        return (0...number(3)).compactMap { _ in words.randomElement(using: &random) }.joined()
    }

    private mutating func number(_ below: Int) -> Int { Int.random(in: 0..<below, using: &random) }

    private mutating func flag() -> Bool { Bool.random(using: &random) }
}
