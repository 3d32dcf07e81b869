/// Bytes of PostgreSQL's binary format under construction.
package struct BinaryWriter: Sendable {
    /// Longer than what is written, so that nearly every field is a few stores.
    private var storage: [UInt8] = []
    private var count = 0

    package init() {}

    /// What has been written.
    package var bytes: ArraySlice<UInt8> { storage[..<count] }

    /// Appends an integer in network byte order.
    @inline(__always)
    package mutating func write<Value: FixedWidthInteger & BitwiseCopyable>(_ value: Value) {
        reserve(MemoryLayout<Value>.size)
        store(value)
    }

    /// Appends bytes as they are.
    package mutating func write(contentsOf other: UnsafeRawBufferPointer) {
        reserve(other.count)
        store(other)
    }

    /// Appends bytes as they are.
    package mutating func write(contentsOf other: some Collection<UInt8>) {
        let isContiguous: Void? = other.withContiguousStorageIfAvailable {
            write(contentsOf: UnsafeRawBufferPointer($0))
        }
        if isContiguous == nil { Array(other).withUnsafeBytes { write(contentsOf: $0) } }
    }

    // Fields of a known length, which are the hot path of appending events.

    @inline(__always)
    mutating func writeField(byte: UInt8) {
        reserve(5)
        store(1 as Int32)
        store(byte)
    }

    @inline(__always)
    mutating func writeField(word: UInt32) {
        reserve(8)
        store(4 as Int32)
        store(word)
    }

    @inline(__always)
    mutating func writeField(word: UInt64) {
        reserve(12)
        store(8 as Int32)
        store(word)
    }

    @inline(__always)
    mutating func writeField(words first: UInt64, _ second: UInt64) {
        reserve(20)
        store(16 as Int32)
        store(first)
        store(second)
    }

    /// Appends a field of bytes that lie in one piece.
    @inline(__always)
    mutating func writeField(_ content: UnsafeRawBufferPointer) {
        reserve(4 + content.count)
        store(Int32(content.count))
        store(content)
    }

    /// Appends a four-byte length and then what the closure writes.
    @inline(__always)
    mutating func writeField(_ body: (inout BinaryWriter) -> Void) {
        let start = count
        write(Int32(0))
        body(&self)
        let length = Int32(count - start - 4)
        storage.withUnsafeMutableBytes { bytes in
            bytes.storeBytes(of: length.bigEndian, toByteOffset: start, as: Int32.self)
        }
    }

    /// Appends the mark of NULL in place of a length.
    mutating func writeNull() {
        write(Int32(-1))
    }

    /// Appends what stands before the elements of an array of one dimension.
    mutating func writeArrayHead(count: Int32, elementOID: UInt32) {
        // Dimensions, whether NULLs may occur, the element's type; then length and lower bound.
        write(Int32(count == 0 ? 0 : 1))
        write(Int32(1))
        write(elementOID)
        guard count > 0 else { return }
        write(count)
        write(Int32(1))
    }

    // MARK: Storage

    /// Makes room for so many bytes more.
    @inline(__always)
    private mutating func reserve(_ byteCount: Int) {
        if count + byteCount > storage.count { grow(byteCount) }
    }

    @inline(never)
    private mutating func grow(_ byteCount: Int) {
        let length = max(count + byteCount, 2 * storage.count, 64)
        storage = [UInt8](unsafeUninitializedCapacity: length) { larger, initializedCount in
            _ = larger.initialize(from: bytes)
            larger[count...].initialize(repeating: 0)
            initializedCount = length
        }
    }

    /// Stores an integer in the room that was made.
    @inline(__always)
    private mutating func store<Value: FixedWidthInteger & BitwiseCopyable>(_ value: Value) {
        storage.withUnsafeMutableBytes { bytes in
            bytes.storeBytes(of: value.bigEndian, toByteOffset: count, as: Value.self)
        }
        count += MemoryLayout<Value>.size
    }

    @inline(__always)
    private mutating func store(_ other: UnsafeRawBufferPointer) {
        storage.withUnsafeMutableBytes { bytes in
            UnsafeMutableRawBufferPointer(rebasing: bytes[count...]).copyMemory(from: other)
        }
        count += other.count
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
