import Digest

/// The secret of a key, which exists in the clear only where it is made and where it is sent.
package struct APIKeySecret: Sendable, CustomStringConvertible {
    /// What every secret begins with.
    package static let start = "sk-fb-"

    /// How many characters lists show, to tell keys apart by.
    private static let shownCount = 12
    private static let randomByteCount = 32

    /// The whole secret; to be shown once and never logged.
    package let text: String

    /// Makes a secret of 32 bytes from outside; `SecureRandom` in production.
    init(random: [UInt8]) {
        precondition(random.count == Self.randomByteCount)
        text = Self.start + base64URL(random)
    }

    static func make() -> APIKeySecret {
        APIKeySecret(random: SecureRandom.bytes(randomByteCount))
    }

    /// What is stored and looked up.
    package var hash: SHA256Digest { SHA256.hash(text.utf8) }

    /// The part that may be shown.
    package var prefix: String { String(text.prefix(Self.shownCount)) }

    package var description: String { "«secret»" }

    /// The hash of what a client presents; nil when it has not even the form of a secret.
    package static func hash(ofPresented text: UnsafeBufferPointer<UInt8>) -> SHA256Digest? {
        guard text.count == start.utf8.count + 43, text.starts(with: start.utf8) else { return nil }
        return SHA256.hash(UnsafeRawBufferPointer(text))
    }

    /// The hash of what a client presents; nil when it has not even the form of a secret.
    package static func hash(ofPresented text: String) -> SHA256Digest? {
        var text = text
        return text.withUTF8 { hash(ofPresented: $0) }
    }
}

/// RFC 4648 §5 without padding.
func base64URL(_ bytes: [UInt8]) -> String {
    let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".utf8)
    var characters: [UInt8] = []
    for start in stride(from: 0, to: bytes.count, by: 3) {
        let group = bytes[start..<min(start + 3, bytes.count)]
        var word = UInt32(0)
        for index in 0..<3 {
            let byte = start + index < bytes.count ? bytes[start + index] : 0
            word = word << 8 | UInt32(byte)
        }
        for index in 0...group.count {
            characters.append(alphabet[Int(word >> UInt32(18 - index * 6) & 0x3f)])
        }
    }
    return String(decoding: characters, as: UTF8.self)
}
