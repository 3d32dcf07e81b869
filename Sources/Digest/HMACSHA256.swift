import CCrypto

/// HMAC with SHA-256 (RFC 2104) by libcrypto.
package enum HMACSHA256 {
    /// The code of a message under a key of any length.
    package static func authenticate(
        _ message: some Collection<UInt8>,
        key: some Collection<UInt8>
    ) -> SHA256Digest {
        withContiguousBytes(message) { message in
            withContiguousBytes(key) { key in
                SHA256Digest { buffer in
                    let code = HMAC(
                        SHA256.algorithm,
                        key.baseAddress,
                        Int32(key.count),
                        message.baseAddress,
                        message.count,
                        buffer.baseAddress,
                        nil
                    )
                    precondition(code != nil, "HMAC-SHA-256 failed")
                }
            }
        }
    }

    /// Whether `code` is the message's under the key, in time that does not depend on the code.
    package static func isValid(
        _ code: some Collection<UInt8>,
        for message: some Collection<UInt8>,
        key: some Collection<UInt8>
    ) -> Bool {
        SHA256Digest(code) == authenticate(message, key: key)
    }
}

/// Lends a collection's bytes, copied only when they do not lie in one piece.
func withContiguousBytes<Result>(
    _ bytes: some Collection<UInt8>,
    _ body: (UnsafeRawBufferPointer) -> Result
) -> Result {
    bytes.withContiguousStorageIfAvailable { body(UnsafeRawBufferPointer($0)) }
        ?? Array(bytes).withUnsafeBytes(body)
}
