/// What can be bound to a statement and read from a result, in PostgreSQL's binary format.
///
/// Types of other modules adopt it most easily through `PostgresRepresentable`.
package protocol PostgresValue: Sendable {
    /// The type that a parameter is declared as.
    static var typeOID: UInt32 { get }

    /// Whether a column of this type may be read as `Self`; by default only `typeOID` may.
    static func accepts(typeOID: UInt32) -> Bool

    /// Appends the value's bytes, without their length.
    func encode(into writer: inout BinaryWriter)

    /// Reads the bytes of a value that is not NULL.
    init(decoding bytes: RawSpan) throws(PostgresValueError)

    /// Appends the length and the bytes, or for an empty optional the mark of NULL.
    func encodeField(into writer: inout BinaryWriter)

    /// What NULL reads as; an error but for `Optional`.
    static func decodeNull() throws(PostgresValueError) -> Self
}

/// A value that arrays can be made of: `[Int64]`, `[String?]`.
package protocol PostgresScalar: PostgresValue {
    /// The type of an array of this type.
    static var arrayOID: UInt32 { get }

    /// Appends the fields of an array's elements.
    ///
    /// Requirements, though nobody but `Optional` differs: so the loops of each scalar type are
    /// compiled for it, which halves the cost of appending events.
    static func encodeElements(_ elements: [Self], into writer: inout BinaryWriter)

    /// Appends the fields of an array's elements, some of which are NULL.
    static func encodeElements(_ elements: [Self?], into writer: inout BinaryWriter)
}

extension PostgresScalar {
    package static func encodeElements(_ elements: [Self], into writer: inout BinaryWriter) {
        for element in elements { element.encodeField(into: &writer) }
    }

    package static func encodeElements(_ elements: [Self?], into writer: inout BinaryWriter) {
        for element in elements {
            if let element { element.encodeField(into: &writer) } else { writer.writeNull() }
        }
    }
}

/// Why bytes cannot be read as a type; a row adds the column's name to it.
package struct PostgresValueError: Error {
    /// What is wrong, without the value itself.
    package let reason: String

    package init(_ reason: String) {
        self.reason = reason
    }
}

extension PostgresValue {
    package static func accepts(typeOID: UInt32) -> Bool { typeOID == Self.typeOID }

    package func encodeField(into writer: inout BinaryWriter) {
        writer.writeField { encode(into: &$0) }
    }

    package static func decodeNull() throws(PostgresValueError) -> Self {
        throw PostgresValueError("NULL where a value must be")
    }
}

/// A type that is stored as another one: an identifier as a UUID, an enumeration as text.
///
/// `postgresValue` and `init(postgresValue:)` are all it needs; a `RawRepresentable` type whose
/// raw value is its representation needs neither.
package protocol PostgresRepresentable: PostgresScalar {
    associatedtype Representation: PostgresScalar

    /// What is stored.
    var postgresValue: Representation { get }

    /// Reads what was stored; throws for what this type cannot be.
    init(postgresValue: Representation) throws(PostgresValueError)
}

extension PostgresRepresentable {
    package static var typeOID: UInt32 { Representation.typeOID }
    package static var arrayOID: UInt32 { Representation.arrayOID }

    package static func accepts(typeOID: UInt32) -> Bool {
        Representation.accepts(typeOID: typeOID)
    }

    package func encode(into writer: inout BinaryWriter) {
        postgresValue.encode(into: &writer)
    }

    package func encodeField(into writer: inout BinaryWriter) {
        postgresValue.encodeField(into: &writer)
    }

    // Inlinable, so that the conversion is compiled where the type is.
    @inlinable
    package static func encodeElements(_ elements: [Self], into writer: inout BinaryWriter) {
        Representation.encodeElements(elements.map { $0.postgresValue }, into: &writer)
    }

    @inlinable
    package static func encodeElements(_ elements: [Self?], into writer: inout BinaryWriter) {
        Representation.encodeElements(elements.map { $0?.postgresValue }, into: &writer)
    }

    package init(decoding bytes: RawSpan) throws(PostgresValueError) {
        try self.init(postgresValue: Representation(decoding: bytes))
    }
}

extension PostgresRepresentable where Self: RawRepresentable, RawValue == Representation {
    package var postgresValue: RawValue { rawValue }

    package init(postgresValue: RawValue) throws(PostgresValueError) {
        guard let value = Self(rawValue: postgresValue) else {
            throw PostgresValueError("no case of \(Self.self) is stored like this")
        }
        self = value
    }
}
