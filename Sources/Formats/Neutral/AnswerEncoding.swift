import Schema

extension ChatCodec {
    static func body(of answer: Neutral.Answer, as identity: AnswerIdentity) -> [UInt8] {
        var writer = JSONWriter()
        writer.object { writer in
            writer.field("id", "chatcmpl-\(identity.id)")
            writer.field("object", "chat.completion")
            writer.field("created", identity.createdSeconds)
            writer.field("model", identity.model)
            writer.name("choices")
            writer.array { writer in
                writer.object { writer in
                    writer.field("index", 0)
                    writer.name("message")
                    writer.object { writeMessage(answer.parts, to: &$0) }
                    writer.nullField("logprobs")
                    writer.field("finish_reason", "\(answer.stop.chatWord)")
                }
            }
            if let usage = answer.usage {
                writer.name("usage")
                writer.object { usage.writeChat(to: &$0) }
            }
        }
        return writer.bytes
    }

    private static func writeMessage(_ parts: [Neutral.Content], to writer: inout JSONWriter) {
        var text: String?
        var refusal: String?
        var calls: [Neutral.ToolCall] = []
        var reasoning: [Neutral.Reasoning] = []
        for part in parts {
            switch part {
            case .text(let piece): text = (text ?? "") + piece
            case .refusal(let piece): refusal = (refusal ?? "") + piece
            case .toolCall(let call): calls.append(call)
            case .reasoning(let thought): reasoning.append(thought)
            case .image, .toolResult: break
            }
        }
        writer.field("role", "assistant")
        if let text { writer.field("content", text) } else { writer.nullField("content") }
        if let refusal { writer.field("refusal", refusal) } else { writer.nullField("refusal") }
        write(reasoning, to: &writer)
        if calls.isEmpty { return }
        writer.name("tool_calls")
        writer.array(calls) { write($1, index: nil, to: &$0) }
    }

    /// The text where clients show it, and the details, which they send back.
    private static func write(_ reasoning: [Neutral.Reasoning], to writer: inout JSONWriter) {
        let texts = reasoning.compactMap { thought in
            if case .text(let text, _) = thought { text } else { nil }
        }
        if !texts.isEmpty { writer.field("reasoning_content", texts.joined(separator: "\n")) }
        let isPlain = reasoning.allSatisfy { thought in
            if case .text(_, nil) = thought { true } else { false }
        }
        if isPlain, reasoning.count <= 1 { return }
        writer.name("reasoning_details")
        writer.array(reasoning) { writer, thought in
            writer.object { writer in
                switch thought {
                case .text(let text, let signature):
                    writer.field("type", "reasoning.text")
                    writer.field("text", text)
                    if let signature { writer.field("signature", signature) }
                case .redacted(let data):
                    writer.field("type", "reasoning.encrypted")
                    writer.field("data", data)
                }
            }
        }
    }
}

extension MessagesCodec {
    static func body(of answer: Neutral.Answer, as identity: AnswerIdentity) -> [UInt8] {
        var writer = JSONWriter()
        writer.object { writer in
            writer.field("id", "msg_\(identity.id)")
            writer.field("type", "message")
            writer.field("role", "assistant")
            writer.field("model", identity.model)
            writer.name("content")
            writer.array(answer.parts) { write($1, to: &$0) }
            writer.field("stop_reason", "\(answer.stop.messageWord)")
            if case .sequence(let text) = answer.stop {
                writer.field("stop_sequence", text)
            } else {
                writer.nullField("stop_sequence")
            }
            writer.name("usage")
            writer.object { (answer.usage ?? UsageReport()).writeMessages(isDelta: false, to: &$0) }
        }
        return writer.bytes
    }

    private static func write(_ content: Neutral.Content, to writer: inout JSONWriter) {
        writer.object { writer in
            switch content {
            case .text(let text), .refusal(let text):
                writer.field("type", "text")
                writer.field("text", text)
            case .toolCall(let call):
                writer.field("type", "tool_use")
                writer.field("id", call.id)
                writer.field("name", call.name)
                writer.name("input")
                if let input = input(call.arguments) {
                    writer.raw(input)
                } else {
                    // Cut short by the cap, or broken: the client gets what there is.
                    writer.object { $0.field("arguments", call.arguments) }
                }
            case .reasoning(let reasoning):
                write(reasoning, to: &writer)
            case .image, .toolResult:
                break
            }
        }
    }
}
