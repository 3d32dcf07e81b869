import Testing

@testable import Ledger

@Suite struct WebhookSignatureTests {
    @Test func `the known answer of Standard Webhooks comes out`() {
        // The key that base64 "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw" stands for.
        let key: [UInt8] = [
            0x31, 0xf2, 0x90, 0xf6, 0xbf, 0x06, 0x29, 0x8a, 0xab, 0x4f, 0x08, 0xd4, 0x3c, 0x3f,
            0x08, 0x2c, 0xf6, 0x48, 0xa3, 0x62, 0xda, 0x2d, 0xa4, 0xb0,
        ]
        let secret = WebhookSecret(bytes: key)
        #expect(secret.text == "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
        #expect("\(secret)" == "«secret»")
        let signature = WebhookSignature(
            id: "msg_p5jXN8AQM9LWM0D4loKWxJek",
            timestamp: 1_614_265_330,
            body: #"{"test": 2432232314}"#,
            secrets: [secret]
        )
        #expect(signature.text == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=")
    }
}
