/// Sixteen opaque bytes; the phantom `Role` keeps one meaning from being passed for another.
package struct Binary128<Role>: Hashable, Sendable {
    /// The first eight bytes, big-endian.
    package let high: UInt64
    /// The last eight bytes, big-endian.
    package let low: UInt64

    package init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }
}

/// What an entry stands for: one call, and the one event that ends it.
package enum EntryRole {}
/// What an instance identity stands for: one journal file.
package enum InstanceRole {}
/// What a nonce stands for: one registration of an instance.
package enum NonceRole {}

/// The identifier of a call's entry, minted by the caller and never reused.
package typealias EntryID = Binary128<EntryRole>
/// The identity of the instance that owns a journal, made when the file is.
package typealias InstanceIdentifier = Binary128<InstanceRole>
/// A value that only the holder of the true journal knows.
package typealias RegistrationNonce = Binary128<NonceRole>

extension Binary128 {
    /// A random UUID (RFC 9562 §5.4) from the system's generator.
    static func random() -> Self {
        var generator = SystemRandomNumberGenerator()
        let (high, low) = (generator.next() as UInt64, generator.next() as UInt64)
        return Self(
            high: high & 0xffff_ffff_ffff_0fff | 0x4000,
            low: 0x8000_0000_0000_0000 | low & 0x3fff_ffff_ffff_ffff
        )
    }
}
