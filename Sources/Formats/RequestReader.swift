import Schema

/// Typed access to the top-level fields of a request body, with faults that name the field.
struct RequestReader {
    let bytes: [UInt8]
    let body: JSONObject

    /// Scans the whole body and applies the format's table of parameters.
    ///
    /// Upstreams differ in what they take for a field: readers written in Go ignore case, those
    /// built on protocol buffers take `maxTokens` for `max_tokens`. A look-alike of a field that
    /// decides money would pass here as unknown and count there, so it is refused.
    init(_ bytes: [UInt8], parameters: ParameterTable) throws(RequestFault) {
        self.bytes = bytes
        do throws(JSONScanError) {
            body = try JSONObject(scanning: bytes)
        } catch {
            throw RequestFault(error, in: bytes, path: nil)
        }
        for field in body.fields {
            try parameters.check(field, path: nil)
        }
    }

    /// An object within the body, whose fields are told apart as strictly as the body's own.
    func object(
        _ value: JSONValue,
        _ path: @autoclosure () -> String
    ) throws(RequestFault) -> JSONObject {
        do throws(JSONScanError) {
            return try JSONObject(scanning: bytes, in: value.range)
        } catch {
            throw RequestFault(error, in: bytes, path: path())
        }
    }

    func model() throws(RequestFault) -> (name: String, range: Range<Int>) {
        guard let value = body.present("model") else { throw .missing("model") }
        guard let name = value.string(in: bytes) else {
            throw .wrongType("model", expected: "a string")
        }
        if name.isEmpty { throw .invalidValue("model", "it is empty") }
        return (name, value.range)
    }

    /// A boolean that is false when absent or null.
    func flag(_ name: StaticString) throws(RequestFault) -> Bool {
        guard let value = body.present(name) else { return false }
        guard let flag = value.boolean else {
            throw .wrongType("\(name)", expected: "a boolean")
        }
        return flag
    }

    /// An integer within bounds; nil when absent or null.
    func integer(
        _ value: JSONValue?,
        _ name: @autoclosure () -> String,
        in bounds: ClosedRange<Int64>
    ) throws(RequestFault) -> Int64? {
        guard let value, value.kind != .null else { return nil }
        guard let number = value.integer(in: bytes) else {
            throw .wrongType(name(), expected: "an integer")
        }
        if number < bounds.lowerBound { throw .notAbove(name(), bounds.lowerBound) }
        if number > bounds.upperBound { throw .notBelow(name(), bounds.upperBound) }
        return number
    }

    /// Checks the type of an optional string field.
    func string(_ name: StaticString) throws(RequestFault) -> String? {
        guard let value = body.present(name) else { return nil }
        guard let text = value.string(in: bytes) else {
            throw .wrongType("\(name)", expected: "a string")
        }
        return text
    }
}

/// The fields of one object that decide money, and what becomes of them.
struct ParameterTable {
    enum Rule {
        /// Read by the reader of the format.
        case read
        /// Refused unless null, false or empty, for this reason.
        case refused(String)
    }

    private let rules: [(name: [UInt8], rule: Rule)]
    /// The exact name by the folded one.
    private let names: [String: String]

    init(read: [String], refused: [String: String] = [:]) {
        rules =
            read.map { (Array($0.utf8), .read) }
            + refused.map { (Array($0.key.utf8), .refused($0.value)) }
        let all = read + refused.keys
        names = Dictionary(uniqueKeysWithValues: all.map { (Self.folded($0.utf8), $0) })
    }

    /// Refuses a field that is refused by rule, or that only looks like one with a rule.
    ///
    /// - Parameter path: of the object that has the field; nil for the body.
    func check(_ field: JSONField, path: @autoclosure () -> String?) throws(RequestFault) {
        func parameter() -> String {
            path().map { "\($0).\(field.name.text)" } ?? field.name.text
        }
        let range = field.name.range
        for (name, rule) in rules where name.count == range.count {
            guard name.elementsEqual(field.name.bytes[range]) else { continue }
            guard case .refused(let reason) = rule, !field.isVoid else { return }
            throw .unsupported(parameter(), reason)
        }
        guard field.name.bytes[range].allSatisfy({ $0 < 0x80 }) else {
            throw .unsupported(parameter(), "has a name beyond ASCII")
        }
        if let name = names[Self.folded(field.name.text.utf8)] {
            throw .unsupported(parameter(), "looks like '\(name)': write it exactly so")
        }
    }

    /// A name without case, underscores and dashes: the widest that any reader takes for it.
    private static func folded(_ name: String.UTF8View) -> String {
        let letters = name.lazy.filter { $0 != UInt8(ascii: "_") && $0 != UInt8(ascii: "-") }
        let folded = letters.map { (65...90).contains($0) ? $0 | 0x20 : $0 }
        return String(decoding: Array(folded), as: UTF8.self)
    }
}

extension JSONField {
    /// Whether the value asks for nothing: null, false, or an empty list.
    ///
    /// An empty object does ask: it takes every default.
    fileprivate var isVoid: Bool {
        switch value.kind {
        case .null, .boolean(false): true
        case .object: false
        case .array:
            name.bytes[value.range].dropFirst().dropLast().allSatisfy {
                $0 == 0x20 || (0x09...0x0d).contains($0)
            }
        case .boolean(true), .string, .number: false
        }
    }
}
