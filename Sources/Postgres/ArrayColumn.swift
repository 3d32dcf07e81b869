/// An array parameter that grows element by element, in the binary format from the first.
///
/// It binds like an array of the same scalar. Arrays are simpler to make; but each of their elements
/// is kept twice and encoded through protocols, which for the forty columns of a batch of events
/// had cost more than all else that an append does in its own process.
package struct ArrayColumn<Scalar: PostgresScalar>: Sendable {
    private var fields = BinaryWriter()
    private var count: Int32 = 0

    package init() {}

    package mutating func appendNull() { add(nil) }

    /// The one way in, which is compiled for each scalar below: called through a protocol it had
    /// cost more than what it does.
    private mutating func add(_ value: Scalar?) {
        count += 1
        guard let value else { return fields.writeNull() }
        value.encodeField(into: &fields)
    }

    /// Appends the value as the parameter of a statement: its length, the array's head, the fields.
    func encodeField(into writer: inout BinaryWriter) {
        writer.writeField { writer in
            writer.writeArrayHead(count: count, elementOID: Scalar.typeOID)
            writer.write(contentsOf: fields.bytes)
        }
    }
}

extension ArrayColumn where Scalar == Bool {
    package mutating func append(_ value: Bool?) { add(value) }
}

extension ArrayColumn where Scalar == Int16 {
    package mutating func append(_ value: Int16?) { add(value) }
}

extension ArrayColumn where Scalar == Int32 {
    package mutating func append(_ value: Int32?) { add(value) }
}

extension ArrayColumn where Scalar == Int64 {
    package mutating func append(_ value: Int64?) { add(value) }
}

extension ArrayColumn where Scalar == Timestamp {
    package mutating func append(_ value: Timestamp?) { add(value) }
}

extension ArrayColumn where Scalar == UUIDBytes {
    package mutating func append(_ value: UUIDBytes?) { add(value) }
}

extension ArrayColumn where Scalar == Int128 {
    package mutating func append(_ value: Int128) { add(value) }
}

extension ArrayColumn where Scalar == String {
    package mutating func append(_ value: String?) { add(value) }
}

extension ArrayColumn where Scalar == JSONText {
    package mutating func append(_ value: JSONText?) { add(value) }
}

extension ArrayColumn where Scalar == Bytea {
    /// Of bytes that lie elsewhere, so that no array is made of them.
    package mutating func append(_ value: UnsafeRawBufferPointer) {
        count += 1
        fields.writeField(value)
    }
}
