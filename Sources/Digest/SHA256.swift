import CCrypto

/// SHA-256 by libcrypto: at once with `hash`, or piece by piece.
///
///     var sha = SHA256()
///     sha.update(head)
///     sha.update(body)
///     let digest = sha.finalize()
package struct SHA256: ~Copyable {
    /// The algorithm, fetched once: an implicit fetch costs more than hashing a short key.
    ///
    /// It is kept as an address because pointers are not Sendable; libcrypto's algorithm objects
    /// are immutable, and this one is never freed.
    private static let algorithmAddress = UInt(bitPattern: EVP_MD_fetch(nil, "SHA256", nil))

    static var algorithm: OpaquePointer {
        guard let algorithm = OpaquePointer(bitPattern: algorithmAddress) else {
            preconditionFailure("libcrypto offers no SHA-256; check its provider configuration")
        }
        return algorithm
    }

    private let context: OpaquePointer

    /// Begins an empty message.
    package init() {
        guard let context = EVP_MD_CTX_new() else { preconditionFailure("out of memory") }
        self.context = context
        precondition(EVP_DigestInit_ex2(context, Self.algorithm, nil) == 1, "SHA-256 failed")
    }

    deinit { EVP_MD_CTX_free(context) }

    /// Appends bytes to the message.
    @inlinable package mutating func update(_ bytes: some Collection<UInt8>) {
        let isContiguous: Void? = bytes.withContiguousStorageIfAvailable {
            update(UnsafeRawBufferPointer($0))
        }
        if isContiguous == nil { Array(bytes).withUnsafeBytes { update($0) } }
    }

    /// Appends bytes to the message.
    package mutating func update(_ bytes: UnsafeRawBufferPointer) {
        let status = EVP_DigestUpdate(context, bytes.baseAddress, bytes.count)
        precondition(status == 1, "SHA-256 failed")
    }

    /// Ends the message.
    package consuming func finalize() -> SHA256Digest {
        SHA256Digest { buffer in
            let status = EVP_DigestFinal_ex(
                context,
                buffer.baseAddress?.assumingMemoryBound(to: UInt8.self),
                nil
            )
            precondition(status == 1, "SHA-256 failed")
        }
    }

    /// Hashes one message.
    @inlinable package static func hash(_ bytes: some Collection<UInt8>) -> SHA256Digest {
        bytes.withContiguousStorageIfAvailable { hash(UnsafeRawBufferPointer($0)) }
            ?? Array(bytes).withUnsafeBytes { hash($0) }
    }

    /// Hashes one message.
    package static func hash(_ bytes: UnsafeRawBufferPointer) -> SHA256Digest {
        SHA256Digest { buffer in
            let output = buffer.baseAddress?.assumingMemoryBound(to: UInt8.self)
            let status = EVP_Digest(bytes.baseAddress, bytes.count, output, nil, algorithm, nil)
            precondition(status == 1, "SHA-256 failed")
        }
    }
}
