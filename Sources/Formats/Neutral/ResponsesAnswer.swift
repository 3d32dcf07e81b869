import Schema

/// A response object, as it begins and as it ends.
struct ResponseObject: Sendable {
    private let identity: AnswerIdentity
    /// What the object repeats of its request: names and values as they were sent.
    private let echo: [UInt8]

    private static let echoed: [(name: StaticString, absent: StaticString)] = [
        ("instructions", "null"), ("max_output_tokens", "null"), ("metadata", "{}"),
        ("parallel_tool_calls", "true"), ("reasoning", #"{"effort":null,"summary":null}"#),
        ("temperature", "null"), ("text", #"{"format":{"type":"text"}}"#),
        ("tool_choice", #""auto""#), ("tools", "[]"), ("top_p", "null"),
        ("truncation", #""disabled""#), ("user", "null"),
    ]

    init(_ identity: AnswerIdentity, request bytes: [UInt8]) {
        self.identity = identity
        let object = try? JSONObject(scanning: bytes)
        var echo: [UInt8] = []
        for (name, absent) in Self.echoed {
            echo += ",\"\(name)\":".utf8
            if let value = object?.present(name) {
                // Streams have a line for each event.
                echo += bytes[value.range].map { $0 < 0x20 ? 0x20 : $0 }
            } else {
                echo.append(raw: absent)
            }
        }
        self.echo = echo
    }

    /// - Parameter stop: nil while the response is in progress.
    func body(output: [UInt8], stop: Neutral.Stop?, usage: UsageReport?) -> [UInt8] {
        var body = Array(#"{"id":"resp_\#(identity.id)","object":"response","created_at":"#.utf8)
        body += "\(identity.createdSeconds)".utf8
        body.append(raw: #","status":""#)
        let reason = stop?.incompleteReason
        body.append(raw: stop == nil ? "in_progress" : reason == nil ? "completed" : "incomplete")
        body.append(raw: #"","background":false,"error":null,"incomplete_details":"#)
        if let reason { body += #"{"reason":"\#(reason)"}"#.utf8 } else { body.append(raw: "null") }
        body.append(raw: #","model":"#)
        body.append(json: identity.model)
        body += echo
        body.append(raw: #","previous_response_id":null,"store":false,"output":["#)
        body += output
        body.append(raw: #"],"usage":"#)
        if let usage {
            var writer = JSONWriter()
            writer.object { usage.writeResponses(to: &$0) }
            body += writer.bytes
        } else {
            body.append(raw: "null")
        }
        body.append(raw: "}")
        return body
    }
}

/// One item of a response's output; texts as they stand between the quotes of JSON.
struct ResponseItem {
    let id: String
    let block: Neutral.Block
    var text: [UInt8] = []
    var signature: [UInt8] = []

    /// - Parameter number: the item's place in the output.
    init(_ block: Neutral.Block, identity: AnswerIdentity, number: Int) {
        self.block = block
        let kind =
            switch block {
            case .text, .refusal: "msg"
            case .reasoning, .redactedReasoning: "rs"
            case .toolCall: "fc"
            }
        id = "\(kind)_\(identity.id)_\(number)"
    }

    /// The part that holds a message's text, or a summary's.
    func part(isBegun: Bool) -> [UInt8] {
        let text = isBegun ? [] : text
        switch block {
        case .refusal:
            return Array(#"{"type":"refusal","refusal":""#.utf8) + text + Array("\"}".utf8)
        case .reasoning:
            return Array(#"{"type":"summary_text","text":""#.utf8) + text + Array("\"}".utf8)
        case .text, .redactedReasoning, .toolCall:
            return Array(#"{"type":"output_text","annotations":[],"logprobs":[],"text":""#.utf8)
                + text + Array("\"}".utf8)
        }
    }

    /// The item as it begins, without its text, or as it ends.
    func body(isBegun: Bool) -> [UInt8] {
        let status = isBegun ? "in_progress" : "completed"
        var body = Array(#"{"id":"\#(id)","type":""#.utf8)
        switch block {
        case .text, .refusal:
            body += #"message","status":"\#(status)","role":"assistant","content":["#.utf8
            if !isBegun { body += part(isBegun: false) }
            body.append(raw: "]}")
        case .toolCall(let callID, let name):
            body += #"function_call","status":"\#(status)","call_id":""#.utf8
            body += callID
            body.append(raw: #"","name":""#)
            body += name
            body.append(raw: #"","arguments":""#)
            if !isBegun { body += text }
            body.append(raw: "\"}")
        case .reasoning:
            body.append(raw: #"reasoning","summary":["#)
            if !isBegun, !text.isEmpty { body += part(isBegun: false) }
            body.append(raw: "]")
            if !isBegun, !signature.isEmpty {
                body.append(raw: #","encrypted_content":""#)
                body += signature
                body.append(raw: "\"")
            }
            body.append(raw: "}")
        case .redactedReasoning(let data):
            body += #"reasoning","summary":[],"encrypted_content":""#.utf8
            body += ResponsesCodec.redactedPrefix.utf8
            body += data
            body.append(raw: "\"}")
        }
        return body
    }
}

extension ResponsesCodec {
    static func body(
        of answer: Neutral.Answer,
        as identity: AnswerIdentity,
        to request: [UInt8]
    ) -> [UInt8] {
        var output: [UInt8] = []
        for (number, part) in answer.parts.enumerated() {
            guard let item = item(part, identity, number) else { continue }
            if !output.isEmpty { output.append(UInt8(ascii: ",")) }
            output += item.body(isBegun: false)
        }
        return ResponseObject(identity, request: request)
            .body(output: output, stop: answer.stop, usage: answer.usage ?? UsageReport())
    }

    private static func item(
        _ part: Neutral.Content,
        _ identity: AnswerIdentity,
        _ number: Int
    ) -> ResponseItem? {
        func make(_ block: Neutral.Block, _ text: String) -> ResponseItem {
            var item = ResponseItem(block, identity: identity, number: number)
            item.text = escaped(text)
            return item
        }
        switch part {
        case .text(let text): return make(.text, text)
        case .refusal(let text): return make(.refusal, text)
        case .toolCall(let call):
            let block = Neutral.Block.toolCall(
                id: escaped(call.id)[...],
                name: escaped(call.name)[...]
            )
            return make(block, call.arguments)
        case .reasoning(.text(let text, let signature)):
            var item = make(.reasoning, text)
            item.signature = signature.map(escaped) ?? []
            return item
        case .reasoning(.redacted(let data)):
            return make(.redactedReasoning(escaped(data)[...]), "")
        case .image, .toolResult: return nil
        }
    }

    private static func escaped(_ text: String) -> [UInt8] {
        Array([UInt8](json: text).dropFirst().dropLast())
    }
}

/// Events of an OpenAI response.
struct ResponsesStreamWriter: StreamWriter {
    private let identity: AnswerIdentity
    private let response: ResponseObject
    private var sequenceNumber: Int64 = 0
    private var itemCount = 0
    private var open: ResponseItem?
    /// The items that are done.
    private var output: [UInt8] = []

    init(_ identity: AnswerIdentity, request: [UInt8]) {
        self.identity = identity
        response = ResponseObject(identity, request: request)
    }

    func breakOff(with error: APIError, requestID: String) -> [UInt8] {
        error.responsesEvent(sequenceNumber: sequenceNumber)
    }

    mutating func write(_ event: Neutral.StreamEvent, into output: inout [UInt8]) {
        switch event {
        case .start:
            let body = response.body(output: [], stop: nil, usage: nil)
            for type in ["response.created", "response.in_progress"] {
                send(type, into: &output) {
                    $0.append(raw: #","response":"#)
                    $0 += body
                }
            }
        case .open(let block): begin(block, into: &output)
        case .piece(let text): piece(text, into: &output)
        case .signature(let signature): open?.signature += signature
        case .close: end(into: &output)
        case .finish(let stop, let usage):
            let type =
                stop.incompleteReason == nil ? "response.completed" : "response.incomplete"
            let body = response.body(
                output: self.output,
                stop: stop,
                usage: usage ?? UsageReport()
            )
            send(type, into: &output) {
                $0.append(raw: #","response":"#)
                $0 += body
            }
        }
    }

    private mutating func send(
        _ type: String,
        into output: inout [UInt8],
        _ fields: (inout [UInt8]) -> Void
    ) {
        output += "event: \(type)\ndata: {\"type\":\"\(type)\",\"sequence_number\":".utf8
        output += "\(sequenceNumber)".utf8
        sequenceNumber += 1
        fields(&output)
        output.append(raw: "}\n\n")
    }

    /// An event about the open item.
    private mutating func send(
        about item: ResponseItem,
        _ type: String,
        _ fields: String = "",
        into output: inout [UInt8],
        _ more: (inout [UInt8]) -> Void
    ) {
        let place = #","item_id":"\#(item.id)","output_index":\#(itemCount)"#
        send(type, into: &output) { output in
            output += place.utf8
            output += fields.utf8
            more(&output)
        }
    }

    private mutating func sendItem(
        _ type: String,
        _ body: [UInt8],
        into output: inout [UInt8]
    ) {
        let place = #","output_index":\#(itemCount),"item":"#
        send(type, into: &output) { output in
            output += place.utf8
            output += body
        }
    }

    private mutating func begin(_ block: Neutral.Block, into output: inout [UInt8]) {
        let item = ResponseItem(block.owned, identity: identity, number: itemCount)
        open = item
        sendItem("response.output_item.added", item.body(isBegun: true), into: &output)
        guard let names = block.eventNames, let part = names.part else { return }
        send(about: item, "response.\(part).added", names.place, into: &output) { output in
            output.append(raw: #","part":"#)
            output += item.part(isBegun: true)
        }
    }

    private mutating func piece(_ text: ArraySlice<UInt8>, into output: inout [UInt8]) {
        guard let item = open, let names = item.block.eventNames else { return }
        open?.text += text
        let isText = item.block == .text
        send(about: item, "response.\(names.piece).delta", names.place, into: &output) { output in
            output.append(raw: #","delta":""#)
            output += text
            output.append(raw: "\"")
            if isText { output.append(raw: #","logprobs":[]"#) }
        }
    }

    private mutating func end(into output: inout [UInt8]) {
        guard let item = open else { return }
        if let names = item.block.eventNames {
            let isText = item.block == .text
            send(about: item, "response.\(names.piece).done", names.place, into: &output) {
                $0 += ",\"\(names.field)\":\"".utf8
                $0 += item.text
                $0.append(raw: "\"")
                if isText { $0.append(raw: #","logprobs":[]"#) }
                if case .toolCall(_, let name) = item.block {
                    $0.append(raw: #","name":""#)
                    $0 += name
                    $0.append(raw: "\"")
                }
            }
            if let part = names.part {
                send(about: item, "response.\(part).done", names.place, into: &output) { output in
                    output.append(raw: #","part":"#)
                    output += item.part(isBegun: false)
                }
            }
        }
        let body = item.body(isBegun: false)
        sendItem("response.output_item.done", body, into: &output)
        if !self.output.isEmpty { self.output.append(UInt8(ascii: ",")) }
        self.output += body
        itemCount += 1
        open = nil
    }
}

/// The names of the events that bring an item's text.
private struct ItemEventNames {
    /// `content_part`; nil for an item without parts.
    let part: String?
    let piece: String
    /// The field of the whole text.
    let field: String
    /// Where in the item, as fields.
    let place: String
}

extension Neutral.Block {
    fileprivate var eventNames: ItemEventNames? {
        let content = #","content_index":0"#
        switch self {
        case .text:
            return ItemEventNames(
                part: "content_part",
                piece: "output_text",
                field: "text",
                place: content
            )
        case .refusal:
            return ItemEventNames(
                part: "content_part",
                piece: "refusal",
                field: "refusal",
                place: content
            )
        case .reasoning:
            return ItemEventNames(
                part: "reasoning_summary_part",
                piece: "reasoning_summary_text",
                field: "text",
                place: #","summary_index":0"#
            )
        case .toolCall:
            return ItemEventNames(
                part: nil,
                piece: "function_call_arguments",
                field: "arguments",
                place: ""
            )
        case .redactedReasoning: return nil
        }
    }
}
