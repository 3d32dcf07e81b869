/// PostgreSQL's binary `numeric`, for whole numbers: base-10 000 digits, most significant first.
enum NumericCodec {
    private static let positive: UInt16 = 0x0000
    private static let negative: UInt16 = 0x4000
    private static let headerByteCount = 8

    /// Appends the shortest form, which is also the one PostgreSQL itself sends.
    static func encode(_ value: Int128, into writer: inout BinaryWriter) {
        // An Int128 has at most ten digits to the base 10 000: taken apart in three words of four.
        let base: UInt128 = 10_000_000_000_000_000
        let (upper, low) = value.magnitude.quotientAndRemainder(dividingBy: base)
        let (high, middle) = upper.quotientAndRemainder(dividingBy: base)
        withUnsafeTemporaryAllocation(of: UInt16.self, capacity: digitsMax) { digits in
            digits.initialize(repeating: 0)
            split(UInt64(high), into: digits, at: 0)
            split(UInt64(middle), into: digits, at: 4)
            split(UInt64(low), into: digits, at: 8)
            let first = digits.firstIndex { $0 != 0 } ?? digitsMax
            let end = (digits.lastIndex { $0 != 0 } ?? -1) + 1
            let significant = UnsafeMutableBufferPointer(rebasing: digits[first..<max(first, end)])

            writer.write(Int16(significant.count))
            writer.write(first == digitsMax ? Int16(0) : Int16(digitsMax - 1 - first))
            writer.write(value < 0 ? negative : positive)
            writer.write(UInt16(0))
            writer.write(contentsOf: UnsafeRawBufferPointer(significant))
        }
    }

    private static let digitsMax = 12

    /// Writes the four digits of a number below 10¹⁶, in network byte order.
    private static func split(
        _ word: UInt64,
        into digits: UnsafeMutableBufferPointer<UInt16>,
        at index: Int
    ) {
        var rest = word
        for position in (index..<(index + 4)).reversed() {
            digits[position] = UInt16(truncatingIfNeeded: rest % 10_000).bigEndian
            rest /= 10_000
        }
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
