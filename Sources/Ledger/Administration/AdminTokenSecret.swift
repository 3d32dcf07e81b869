import Digest

/// The secret of a token of the console, in the clear only where it is made and where it is sent.
package struct AdminTokenSecret: Sendable, CustomStringConvertible {
    /// What every secret begins with.
    package static let start = "fb-admin-"

    private static let shownCount = 15
    private static let randomByteCount = 32

    /// The whole secret; to be shown once and never logged.
    package let text: String

    static func make() -> AdminTokenSecret {
        AdminTokenSecret(text: start + base64URL(SecureRandom.bytes(randomByteCount)))
    }

    /// What is stored and looked up.
    package var hash: SHA256Digest { SHA256.hash(text.utf8) }

    /// The part that may be shown.
    package var prefix: String { String(text.prefix(Self.shownCount)) }

    package var description: String { "«secret»" }
}
