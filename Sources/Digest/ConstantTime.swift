import CCrypto

/// Comparison of secrets.
package enum ConstantTime {
    /// Whether two byte strings are equal; the time depends on their lengths only.
    package static func equal(
        _ left: some Collection<UInt8>,
        _ right: some Collection<UInt8>
    ) -> Bool {
        guard left.count == right.count, !left.isEmpty else { return left.count == right.count }
        return withContiguousBytes(left) { left in
            withContiguousBytes(right) { right in
                CRYPTO_memcmp(left.baseAddress, right.baseAddress, left.count) == 0
            }
        }
    }
}
