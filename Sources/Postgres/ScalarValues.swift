extension Bool: PostgresScalar {
    package static var typeOID: UInt32 { 16 }
    package static var arrayOID: UInt32 { 1000 }

    package func encode(into writer: inout BinaryWriter) {
        writer.write(self ? UInt8(1) : 0)
    }

    package func encodeField(into writer: inout BinaryWriter) {
        writer.writeField(byte: self ? 1 : 0)
    }

    package init(decoding bytes: RawSpan) throws(PostgresValueError) {
        try bytes.requireByteCount(1)
        self = try bytes.bigEndian(UInt8.self) != 0
    }
}

// An integer reads every integer column that is not wider than itself.

extension Int16: PostgresScalar {
    package static var typeOID: UInt32 { 21 }
    package static var arrayOID: UInt32 { 1005 }

    package func encode(into writer: inout BinaryWriter) { writer.write(self) }

    package init(decoding bytes: RawSpan) throws(PostgresValueError) {
        try bytes.requireByteCount(2)
        self = try bytes.bigEndian(Int16.self)
    }
}

extension Int32: PostgresScalar {
    package static var typeOID: UInt32 { 23 }
    package static var arrayOID: UInt32 { 1007 }

    package static func accepts(typeOID: UInt32) -> Bool {
        typeOID == Self.typeOID || Int16.accepts(typeOID: typeOID)
    }

    package func encode(into writer: inout BinaryWriter) { writer.write(self) }

    package func encodeField(into writer: inout BinaryWriter) {
        writer.writeField(word: UInt32(bitPattern: self))
    }

    package init(decoding bytes: RawSpan) throws(PostgresValueError) {
        if bytes.byteCount == 2 {
            self = Int32(try bytes.bigEndian(Int16.self))
        } else {
            try bytes.requireByteCount(4)
            self = try bytes.bigEndian(Int32.self)
        }
    }
}

extension Int64: PostgresScalar {
    package static var typeOID: UInt32 { 20 }
    package static var arrayOID: UInt32 { 1016 }

    package static func accepts(typeOID: UInt32) -> Bool {
        typeOID == Self.typeOID || Int32.accepts(typeOID: typeOID)
    }

    package func encode(into writer: inout BinaryWriter) { writer.write(self) }

    package func encodeField(into writer: inout BinaryWriter) {
        writer.writeField(word: UInt64(bitPattern: self))
    }

    package init(decoding bytes: RawSpan) throws(PostgresValueError) {
        if bytes.byteCount == 8 {
            self = try bytes.bigEndian(Int64.self)
        } else {
            self = Int64(try Int32(decoding: bytes))
        }
    }
}

extension Int: PostgresRepresentable {
    package var postgresValue: Int64 { Int64(self) }

    package init(postgresValue: Int64) throws(PostgresValueError) {
        self = Int(postgresValue)
    }
}

/// A whole number of PostgreSQL's `numeric`; a fraction is refused, never cut off.
extension Int128: PostgresScalar {
    package static var typeOID: UInt32 { 1700 }
    package static var arrayOID: UInt32 { 1231 }

    package func encode(into writer: inout BinaryWriter) {
        NumericCodec.encode(self, into: &writer)
    }

    package init(decoding bytes: RawSpan) throws(PostgresValueError) {
        self = try NumericCodec.decode(bytes)
    }
}

extension String: PostgresScalar {
    package static var typeOID: UInt32 { 25 }
    package static var arrayOID: UInt32 { 1009 }

    /// Reads text, varchar, char(n), name and untyped literals.
    package static func accepts(typeOID: UInt32) -> Bool {
        switch typeOID {
        case 25, 1043, 1042, 19, 705: true
        default: false
        }
    }

    package func encode(into writer: inout BinaryWriter) {
        writer.write(contentsOf: utf8)
    }

    package func encodeField(into writer: inout BinaryWriter) {
        var text = self
        text.withUTF8 { writer.writeField(UnsafeRawBufferPointer($0)) }
    }

