import Schema

extension CallFacts {
    /// The client's body as the upstream is to get it: byte for byte, but for what must change.
    ///
    /// That is the model's name, the output cap, and for a streamed chat or completion the request
    /// for usage (its other stream options stay).
    ///
    /// - Parameters:
    ///   - body: the bytes that these facts were read from.
    ///   - model: the upstream's name of the model.
    ///   - outputCap: the limit to enforce; nil leaves the client's, or none.
    ///   - field: the only name of the cap that the upstream's chats know; a client's other one is
    ///     replaced, for it would be ignored there or refused. Nil leaves the client's, or the newer.
    package func upstreamBody(
        from body: [UInt8],
        model: String,
        outputCap: Int64?,
        cappedBy field: OutputCapField? = nil
    ) -> [UInt8] {
        var edits: [BodyEdit] = []
        var inserted: [UInt8] = []
        if model != self.model {
            edits.append(BodyEdit(places.model, [UInt8](json: model)))
        }
        if let outputCap, endpoint != .embeddings {
            let field = endpoint == .chatCompletions ? field ?? outputCapField : outputCapField
            let number = Array(String(outputCap).utf8)
            if let range = places.cap(field) {
                if !body[range].elementsEqual(number) { edits.append(BodyEdit(range, number)) }
                // Null in the one and a number in the other: they change places.
                if field != outputCapField, let own = places.cap(outputCapField) {
                    edits.append(BodyEdit(own, Array("null".utf8)))
                }
            } else if let own = places.cap(outputCapField), let name = places.capName {
                edits.append(BodyEdit(name, Array(field.rawValue.utf8)))
                edits.append(BodyEdit(own, number))
            } else {
                inserted += Array("\"\(field.rawValue)\":".utf8) + number + [UInt8(ascii: ",")]
            }
        }
        if endpoint == .chatCompletions || endpoint == .completions, isStreamed {
            switch places.streamOptions {
            case .absent:
                inserted += Array(#""stream_options":{"include_usage":true},"#.utf8)
            case .null(let range):
                edits.append(BodyEdit(range, Array(#"{"include_usage":true}"#.utf8)))
            case .withoutUsage(let start, let isEmpty):
                let field = #""include_usage":true"# + (isEmpty ? "" : ",")
                edits.append(BodyEdit(start..<start, Array(field.utf8)))
            case .withUsage(let range):
                if !wantsStreamUsage { edits.append(BodyEdit(range, Array("true".utf8))) }
            }
        }
        // A body has a model, so a field inserted at its start is followed by another.
        if !inserted.isEmpty {
            edits.append(BodyEdit(places.bodyStart..<places.bodyStart, inserted))
        }
        return edits.isEmpty ? body : apply(edits, to: body)
    }
}

/// New bytes for a range of the body.
private struct BodyEdit {
    let range: Range<Int>
    let bytes: [UInt8]

    init(_ range: Range<Int>, _ bytes: [UInt8]) {
        self.range = range
        self.bytes = bytes
    }
}

private func apply(_ edits: [BodyEdit], to body: [UInt8]) -> [UInt8] {
    var result: [UInt8] = []
    result.reserveCapacity(body.count + edits.reduce(0) { $0 + $1.bytes.count })
    var index = 0
    for edit in edits.sorted(by: { $0.range.lowerBound < $1.range.lowerBound }) {
        result += body[index..<edit.range.lowerBound]
        result += edit.bytes
        index = edit.range.upperBound
    }
    result += body[index...]
    return result
}
