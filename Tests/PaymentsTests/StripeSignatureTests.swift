import Digest
import Schema
import Testing

@testable import Payments

@Suite struct StripeSignatureTests {
    private let body = Array(#"{"object": "event"}"#.utf8)
    private let secrets = [Secret("whsec_old"), Secret("whsec_new")]
    private let now = Instant(microseconds: 1_790_000_000_000_000)

    private func code(_ stamp: String, _ secret: String, _ body: [UInt8]) -> String {
        HMACSHA256.authenticate(Array("\(stamp).".utf8) + body, key: Array(secret.utf8))
            .hexadecimal
    }

    private func isValid(_ field: String?, _ body: [UInt8]? = nil) -> Bool {
        StripeSignature.isValid(field, of: body ?? self.body, secrets: secrets, at: now)
    }

    @Test func `what Stripe's own library signs is genuine`() {
        // By stripe-python 16.1, of this body with this secret.
        let isGenuine = StripeSignature.isValid(
            "t=1790000000,"
                + "v1=1b80a4caddd71039bba323a0d18518a16f0f38a4a10c2deed56c9fe8f40a3d90",
            of: Array("{}".utf8),
            secrets: [Secret("whsec_test_secret")],
            at: now
        )
        #expect(isGenuine)
    }

    @Test(arguments: ["whsec_old", "whsec_new"])
    func `while a secret is changed both are good`(secret: String) {
        #expect(isValid("t=1790000000,v1=\(code("1790000000", secret, body))"))
        #expect(
            isValid(
                "t=1790000000,v1=\(String(repeating: "0", count: 64)),v0=ab,"
                    + "v1=\(code("1790000000", secret, body))"
            )
        )
    }

    @Test func `every byte of the body counts`() {
        let field = "t=1790000000,v1=\(code("1790000000", "whsec_old", body))"
        #expect(isValid(field))
        for index in body.indices {
            var changed = body
            changed[index] ^= 1
            #expect(!isValid(field, changed))
        }
        #expect(!isValid(field, body + [10]))
        #expect(!isValid(field, Array(body.dropLast())))
    }

    @Test(arguments: [(-301, false), (-300, true), (0, true), (300, true), (301, false)])
    func `an old signature is no signature, whatever it is of`(seconds: Int, isGood: Bool) {
        let stamp = String(1_790_000_000 + seconds)
        #expect(isValid("t=\(stamp),v1=\(code(stamp, "whsec_old", body))") == isGood)
    }

    @Test func `the instant is signed too`() {
        #expect(!isValid("t=1790000001,v1=\(code("1790000000", "whsec_old", body))"))
    }

    @Test func `what is no signature is refused`() {
        let good = code("1790000000", "whsec_old", body)
        for field in [
            nil, "", "t=1790000000", "v1=\(good)", "t=,v1=\(good)", "t=1790000000,v1=",
            "t=1790000000,v0=\(good)", "t=1790000000,t=1790000000,v1=\(good)",
            "t=-1790000000,v1=\(good)", "t=1790000000,v1=\(good)00", "t=1790000000,v1=zz",
            "t=99999999999999999999,v1=\(good)", "t=1790000000;v1=\(good)",
            "t=1790000000" + String(repeating: ",v1=\(good)", count: 17),
        ] {
            #expect(!isValid(field), "\(field ?? "none")")
        }
    }

    @Test func `without secrets nothing is genuine`() {
        let field = "t=1790000000,v1=\(code("1790000000", "", body))"
        #expect(!StripeSignature.isValid(field, of: body, secrets: [], at: now))
    }
}
