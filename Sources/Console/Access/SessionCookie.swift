import Digest

/// The secret of a session, which only its cookie has.
struct SessionCookie: Hashable, Sendable {
    private static let name = "farebox_session"
    private static let byteCount = 32

    private let secret: [UInt8]

    static func make() -> SessionCookie { SessionCookie(secret: SecureRandom.bytes(byteCount)) }

    private init(secret: [UInt8]) {
        self.secret = secret
    }

    /// Finds it in a `Cookie` field; nil when there is none that could be one.
    init?(field: String?) {
        let pairs = (field ?? "").split(separator: ";").map { $0.drop { $0 == " " } }
        let found = pairs.first { $0.hasPrefix("\(Self.name)=") }
        guard let text = found?.dropFirst(Self.name.count + 1), let bytes = Hex.decode(text),
            bytes.count == Self.byteCount
        else { return nil }
        secret = bytes
    }

    /// What is stored and looked up.
    var hash: SHA256Digest { SHA256.hash(secret) }

    /// What the forms of the session carry; it tells nothing of the secret.
    var csrf: String { HMACSHA256.authenticate(Array("csrf".utf8), key: secret).hexadecimal }

    /// Whether a form carries what the session's forms carry.
    func accepts(csrf text: String?) -> Bool {
        ConstantTime.equal(Array(csrf.utf8), Array((text ?? "").utf8))
    }

    /// The field that sets the cookie; scripts cannot read it, other sites cannot send it.
    func setting(seconds: Int64, isSecure: Bool) -> String {
        Self.field(Hex.encode(secret), seconds, isSecure)
    }

    /// The field that takes the cookie away.
    static func clearing(isSecure: Bool) -> String { field("", 0, isSecure) }

    private static func field(_ value: String, _ seconds: Int64, _ isSecure: Bool) -> String {
        "\(name)=\(value); Path=/; Max-Age=\(seconds); HttpOnly; SameSite=Strict"
            + (isSecure ? "; Secure" : "")
    }
}
