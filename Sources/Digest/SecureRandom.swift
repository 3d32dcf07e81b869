import CCrypto

/// Bytes that nobody can predict, from libcrypto's generator.
package enum SecureRandom {
    /// So many fresh bytes.
    ///
    /// A generator that cannot be seeded ends the process: nothing safe can be done without it.
    package static func bytes(_ count: Int) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: count) { buffer, initializedCount in
            precondition(RAND_bytes(buffer.baseAddress, Int32(count)) == 1, "no randomness")
            initializedCount = count
        }
    }
}
