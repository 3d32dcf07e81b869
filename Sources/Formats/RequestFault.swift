/// Why a request cannot be served as it stands: a 400 in the caller's format.
package struct RequestFault: Error, Hashable, Sendable {
    /// The field at fault, as a path: `messages[2].content[0].source.type`.
    package let parameter: String?
    /// A word for programs, such as `invalid_json` or `unsupported_parameter`.
    package let code: String
    /// For people.
    package let message: String

    package init(parameter: String?, code: String, message: String) {
        self.parameter = parameter
        self.code = code
        self.message = message
    }
}

extension RequestFault {
    static func missing(_ parameter: String) -> Self {
        Self(
            parameter: parameter,
            code: "missing_required_parameter",
            message: "Missing required parameter: '\(parameter)'."
        )
    }

    static func wrongType(_ parameter: String, expected: String) -> Self {
        Self(
            parameter: parameter,
            code: "invalid_type",
            message: "Invalid type for '\(parameter)': expected \(expected)."
        )
    }

    static func invalidValue(_ parameter: String, _ reason: String) -> Self {
        Self(
            parameter: parameter,
            code: "invalid_value",
            message: "Invalid value for '\(parameter)': \(reason)."
        )
    }

    /// A feature whose cost has no bound or no price here.
    static func unsupported(_ parameter: String, _ reason: String) -> Self {
        Self(
            parameter: parameter,
            code: "unsupported_parameter",
            message: "Unsupported parameter: '\(parameter)' \(reason)."
        )
    }

    static func notAbove(_ parameter: String, _ limit: Int64) -> Self {
        Self(
            parameter: parameter,
            code: "integer_below_min_value",
            message: "Invalid '\(parameter)': expected a value of at least \(limit)."
        )
    }

    static func notBelow(_ parameter: String, _ limit: Int64) -> Self {
        Self(
            parameter: parameter,
            code: "integer_above_max_value",
            message: "Invalid '\(parameter)': expected a value of at most \(limit)."
        )
    }

    /// What a scan of `bytes` found, told in terms of the object at `path` (nil: the body).
    init(_ error: JSONScanError, in bytes: [UInt8], path: String?) {
        let place = path.map { "'\($0)'" } ?? "the body"
        let (code, message): (String, String) =
            switch error.kind {
            case .duplicateName:
                ("duplicate_parameter", "A field is repeated in \(place) at byte \(error.offset).")
            case .escapedName:
                ("escaped_parameter", "A field name in \(place) is written with escapes.")
            case .tooManyFields:
                ("too_many_parameters", "There are too many fields in \(place).")
            case .notAnObject:
                ("invalid_type", "Invalid type: expected \(place) to be an object.")
            case .notAnArray:
                ("invalid_type", "Invalid type: expected \(place) to be an array.")
            default:
                (
                    "invalid_json",
                    "The body is not valid JSON: \(error.kind.rawValue) at byte \(error.offset)."
                )
            }
        let name = error.kind == .duplicateName ? Self.name(in: bytes, at: error.offset) : nil
        let parameter = [path, name].compactMap { $0 }.joined(separator: ".")
        self.init(parameter: parameter.isEmpty ? nil : parameter, code: code, message: message)
    }

    private static func name(in bytes: [UInt8], at start: Int) -> String {
        let end = ByteScan.endOfPlainText(bytes, from: start, to: bytes.count)
        return String(decoding: bytes[start..<end].prefix(64), as: UTF8.self)
    }
}
