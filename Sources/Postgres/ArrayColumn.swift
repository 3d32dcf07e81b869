/// An array parameter that grows element by element, in the binary format from the first.
///
/// It binds like an array of the same scalar. Arrays are simpler to make; but each of their elements
/// is kept twice and encoded through protocols, which for the forty columns of a batch of events
/// had cost more than all else that an append does in its own process.
package struct ArrayColumn<Scalar: PostgresScalar>: Sendable {
    private var fields = BinaryWriter()
    private var count: Int32 = 0

    package init() {}

    package mutating func appendNull() {
        count += 1
        fields.writeNull()
    }

    /// Appends the value as the parameter of a statement: its length, the array's head, the fields.
    func encodeField(into writer: inout BinaryWriter) {
        writer.writeField { writer in
            writer.writeArrayHead(count: count, elementOID: Scalar.typeOID)
            writer.write(contentsOf: fields.bytes)
        }
    }
}

// For each scalar a function of its own, so that none is called through a protocol.

extension ArrayColumn where Scalar == Bool {
    package mutating func append(_ value: Bool?) {
        guard let value else { return appendNull() }
        count += 1
        fields.writeField(byte: value ? 1 : 0)
    }
}

extension ArrayColumn where Scalar == Int16 {
    package mutating func append(_ value: Int16?) {
        guard let value else { return appendNull() }
        count += 1
        value.encodeField(into: &fields)
    }
}

extension ArrayColumn where Scalar == Int32 {
    package mutating func append(_ value: Int32?) {
        guard let value else { return appendNull() }
        count += 1
        fields.writeField(word: UInt32(bitPattern: value))
    }
}

extension ArrayColumn where Scalar == Int64 {
    package mutating func append(_ value: Int64?) {
        guard let value else { return appendNull() }
        count += 1
        fields.writeField(word: UInt64(bitPattern: value))
    }
}

extension ArrayColumn where Scalar == Timestamp {
    package mutating func append(_ value: Timestamp?) {
        guard let value else { return appendNull() }
        count += 1
        value.encodeField(into: &fields)
    }
}

extension ArrayColumn where Scalar == UUIDBytes {
    package mutating func append(_ value: UUIDBytes?) {
        guard let value else { return appendNull() }
        count += 1
        fields.writeField(words: value.high, value.low)
    }
}

extension ArrayColumn where Scalar == Int128 {
    package mutating func append(_ value: Int128) {
        count += 1
        value.encodeField(into: &fields)
    }
}

extension ArrayColumn where Scalar == String {
    package mutating func append(_ value: String?) {
        guard var value else { return appendNull() }
        count += 1
        value.withUTF8 { fields.writeField(UnsafeRawBufferPointer($0)) }
    }
}

extension ArrayColumn where Scalar == Bytea {
    package mutating func append(_ value: UnsafeRawBufferPointer) {
        count += 1
        fields.writeField(value)
    }
}

extension ArrayColumn where Scalar == JSONText {
    package mutating func append(_ value: JSONText?) {
        guard let value else { return appendNull() }
        count += 1
        value.encodeField(into: &fields)
    }
}
