/// The name of a field as it stands in scanned bytes.
package struct JSONName: Sendable {
    let bytes: [UInt8]
    /// Between the quotes.
    package let range: Range<Int>
    /// Whether the name is written with an escape, and so differs from its bytes.
    package let hasEscape: Bool

    package var text: String { String(decoding: bytes[range], as: UTF8.self) }

    /// Lets a name be switched over; an escaped name equals nothing.
    @inline(__always)
    package static func ~= (expected: StaticString, name: JSONName) -> Bool {
        guard expected.utf8CodeUnitCount == name.range.count, !name.hasEscape else { return false }
        for offset in 0..<expected.utf8CodeUnitCount
        where expected.utf8Start[offset] != name.bytes[name.range.lowerBound &+ offset] {
            return false
        }
        return true
    }
}

/// One field of an object.
package struct JSONField: Sendable {
    package let name: JSONName
    package let value: JSONValue
}

/// The fields of one object whose content decides money, in order.
///
/// A repeated name is refused, for readers disagree about which of the two counts, and so is a
/// name written with escapes, which a reader of bytes would miss. Values are validated to any
/// depth; what they hold is scanned again by whoever needs it.
package struct JSONObject: Sendable {
    /// More than any request has; it bounds the work of finding repeated names.
    package static let fieldCountMax = 128

    package let bytes: [UInt8]
    package private(set) var fields: [JSONField] = []
    /// Behind the opening brace, where a field can be inserted.
    package let bodyStart: Int

    /// Scans one object and requires that nothing follows it in the range.
    package init(scanning bytes: [UInt8], in range: Range<Int>? = nil) throws(JSONScanError) {
        self.bytes = bytes
        var scanner = JSONScanner(bytes, in: range)
        _ = try scanner.peek()
        bodyStart = scanner.index + 1
        var found: [JSONField] = []
        found.reserveCapacity(8)
        try scanner.fields { scanner, name throws(JSONScanError) in
            if name.hasEscape { throw JSONScanError(.escapedName, at: name.range.lowerBound) }
            guard found.count < Self.fieldCountMax else {
                throw JSONScanError(.tooManyFields, at: name.range.lowerBound)
            }
            for earlier in found where earlier.name.range.count == name.range.count {
                if bytes[earlier.name.range] == bytes[name.range] {
                    throw JSONScanError(.duplicateName, at: name.range.lowerBound)
                }
            }
            found.append(JSONField(name: name, value: try scanner.value()))
        }
        try scanner.finish()
        fields = found
    }

    /// The value of a field; nil when it is absent.
    package subscript(name: StaticString) -> JSONValue? {
        field(name)?.value
    }

    /// A field with its name; nil when it is absent.
    package func field(_ name: StaticString) -> JSONField? {
        fields.first { name ~= $0.name }
    }

    /// The value of a field; nil when it is absent or null.
    package func present(_ name: StaticString) -> JSONValue? {
        self[name].flatMap { $0.kind == .null ? nil : $0 }
    }
}

// MARK: Typed reading

extension JSONValue {
    /// The boolean; nil for any other kind.
    package var boolean: Bool? {
        if case .boolean(let value) = kind { value } else { nil }
    }

    /// The integer; nil for any other kind and for numbers that are not written as integers.
    ///
    /// `1.0` and `1e3` are refused although they are whole: readers disagree about them. `-0` is
    /// zero. What does not fit saturates, so that a bound refuses it like any other large number.
    package func integer(in bytes: [UInt8]) -> Int64? {
        guard kind == .number else { return nil }
        let isNegative = bytes[range.lowerBound] == UInt8(ascii: "-")
        var value: Int64 = 0
        for byte in bytes[range].dropFirst(isNegative ? 1 : 0) {
            guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) else { return nil }
            let digit = Int64(byte - UInt8(ascii: "0"))
            let (product, overflows) = value.multipliedReportingOverflow(by: 10)
            let (sum, carries) = product.addingReportingOverflow(isNegative ? -digit : digit)
            // Not returned at once: the rest may still be a fraction.
            let isOutOfRange = overflows || carries
            value = isOutOfRange ? (isNegative ? .min : .max) : sum
        }
        return value
    }

    /// The decoded string; nil for any other kind and for one with a lone surrogate.
    package func string(in bytes: [UInt8]) -> String? {
        guard kind == .string else { return nil }
        let content = (range.lowerBound + 1)..<(range.upperBound - 1)
        guard bytes[content].contains(backslash) else {
            return String(decoding: bytes[content], as: UTF8.self)
        }
        var units: [UInt8] = []
        units.reserveCapacity(content.count)
        var index = content.lowerBound
        while index < content.upperBound {
            if bytes[index] != backslash {
                units.append(bytes[index])
                index += 1
            } else if bytes[index + 1] != UInt8(ascii: "u") {
                units.append(unescaped(bytes[index + 1]))
                index += 2
            } else {
                guard let scalar = scalar(in: bytes, at: &index) else { return nil }
                units.append(contentsOf: String(Character(scalar)).utf8)
            }
        }
        return String(decoding: units, as: UTF8.self)
    }

    /// Whether this is a string of exactly these bytes, without escapes.
    package func equals(_ text: StaticString, in bytes: [UInt8]) -> Bool {
        guard kind == .string, range.count == text.utf8CodeUnitCount + 2 else { return false }
        return (0..<text.utf8CodeUnitCount).allSatisfy {
            bytes[range.lowerBound + 1 + $0] == text.utf8Start[$0]
        }
    }
}

/// The content of a valid JSON string without its escapes; half of a surrogate pair becomes U+FFFD.
func unescaped(_ bytes: [UInt8], _ content: Range<Int>) -> [UInt8] {
    var text: [UInt8] = []
    text.reserveCapacity(content.count)
    var index = content.lowerBound
    while index < content.upperBound {
        if bytes[index] != backslash {
            let end = bytes[index..<content.upperBound].firstIndex(of: backslash)
            text += bytes[index..<(end ?? content.upperBound)]
            index = end ?? content.upperBound
        } else if bytes[index + 1] != UInt8(ascii: "u") {
            text.append(unescaped(bytes[index + 1]))
            index += 2
        } else {
            let scalar = scalar(in: bytes, at: &index) ?? "\u{fffd}"
            text += Array(UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter)
        }
    }
    return text
}

private func unescaped(_ letter: UInt8) -> UInt8 {
    switch letter {
    case UInt8(ascii: "b"): 0x08
    case UInt8(ascii: "f"): 0x0c
    case UInt8(ascii: "n"): lineFeed
    case UInt8(ascii: "r"): carriageReturn
    case UInt8(ascii: "t"): 0x09
    default: letter
    }
}

/// The character of one `\u` escape or of a surrogate pair of them; nil for half a pair.
private func scalar(in bytes: [UInt8], at index: inout Int) -> Unicode.Scalar? {
    guard let first = hexadecimal(bytes, at: index + 2) else { return nil }
    index += 6
    if !UTF16.isLeadSurrogate(first) { return Unicode.Scalar(first) }
    guard bytes[index] == backslash, bytes[index + 1] == UInt8(ascii: "u"),
        let second = hexadecimal(bytes, at: index + 2), UTF16.isTrailSurrogate(second)
    else { return nil }
    index += 6
    return Unicode.Scalar(0x10000 + (UInt32(first) - 0xd800) << 10 + (UInt32(second) - 0xdc00))
}
