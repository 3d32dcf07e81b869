import Digest
import Schema

/// Makes the identifiers of a loop's calls from libcrypto's randomness, drawn in blocks.
///
/// The system's own generator is a system call for every eight bytes.
final class IdentifierSource {
    private static let blockBytes = 1_024

    private var block: [UInt8] = []
    private var used = IdentifierSource.blockBytes

    func next<Entity>(at instant: Instant) -> Identifier<Entity> {
        Identifier(at: instant, random: (word(), word()))
    }

    /// A number from zero up to the bound, for what need not be drawn exactly evenly.
    func below(_ bound: Int) -> Int { Int(word() % UInt64(bound)) }

    fileprivate func word() -> UInt64 {
        if used == Self.blockBytes {
            block = SecureRandom.bytes(Self.blockBytes)
            used = 0
        }
        defer { used += 8 }
        return block.withUnsafeBytes { $0.loadUnaligned(fromByteOffset: used, as: UInt64.self) }
    }
}

extension IdentifierSource: RandomNumberGenerator {
    func next() -> UInt64 { word() }
}
