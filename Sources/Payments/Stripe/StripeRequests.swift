import Curl
import Ledger
import Schema

/// The requests to Stripe's API, as values.
struct StripeRequests: Sendable {
    /// The version whose shapes are read here, whatever the account's own is.
    static let version = "2024-06-20"
    /// What tells our payments from those of other systems with the same account at Stripe.
    enum Tag {
        static let account = "farebox_account"
        static let topUp = "farebox_top_up"
    }

    private static let timeouts = CurlTimeouts(
        connect: .seconds(10),
        firstByte: .seconds(30),
        idle: .seconds(30),
        total: .seconds(60)
    )

    let baseURL: String
    let key: Secret

    /// A Checkout session, the same one for each top-up.
    func open(_ order: PaymentOrder) throws(PaymentError) -> CurlRequest {
        guard let count = StripeAmount.count(order.total, order.currency) else {
            throw PaymentError(
                .refused,
                "Stripe cannot take \(order.currency.text(order.total)) at once"
            )
        }
        let tags = [
            (Tag.account, order.reference.account.description),
            (Tag.topUp, order.reference.topUp.description),
        ]
        var form: [(String, String)] = [
            ("mode", "payment"),
            ("client_reference_id", order.reference.topUp.description),
            ("success_url", order.paidURL), ("cancel_url", order.leftURL),
            ("expires_at", String(order.expiresAt.microseconds / 1_000_000)),
            ("line_items[0][quantity]", "1"),
            ("line_items[0][price_data][currency]", order.currency.code.lowercased()),
            ("line_items[0][price_data][unit_amount]", String(count)),
            ("line_items[0][price_data][product_data][name]", order.title),
            // Paid in the account's currency, or the amount could not be compared.
            ("adaptive_pricing[enabled]", "false"),
        ]
        for (name, value) in tags {
            form.append(("metadata[\(name)]", value))
            form.append(("payment_intent_data[metadata][\(name)]", value))
        }
        var request = request("POST", "/v1/checkout/sessions")
        request.fields += [
            ("content-type", "application/x-www-form-urlencoded"),
            ("idempotency-key", "farebox-\(order.reference.topUp)"),
        ]
        request.body = Array(Self.encode(form).utf8)
        return request
    }

    func page(_ id: String) -> CurlRequest {
        request("GET", "/v1/checkout/sessions/\(Self.escape(id))")
    }

    func payment(_ id: String) -> CurlRequest {
        request(
            "GET",
            "/v1/payment_intents/\(Self.escape(id))?\(Self.encode([("expand[]", "latest_charge")]))"
        )
    }

    func disputes(of payment: String) -> CurlRequest {
        request(
            "GET",
            "/v1/disputes?\(Self.encode([("payment_intent", payment), ("limit", "20")]))"
        )
    }

    private func request(_ method: String, _ target: String) -> CurlRequest {
        CurlRequest(
            method: method,
            url: baseURL + target,
            fields: [
                ("authorization", "Bearer \(key.exposed)"), ("stripe-version", Self.version),
                ("accept", "application/json"),
            ],
            timeouts: Self.timeouts
        )
    }

    static func encode(_ form: [(String, String)]) -> String {
        form.map { "\(escape($0.0))=\(escape($0.1))" }.joined(separator: "&")
    }

    /// Escapes everything but the unreserved characters of RFC 3986 §2.3.
    private static func escape(_ text: String) -> String {
        let digits = Array("0123456789ABCDEF".utf8)
        var bytes: [UInt8] = []
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."),
                UInt8(ascii: "_"), UInt8(ascii: "~"):
                bytes.append(byte)
            default:
                bytes += [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 0xf)]]
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
