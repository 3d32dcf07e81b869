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

    /// A Checkout session, the same one for each attempt of a top-up.
    ///
    /// What Stripe answered to a key it answers again for a day, also that it failed.
    func open(_ order: PaymentOrder, attempt: Int = 1) throws(PaymentError) -> CurlRequest {
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
        let suffix = attempt == 1 ? "" : "-\(attempt)"
        for (name, value) in tags {
            form.append(("metadata[\(name)]", value))
            form.append(("payment_intent_data[metadata][\(name)]", value))
        }
        var request = request("POST", "/v1/checkout/sessions")
        request.fields += [
            ("content-type", "application/x-www-form-urlencoded"),
            ("idempotency-key", "farebox-\(order.reference.topUp)\(suffix)"),
        ]
        request.body = Array(Self.encode(form).utf8)
        return request
    }

    func page(_ id: String) -> CurlRequest {
        request("GET", "/v1/checkout/sessions/\(PercentCoding.encode(id))")
    }

    func payment(_ id: String) -> CurlRequest {
        request(
            "GET",
            "/v1/payment_intents/\(PercentCoding.encode(id))?\(Self.encode([("expand[]", "latest_charge")]))"
        )
    }

    func refunds(of payment: String) -> CurlRequest {
        request(
            "GET",
            "/v1/refunds?\(Self.encode([("payment_intent", payment), ("limit", "100")]))"
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

    private static func encode(_ form: [(String, String)]) -> String {
        form.map { "\(PercentCoding.encode($0.0))=\(PercentCoding.encode($0.1))" }
            .joined(separator: "&")
    }
}
