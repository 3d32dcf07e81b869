import Testing

@testable import Postgres

@Suite struct NumericCodecTests {
    /// The bytes of a numeric made by hand.
    private func bytes(
        _ digits: [UInt16],
        weight: Int16,
        sign: UInt16 = 0,
        scale: UInt16 = 0
    ) -> [UInt8] {
        var writer = BinaryWriter()
        writer.write(Int16(digits.count))
        writer.write(weight)
        writer.write(sign)
        writer.write(scale)
        for digit in digits { writer.write(digit) }
        return Array(writer.bytes)
    }

    private func encoded(_ value: Int128) -> [UInt8] {
        var writer = BinaryWriter()
        NumericCodec.encode(value, into: &writer)
        return Array(writer.bytes)
    }

    private func decoded(_ bytes: [UInt8]) throws -> Int128 {
        try NumericCodec.decode(bytes.span.bytes)
    }

    @Test func `the encoding is the shortest one`() {
        #expect(encoded(0) == bytes([], weight: 0))
        #expect(encoded(1) == bytes([1], weight: 0))
        #expect(encoded(-9_999) == bytes([9_999], weight: 0, sign: 0x4000))
        #expect(encoded(10_000) == bytes([1], weight: 1))
        #expect(encoded(120_000_345) == bytes([1, 2_000, 345], weight: 2))
        #expect(encoded(50_000_000_000_000_000) == bytes([5], weight: 4))
    }

    @Test(arguments: [
        0, 1, -1, 9_999, 10_000, -10_000, 99_999_999, Int128(Int64.max), Int128(Int64.min),
        Int128.max, Int128.min, Int128.max - 1, Int128.min + 1,
    ])
    func `a value at an edge comes back`(value: Int128) throws {
        #expect(try decoded(encoded(value)) == value)
    }

    @Test func `any value comes back`() throws {
        var generator = SplitMix64(seed: 0x5eed)
        for _ in 0..<20_000 {
            let bits = UInt128(generator.next()) << 64 | UInt128(generator.next())
            let value = Int128(truncatingIfNeeded: bits) >> Int128(generator.next() % 128)
            #expect(try decoded(encoded(value)) == value)
            // Powers of ten have zero digits at their end.
            let round = value / 1_000_000 * 1_000_000
            #expect(try decoded(encoded(round)) == round)
        }
    }

    @Test func `a number one beyond 128 bits is refused`() throws {
        var writer = encoded(Int128.max)
        // The last digit of the largest value is 5727 (…105727); one more does not fit.
        let last = writer.count - 1
        writer[last] += 1
        #expect(throws: PostgresValueError.self) { try decoded(writer) }
        #expect(throws: PostgresValueError.self) { try decoded(bytes([1], weight: 10)) }
    }

    @Test func `what is no whole number is refused`() {
        let cases: [[UInt8]] = [
            bytes([1], weight: 0, scale: 2), bytes([5_000], weight: -1),
            bytes([1, 5_000], weight: 0), bytes([], weight: 0, sign: 0xc000),
            bytes([], weight: 0, sign: 0xd000), bytes([], weight: 0, sign: 0xf000),
            bytes([10_000], weight: 0), bytes([1, 2], weight: 1).dropLast(), [], [0, 1, 0],
            bytes([1], weight: 0) + [0],
        ]
        for bytes in cases {
            #expect(throws: PostgresValueError.self) { try decoded(bytes) }
        }
    }

    @Test func `any bytes are read or refused, but never trap`() {
        var generator = SplitMix64(seed: 7)
        for _ in 0..<50_000 {
            let count = Int(generator.next() % 24)
            var bytes = (0..<count).map { _ in UInt8(truncatingIfNeeded: generator.next()) }
            // Half of them get a plausible head.
            if count >= 8, generator.next() % 2 == 0 {
                bytes[0] = 0
                bytes[1] = UInt8((count - 8) / 2)
                bytes[2] = 0
                for index in 4..<8 { bytes[index] = 0 }
            }
            guard let value = try? decoded(bytes) else { continue }
            #expect(throws: Never.self) { try decoded(encoded(value)) }
        }
    }
}

/// A small generator with a seed, so that a failure can be repeated.
struct SplitMix64: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        return mixed ^ (mixed >> 31)
    }
}
