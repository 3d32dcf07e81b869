/// The 32 bytes of a SHA-256 or of an HMAC with it.
///
/// Kept as four words so that it lives in registers and dictionary buckets, never on the heap.
/// Comparing takes the same time wherever two digests differ, so a digest may be a secret.
package struct SHA256Digest: Sendable {
    package static let byteCount = 32

    /// 32 zeroes, which no message is known to have: what a chain of hashes begins with.
    package static let zero = SHA256Digest { _ in }

    private let words: (UInt64, UInt64, UInt64, UInt64)

    /// Takes exactly 32 bytes; nil for any other count.
    package init?(_ bytes: some Collection<UInt8>) {
        guard bytes.count == Self.byteCount else { return nil }
        self.init { buffer in
            buffer.copyBytes(from: bytes)
        }
    }

    /// Takes 64 hexadecimal digits; nil for anything else.
    package init?(hexadecimal text: some StringProtocol) {
        guard let bytes = Hex.decode(text) else { return nil }
        self.init(bytes)
    }

    /// Takes what `fill` writes into 32 zeroed bytes.
    init(fill: (UnsafeMutableRawBufferPointer) -> Void) {
        var words: (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)
        withUnsafeMutableBytes(of: &words, fill)
        self.words = words
    }

    /// The 32 bytes in order.
    package var bytes: [UInt8] { withUnsafeBytes { Array($0) } }

    /// 64 lower-case hexadecimal digits.
    package var hexadecimal: String { withUnsafeBytes { Hex.encode($0) } }

    /// Lends the 32 bytes for the length of the call.
    package func withUnsafeBytes<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result {
        Swift.withUnsafeBytes(of: words, body)
    }
}

extension SHA256Digest: Hashable {
    package static func == (left: Self, right: Self) -> Bool {
        let difference =
            (left.words.0 ^ right.words.0) | (left.words.1 ^ right.words.1)
            | (left.words.2 ^ right.words.2) | (left.words.3 ^ right.words.3)
        return difference == 0
    }

    /// Feeds a fourth of the bytes: they are uniform already, and the hasher is seeded.
    package func hash(into hasher: inout Hasher) {
        hasher.combine(words.0)
    }
}

extension SHA256Digest: CustomStringConvertible {
    package var description: String { hexadecimal }
}
