extension Optional: PostgresValue where Wrapped: PostgresValue {
    package static var typeOID: UInt32 { Wrapped.typeOID }

    package static func accepts(typeOID: UInt32) -> Bool { Wrapped.accepts(typeOID: typeOID) }

    package func encode(into writer: inout BinaryWriter) {
        self?.encode(into: &writer)
    }

    package func encodeField(into writer: inout BinaryWriter) {
        if let value = self {
            value.encodeField(into: &writer)
        } else {
            writer.writeNull()
        }
    }

    package init(decoding bytes: RawSpan) throws(PostgresValueError) {
        self = .some(try Wrapped(decoding: bytes))
    }

    package static func decodeNull() throws(PostgresValueError) -> Self { nil }
}

extension Optional: PostgresScalar where Wrapped: PostgresScalar {
    package static var arrayOID: UInt32 { Wrapped.arrayOID }

    package static func encodeElements(_ elements: [Self], into writer: inout BinaryWriter) {
        Wrapped.encodeElements(elements, into: &writer)
    }
}

/// An array of one dimension, as `unnest` and `= ANY` take it.
extension Array: PostgresValue where Element: PostgresScalar {
    package static var typeOID: UInt32 { Element.arrayOID }

    package static func accepts(typeOID: UInt32) -> Bool {
        // The element's type is in the bytes, and is checked there.
        typeOID == Element.arrayOID
            || (Element.accepts(typeOID: String.typeOID) && Self.textArrays.contains(typeOID))
    }

    /// The arrays of varchar, char(n) and name.
    private static var textArrays: [UInt32] { [1015, 1014, 1003] }

    package func encode(into writer: inout BinaryWriter) {
        writer.writeArrayHead(count: Int32(count), elementOID: Element.typeOID)
        Element.encodeElements(self, into: &writer)
    }

    package init(decoding bytes: RawSpan) throws(PostgresValueError) {
        let dimensions = try bytes.bigEndian(Int32.self)
        let elementOID = try bytes.bigEndian(UInt32.self, at: 8)
        guard Element.accepts(typeOID: elementOID) else {
            throw PostgresValueError("an array of type \(elementOID), not of \(Element.self)")
        }
        self.init()
        guard dimensions != 0 else { return }
        guard dimensions == 1 else { throw PostgresValueError("an array of many dimensions") }
        let count = try bytes.bigEndian(Int32.self, at: 12)
        // Each element takes four bytes at least, so a corrupt count cannot ask for much memory.
        guard count >= 0, Int(count) <= bytes.byteCount / 4 else {
            throw PostgresValueError("an array longer than its bytes")
        }
        reserveCapacity(Int(count))
        var offset = 20
        for _ in 0..<count {
            let length = Int(try bytes.bigEndian(Int32.self, at: offset))
            offset += 4
            if length < 0 {
                append(try Element.decodeNull())
                continue
            }
            guard length <= bytes.byteCount - offset else {
                throw PostgresValueError("an array that is cut off")
            }
            append(try Element(decoding: bytes.extracting(offset..<(offset + length))))
            offset += length
        }
        guard offset == bytes.byteCount else {
            throw PostgresValueError("an array with bytes behind its end")
        }
    }
}
