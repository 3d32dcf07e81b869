/// JSON to print: fields keep their order, money is a string, and no number is a fraction.
package indirect enum JSONNode: Sendable {
    case object([(String, JSONNode)])
    case array([JSONNode])
    case text(String)
    case integer(Int64)
    case flag(Bool)
    case null
    /// A text that is JSON already.
    case raw(String)

    /// The text, or null without one.
    package static func optional(_ text: String?) -> JSONNode { text.map(JSONNode.text) ?? .null }

    /// The value on one line.
    package var line: String {
        var output = ""
        write(to: &output)
        return output
    }

    private func write(to output: inout String) {
        switch self {
        case .object(let fields):
            output += "{"
            for (index, field) in fields.enumerated() {
                if index > 0 { output += ", " }
                Self.write(field.0, to: &output)
                output += ": "
                field.1.write(to: &output)
            }
            output += "}"
        case .array(let elements):
            output += "["
            for (index, element) in elements.enumerated() {
                if index > 0 { output += ", " }
                element.write(to: &output)
            }
            output += "]"
        case .text(let text): Self.write(text, to: &output)
        case .integer(let value): output += String(value)
        case .flag(let value): output += value ? "true" : "false"
        case .null: output += "null"
        case .raw(let text): output += text
        }
    }

    private static func write(_ text: String, to output: inout String) {
        output += "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": output += "\\\""
            case "\\": output += "\\\\"
            case "\n": output += "\\n"
            case "\r": output += "\\r"
            case "\t": output += "\\t"
            case _ where scalar.value < 0x20:
                let digits = String(scalar.value, radix: 16)
                output += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: output.unicodeScalars.append(scalar)
            }
        }
        output += "\""
    }
}
