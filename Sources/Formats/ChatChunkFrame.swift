import Schema

/// What the chunks of one chat completion have in common, to end its stream with chunks like them.
struct ChatChunkFrame {
    /// The members that tell the answer, in the order in which they came.
    private var members: [UInt8] = []
    /// Whether it is a completion without a chat.
    private var isText = false

    /// Reads a chunk of the stream; nil when it is none.
    init?(of chunk: [UInt8]) {
        var scanner = JSONScanner(chunk)
        do throws(JSONScanError) {
            try scanner.fields { scanner, name throws(JSONScanError) in
                let value = try scanner.value()
                switch name {
                case "object": isText = value.equals("text_completion", in: chunk)
                case "id", "created", "model", "system_fingerprint", "service_tier": break
                default: return
                }
                members += chunk[name.range.lowerBound - 1..<value.range.upperBound]
                members.append(UInt8(ascii: ","))
            }
        } catch {
            return nil
        }
    }

    /// A finish for length for each of these choices, usage where it is given, and the end marker.
    func lengthEnd(of choices: [Int64], reporting usage: UsageReport?) -> [UInt8] {
        var output: [UInt8] = []
        for choice in choices {
            let nothing = isText ? #""text":"""# : #""delta":{}"#
            output += "data: {".utf8
            output += members
            output += #""choices":[{"index":\#(choice),\#(nothing),"logprobs":null,"#.utf8
            output.append(raw: #""finish_reason":"length"}]"#)
            if usage != nil { output.append(raw: #","usage":null"#) }
            output.append(raw: "}\n\n")
        }
        if let usage {
            var writer = JSONWriter()
            writer.object { usage.writeChat(to: &$0) }
            output += "data: {".utf8
            output += members
            output.append(raw: #""choices":[],"usage":"#)
            output += writer.bytes
            output.append(raw: "}\n\n")
        }
        output.append(raw: "data: [DONE]\n\n")
        return output
    }
}
