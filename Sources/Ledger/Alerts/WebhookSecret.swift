import Digest

/// What an endpoint's signatures are made with, in the form of Standard Webhooks.
package struct WebhookSecret: Sendable, CustomStringConvertible {
    package static let start = "whsec_"
    private static let byteCount = 32

    package let bytes: [UInt8]

    package init(bytes: [UInt8]) {
        self.bytes = bytes
    }

    static func make() -> WebhookSecret {
        WebhookSecret(bytes: SecureRandom.bytes(byteCount))
    }

    /// The whole secret; to be shown once and never logged.
    package var text: String { Self.start + Base64.encode(bytes) }

    package var description: String { "«secret»" }
}

/// The `webhook-signature` of a message, as of a moment.
package struct WebhookSignature {
    package let text: String

    /// - Parameters:
    ///   - timestamp: in seconds since 1970, as `webhook-timestamp` has it.
    ///   - secrets: all that are good now; a receiver takes the message by any of them.
    package init(id: String, timestamp: Int64, body: String, secrets: [WebhookSecret]) {
        let content = Array("\(id).\(timestamp).\(body)".utf8)
        text = secrets.map { secret in
            "v1," + Base64.encode(HMACSHA256.authenticate(content, key: secret.bytes).bytes)
        }.joined(separator: " ")
    }
}
