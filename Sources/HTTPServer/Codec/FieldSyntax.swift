/// What bytes may stand where in a head (RFC 9110 §5.6.2, §5.5).
enum FieldSyntax {
    /// Whether a byte may stand in a token.
    @inline(__always)
    static func isTokenByte(_ byte: UInt8) -> Bool {
        // A bit for each of the letters, digits and !#$%&'*+-.^_`|~
        byte < 64
            ? (0x03ff_6cfa_0000_0000 as UInt64) &>> UInt64(byte) & 1 == 1
            : byte < 128 && (0x57ff_ffff_c7ff_fffe as UInt64) &>> UInt64(byte - 64) & 1 == 1
    }

    @inline(__always)
    static func lowercased(_ byte: UInt8) -> UInt8 {
        byte &- 0x41 < 26 ? byte | 0x20 : byte
    }

    /// Nil for an invalid name, else whether it has capitals.
    static func checkName(_ name: Span<UInt8>) -> Bool? {
        guard !name.isEmpty else { return nil }
        var hasCapitals = false
        for index in name.indices {
            let byte = name[index]
            guard isTokenByte(byte) else { return nil }
            if byte &- 0x41 < 26 { hasCapitals = true }
        }
        return hasCapitals
    }

    /// Visible characters, spaces, tabs and bytes above ASCII, but no control character.
    static func isValue(_ value: Span<UInt8>) -> Bool {
        for index in value.indices {
            let byte = value[index]
            if byte < 0x20 && byte != 0x09 || byte == 0x7f { return false }
        }
        return true
    }

    /// Where the value is without spaces and tabs around it.
    static func trimmed(_ value: Span<UInt8>) -> Range<Int> {
        var (start, end) = (0, value.count)
        while start < end, isBlank(value[start]) { start += 1 }
        while start < end, isBlank(value[end - 1]) { end -= 1 }
        return start..<end
    }

    @inline(__always)
    static func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 }

    /// Whether bytes are a lower-case ASCII word, in whatever case they are written.
    static func equals(_ bytes: Span<UInt8>, _ word: StaticString) -> Bool {
        guard bytes.count == word.utf8CodeUnitCount else { return false }
        for index in bytes.indices where lowercased(bytes[index]) != word.utf8Start[index] {
            return false
        }
        return true
    }
}
