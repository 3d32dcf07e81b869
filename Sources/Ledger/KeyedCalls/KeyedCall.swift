import Digest
import Schema

/// A call that names itself by an `Idempotency-Key`.
package struct KeyedCall: Hashable, Sendable {
    package let account: AccountID
    /// The API key, within which the name means something.
    package let key: KeyID
    /// As the client sent it.
    package let name: String
    /// Of everything that makes it this call and no other.
    package let requestHash: SHA256Digest
    package let request: RequestID

    /// The most bytes of a name.
    package static let nameBytesMax = 255

    package init(
        account: AccountID,
        key: KeyID,
        name: String,
        requestHash: SHA256Digest,
        request: RequestID
    ) {
        self.account = account
        self.key = key
        self.name = name
        self.requestHash = requestHash
        self.request = request
    }
}

/// An answer as it was given.
package struct KeyedAnswer: Hashable, Sendable {
    package struct Field: Hashable, Sendable {
        package let name: String
        package let value: String

        package init(name: String, value: String) {
            self.name = name
            self.value = value
        }
    }

    /// The most bytes of a body that is kept.
    package static let bodyBytesMax = 256 << 10

    package let status: Int
    package let fields: [Field]
    package let body: [UInt8]

    package init(status: Int, fields: [Field], body: [UInt8]) {
        self.status = status
        self.fields = fields
        self.body = body
    }
}

/// What is found under the name of a call.
package enum KeyedCallClaim: Hashable, Sendable {
    /// Nothing: the call is to be made, and then ended or released.
    case claimed
    case answered(KeyedAnswer)
    /// It was made, and its answer is not kept: it was too large, or lost with its instance.
    case ended(RequestID, charge: Pico)
    case running
    /// It was made with another body.
    case otherRequest
}
