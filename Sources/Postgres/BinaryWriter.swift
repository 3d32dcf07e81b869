/// Bytes of PostgreSQL's binary format under construction.
package struct BinaryWriter: Sendable {
    package private(set) var bytes: [UInt8] = []

    package init() {}

    /// Appends an integer in network byte order.
    @inline(__always)
    package mutating func write<Value: FixedWidthInteger>(_ value: Value) {
        withUnsafeBytes(of: value.bigEndian) { bytes.append(contentsOf: $0) }
    }

    /// Appends bytes as they are.
    package mutating func write(contentsOf other: some Sequence<UInt8>) {
        bytes.append(contentsOf: other)
    }

    /// Appends a field of eight bytes in one step: the hot path of appending events.
    @inline(__always)
    mutating func writeField(word: UInt64) {
        // In memory: padding, length, value, without a gap.
        let field = (UInt32(0), UInt32(8).bigEndian, word.bigEndian)
        withUnsafeBytes(of: field) { field in
            bytes.append(contentsOf: UnsafeRawBufferPointer(rebasing: field[4...]))
        }
    }

    /// Appends a field of bytes that lie in one piece.
    @inline(__always)
    mutating func writeField(_ content: UnsafeBufferPointer<UInt8>) {
        write(Int32(content.count))
        bytes.append(contentsOf: content)
    }

    /// Appends a four-byte length and then what the closure writes.
    @inline(__always)
    mutating func writeField(_ body: (inout BinaryWriter) -> Void) {
        let start = bytes.count
        write(Int32(0))
        body(&self)
        let length = Int32(bytes.count - start - 4)
        withUnsafeBytes(of: length.bigEndian) { length in
            for index in 0..<4 { bytes[start + index] = length[index] }
        }
    }

    /// Appends the mark of NULL in place of a length.
    mutating func writeNull() {
        write(Int32(-1))
    }
}

extension RawSpan {
    /// The integer in network byte order at an offset; throws when the bytes end before it does.
    @inline(__always)
    func bigEndian<Value: FixedWidthInteger & BitwiseCopyable>(
        _ type: Value.Type,
        at offset: Int = 0
    ) throws(PostgresValueError) -> Value {
        guard offset >= 0, byteCount - offset >= MemoryLayout<Value>.size else {
            throw PostgresValueError("the value is cut off")
        }
        return Value(bigEndian: unsafeLoadUnaligned(fromByteOffset: offset, as: type))
    }

    /// Throws unless there are exactly so many bytes.
    @inline(__always)
    func requireByteCount(_ count: Int) throws(PostgresValueError) {
        guard byteCount == count else {
            throw PostgresValueError("\(byteCount) bytes where \(count) must be")
        }
    }
}
