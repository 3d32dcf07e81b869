import Curl
import Ledger
import Schema
import Testing

@testable import Payments

@Suite struct StripeRequestTests {
    private let requests = StripeRequests(baseURL: "https://stripe", key: Secret("sk_test_1"))

    private func order(_ total: String = "25", _ code: String = "USD") throws -> PaymentOrder {
        PaymentOrder(
            reference: StripeShapes.reference,
            total: try #require(Pico(total)),
            currency: try #require(Currency(code)),
            title: "Prepaid credit for a & b",
            expiresAt: Instant(microseconds: 1_790_000_000_000_000),
            paidURL: "https://x/returned/a/b?c=d",
            leftURL: "https://x/left"
        )
    }

    @Test func `a page is asked for with all that is compared later`() throws {
        let request = try requests.open(order())
        #expect(request.method == "POST" && request.url == "https://stripe/v1/checkout/sessions")
        let fields = Dictionary(request.fields.map { ($0.name, $0.value) }) { first, _ in first }
        #expect(fields["authorization"] == "Bearer sk_test_1")
        #expect(fields["idempotency-key"] == "farebox-\(StripeShapes.topUp)")
        #expect(fields["stripe-version"] == StripeRequests.version)
        let body = String(decoding: request.body, as: UTF8.self)
        let form = Set(body.split(separator: "&").map(String.init))
        for pair in [
            "mode=payment", "expires_at=1790000000",
            "line_items%5B0%5D%5Bprice_data%5D%5Bunit_amount%5D=2500",
            "line_items%5B0%5D%5Bprice_data%5D%5Bcurrency%5D=usd",
            "line_items%5B0%5D%5Bprice_data%5D%5Bproduct_data%5D%5Bname%5D="
                + "Prepaid%20credit%20for%20a%20%26%20b",
            "success_url=https%3A%2F%2Fx%2Freturned%2Fa%2Fb%3Fc%3Dd",
            "metadata%5Bfarebox_top_up%5D=\(StripeShapes.topUp)",
            "payment_intent_data%5Bmetadata%5D%5Bfarebox_account%5D=\(StripeShapes.account)",
        ] {
            #expect(form.contains(pair), "\(pair)")
        }
    }

    @Test func `the same order is the same request`() throws {
        let (first, second) = (try requests.open(order()), try requests.open(order()))
        #expect(first.body == second.body)
        #expect(first.fields.map(\.value) == second.fields.map(\.value))
    }

    @Test func `an amount that Stripe cannot take is asked for by nobody`() throws {
        let order = try order("1000000")
        #expect(throws: PaymentError.self) { _ = try requests.open(order) }
    }

    @Test func `a name leaves its place in a path for nothing`() {
        #expect(requests.page("a/../b?c").url.hasSuffix("/sessions/a%2F..%2Fb%3Fc"))
        #expect(requests.disputes(of: "pi_1&x=y").url.contains("payment_intent=pi_1%26x%3Dy"))
    }
}
