import Digest
import Schema

/// The signature of Stripe's notices: `t=1790000000,v1=…`, an HMAC-SHA-256 over the instant and the
/// bytes of the body as they came.
enum StripeSignature {
    /// How far a notice's instant may be from now, in seconds.
    static let tolerance: Int64 = 300
    /// More than any rotation of secrets makes.
    private static let codesMax = 16

    /// Whether somebody who has one of the secrets signed the body, lately.
    static func isValid(
        _ field: String?,
        of body: [UInt8],
        secrets: [Secret],
        at instant: Instant
    ) -> Bool {
        guard let field, let (stamp, codes) = read(field) else { return false }
        let now = instant.microseconds / 1_000_000
        guard let seconds = Int64(stamp), abs(now - seconds) <= tolerance else { return false }
        let message = Array("\(stamp).".utf8) + body
        // All are compared, whichever fits.
        return secrets.reduce(false) { found, secret in
            codes.reduce(found) { found, code in
                let fits = HMACSHA256.isValid(code, for: message, key: Array(secret.exposed.utf8))
                return found || fits
            }
        }
    }

    /// The instant as it was written, of twelve digits at most, which is what was signed; and the
    /// codes of the scheme `v1`.
    private static func read(_ field: String) -> (stamp: Substring, codes: [[UInt8]])? {
        var stamps: [Substring] = []
        var codes: [[UInt8]] = []
        for part in field.split(separator: ",") {
            let pair = part.drop { $0 == " " }.split(separator: "=", maxSplits: 1)
            guard pair.count == 2 else { return nil }
            switch pair[0] {
            case "t": stamps.append(pair[1])
            case "v1":
                guard let code = Hex.decode(pair[1]), code.count == 32, codes.count < codesMax
                else { return nil }
                codes.append(code)
            default: continue
            }
        }
        guard stamps.count == 1, !codes.isEmpty, stamps[0].utf8.count <= 12,
            stamps[0].utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) })
        else { return nil }
        return (stamps[0], codes)
    }
}
