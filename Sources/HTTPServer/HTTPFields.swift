/// The fields of a request or response in order, with lower-case names.
///
/// Names are tokens and values have no control characters (RFC 9110 §5), always: what is not
/// so can't be put in, and thus a value can't forge a field or a response. The bytes of all
/// fields lie in one array, so that a request costs two allocations and not two per field.
package struct HTTPFields: Sendable {
    private struct Entry {
        let start: UInt32
        let nameCount: UInt16
        let valueCount: UInt32
    }

    private var bytes: [UInt8] = []
    private var entries: [Entry] = []

    package init() {}

    /// Makes fields of those pairs that are valid.
    package init(_ pairs: [(name: String, value: String)]) {
        for (name, value) in pairs { append(name, value) }
    }

    package var count: Int { entries.count }
    package var isEmpty: Bool { entries.isEmpty }

    /// The value of the first field of that lower-case name.
    package subscript(name: String) -> String? {
        entries.first { hasName($0, name) }.map(value)
    }

    /// Calls the body with the bytes of the first field of that lower-case name; nil without one.
    package func withValue<Result>(
        of name: String,
        _ body: (UnsafeBufferPointer<UInt8>) -> Result
    ) -> Result? {
        guard let entry = entries.first(where: { hasName($0, name) }) else { return nil }
        let range = ranges(entry).value
        return bytes.withUnsafeBufferPointer { body(UnsafeBufferPointer(rebasing: $0[range])) }
    }

    /// The values of all fields of that lower-case name, in order.
    package func all(named name: String) -> [String] {
        entries.filter { hasName($0, name) }.map(value)
    }

    /// Adds a field at the end; false, and nothing added, when its name or value is invalid.
    ///
    /// The name is lower-cased; spaces around the value are taken off.
    @discardableResult
    package mutating func append(_ name: String, _ value: String) -> Bool {
        var (name, value) = (name, value)
        return name.withUTF8 { name in
            value.withUTF8 { value in append(name: name.span, value: value.span) }
        }
    }

    /// Takes out all fields of that lower-case name.
    package mutating func remove(named name: String) {
        guard entries.contains(where: { hasName($0, name) }) else { return }
        let kept = filter { $0.name != name }
        self = HTTPFields(kept)
    }

    // MARK: Bytes

    /// Adds a field, checked as above.
    mutating func append(name: Span<UInt8>, value: Span<UInt8>) -> Bool {
        guard let hasCapitals = FieldSyntax.checkName(name) else { return false }
        let trimmed = FieldSyntax.trimmed(value)
        let value = value.extracting(trimmed)
        guard FieldSyntax.isValue(value), name.count <= Int(UInt16.max),
            bytes.count + name.count + value.count <= Int(UInt32.max)
        else { return false }
        let start = bytes.count
        name.withUnsafeBufferPointer { bytes.append(contentsOf: $0) }
        if hasCapitals {
            for index in start..<bytes.count { bytes[index] = FieldSyntax.lowercased(bytes[index]) }
        }
        value.withUnsafeBufferPointer { bytes.append(contentsOf: $0) }
        entries.append(
            Entry(
                start: UInt32(start),
                nameCount: UInt16(name.count),
                valueCount: UInt32(value.count)
            )
        )
        return true
    }

    /// Makes room for a head of that many bytes.
    package mutating func reserve(byteCount: Int) {
        bytes.reserveCapacity(byteCount)
        entries.reserveCapacity(16)
    }

    /// The places of the last field's name and value in `withBytes`.
    var last: (name: Range<Int>, value: Range<Int>)? { entries.last.map(ranges) }

    func withBytes<Result>(_ body: (UnsafeBufferPointer<UInt8>) -> Result) -> Result {
        bytes.withUnsafeBufferPointer(body)
    }

    /// Calls the body with each field's name and value.
    func forEachRanges(_ body: (_ name: Range<Int>, _ value: Range<Int>) -> Void) {
        for entry in entries {
            let (name, value) = ranges(entry)
            body(name, value)
        }
    }

    private func ranges(_ entry: Entry) -> (name: Range<Int>, value: Range<Int>) {
        let start = Int(entry.start)
        let middle = start + Int(entry.nameCount)
        return (start..<middle, middle..<middle + Int(entry.valueCount))
    }

    private func value(_ entry: Entry) -> String {
        String(decoding: bytes[ranges(entry).value], as: UTF8.self)
    }

    private func hasName(_ entry: Entry, _ name: String) -> Bool {
        guard Int(entry.nameCount) == name.utf8.count else { return false }
        return bytes[ranges(entry).name].elementsEqual(name.utf8)
    }
}

extension HTTPFields: Sequence {
    package func makeIterator() -> AnyIterator<(name: String, value: String)> {
        var index = 0
        return AnyIterator {
            guard index < entries.count else { return nil }
            defer { index += 1 }
            let name = bytes[ranges(entries[index]).name]
            return (String(decoding: name, as: UTF8.self), value(entries[index]))
        }
    }
}

extension HTTPFields: ExpressibleByDictionaryLiteral {
    package init(dictionaryLiteral pairs: (String, String)...) {
        for (name, value) in pairs { append(name, value) }
    }
}

extension HTTPFields: Equatable, CustomStringConvertible {
    package static func == (left: HTTPFields, right: HTTPFields) -> Bool {
        left.elementsEqual(right) { $0 == $1 }
    }

    /// The names alone: values may be secrets.
    package var description: String { map(\.name).joined(separator: ", ") }
}
