/// PostgreSQL's binary `numeric`, for whole numbers: base-10 000 digits, most significant first.
enum NumericCodec {
    private static let positive: UInt16 = 0x0000
    private static let negative: UInt16 = 0x4000
    private static let headerByteCount = 8

    /// Appends the shortest form, which is also the one PostgreSQL itself sends.
    static func encode(_ value: Int128, into writer: inout BinaryWriter) {
        // An Int128 has at most ten digits to the base 10 000: kept in three words of four.
        let base: UInt128 = 10_000_000_000_000_000
        let (upper, low) = value.magnitude.quotientAndRemainder(dividingBy: base)
        let (high, middle) = upper.quotientAndRemainder(dividingBy: base)
        let words = (UInt64(high), UInt64(middle), UInt64(low))
        func digit(_ index: Int) -> UInt16 {
            let word = index < 4 ? words.0 : index < 8 ? words.1 : words.2
            let divisor: UInt64 =
                switch index % 4 {
                case 0: 1_000_000_000_000
                case 1: 100_000_000
                case 2: 10_000
                default: 1
                }
            return UInt16(word / divisor % 10_000)
        }
        var first = 0
        while first < 12, digit(first) == 0 { first += 1 }
        var end = 12
        while end > first, digit(end - 1) == 0 { end -= 1 }

        writer.write(Int16(end - first))
        writer.write(first == 12 ? Int16(0) : Int16(11 - first))
        writer.write(value < 0 ? negative : positive)
        writer.write(UInt16(0))
        for index in first..<end { writer.write(digit(index)) }
    }

    /// Reads a whole number; throws for a scale, NaN, infinity, and what `Int128` cannot hold.
    static func decode(_ bytes: RawSpan) throws(PostgresValueError) -> Int128 {
        let digitCount = Int(try bytes.bigEndian(Int16.self))
        let weight = Int(try bytes.bigEndian(Int16.self, at: 2))
        let sign = try bytes.bigEndian(UInt16.self, at: 4)
        let scale = try bytes.bigEndian(UInt16.self, at: 6)
        guard sign == positive || sign == negative else {
            throw PostgresValueError("a numeric that is not a number")
        }
        guard scale == 0 else {
            throw PostgresValueError("a numeric of scale \(scale) where a whole number must be")
        }
        guard digitCount >= 0 else { throw PostgresValueError("a numeric with a negative length") }
        try bytes.requireByteCount(headerByteCount + 2 * digitCount)
        guard digitCount <= weight + 1 || digitCount == 0 else {
            throw PostgresValueError("a numeric with digits behind the point")
        }
        var value: Int128 = 0
        guard digitCount > 0 else { return value }
        for position in 0...weight {
            var digit: Int128 = 0
            if position < digitCount {
                let read = try bytes.bigEndian(UInt16.self, at: headerByteCount + 2 * position)
                guard read < 10_000 else { throw PostgresValueError("a digit beyond 9 999") }
                digit = Int128(read)
            }
            // Counted downwards for a negative number: the smallest Int128 has no positive twin.
            let (product, overflow) = value.multipliedReportingOverflow(by: 10_000)
            let (sum, carry) =
                sign == negative
                ? product.subtractingReportingOverflow(digit)
                : product.addingReportingOverflow(digit)
            guard !overflow, !carry else {
                throw PostgresValueError("a numeric beyond 128 bits")
            }
            value = sum
        }
        return value
    }
}