    package init(decoding bytes: RawSpan) throws(PostgresValueError) {
        let text = bytes.withUnsafeBytes { String(validating: $0, as: UTF8.self) }
        guard let text else { throw PostgresValueError("text that is not UTF-8") }
        self = text
    }
}

/// Bytes of a `bytea`.
///
/// A type of its own, because `[UInt8]` would read as an array of numbers. A single `[UInt8]`
/// can be bound and read as it is; arrays of byte strings are `[Bytea]`.
package struct Bytea: PostgresScalar, Hashable {
    package let bytes: [UInt8]

    package init(_ bytes: [UInt8]) {
        self.bytes = bytes
    }

    package static var typeOID: UInt32 { 17 }
    package static var arrayOID: UInt32 { 1001 }

    package func encode(into writer: inout BinaryWriter) {
        writer.write(contentsOf: bytes)
    }

    package init(decoding bytes: RawSpan) throws(PostgresValueError) {
        self.bytes = bytes.withUnsafeBytes { Array($0) }
    }
}

/// A `uuid` as two big-endian words.
package struct UUIDBytes: PostgresScalar, Hashable {
    package let high: UInt64
    package let low: UInt64

    package init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    package static var typeOID: UInt32 { 2950 }
    package static var arrayOID: UInt32 { 2951 }

    package func encode(into writer: inout BinaryWriter) {
        writer.write(high)
        writer.write(low)
    }

    package func encodeField(into writer: inout BinaryWriter) {
        writer.writeField(words: high, low)
    }

    package init(decoding bytes: RawSpan) throws(PostgresValueError) {
        try bytes.requireByteCount(16)
        high = try bytes.bigEndian(UInt64.self)
        low = try bytes.bigEndian(UInt64.self, at: 8)
    }
}

/// A `timestamptz`, in microseconds since 1970-01-01T00:00:00Z.
package struct Timestamp: PostgresScalar, Hashable {
    package let microseconds: Int64

    package init(microseconds: Int64) {
        self.microseconds = microseconds
    }

    package static var typeOID: UInt32 { 1184 }
    package static var arrayOID: UInt32 { 1185 }

    /// PostgreSQL counts from 2000-01-01T00:00:00Z.
    private static let epochOffset: Int64 = 946_684_800_000_000

    private var stored: Int64 {
        let (shifted, overflow) = microseconds.subtractingReportingOverflow(Self.epochOffset)
        // Never the smallest integer, which means minus infinity: the server refuses this one.
        return overflow || shifted == .min ? .min + 1 : shifted
    }

    package func encode(into writer: inout BinaryWriter) { writer.write(stored) }

    package func encodeField(into writer: inout BinaryWriter) { stored.encodeField(into: &writer) }

    package init(decoding bytes: RawSpan) throws(PostgresValueError) {
        try bytes.requireByteCount(8)
        let shifted = try bytes.bigEndian(Int64.self)
        let (sum, overflow) = shifted.addingReportingOverflow(Self.epochOffset)
        guard shifted != .min, shifted != .max, !overflow else {
            throw PostgresValueError("an infinite timestamp")
        }
        microseconds = sum
    }
}

/// A `jsonb` as its text, which is neither parsed nor checked here.
package struct JSONText: PostgresScalar, Hashable {
    package let text: String

    package init(_ text: String) {
        self.text = text
    }

    package static var typeOID: UInt32 { 3802 }
    package static var arrayOID: UInt32 { 3807 }

    private static let version: UInt8 = 1

    package func encode(into writer: inout BinaryWriter) {
        writer.write(Self.version)
        text.encode(into: &writer)
    }

    package init(decoding bytes: RawSpan) throws(PostgresValueError) {
        guard try bytes.bigEndian(UInt8.self) == Self.version else {
            throw PostgresValueError("an unknown version of jsonb")
        }
        text = try String(decoding: bytes.extracting(droppingFirst: 1))
    }
}
