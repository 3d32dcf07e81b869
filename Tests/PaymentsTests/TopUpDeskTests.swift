import Billing
import Digest
import Ledger
import Schema
import TestSupport
import Testing

@testable import Payments

@Suite(.enabled(if: TestServer.isConfigured, "FAREBOX_TEST_OWNER_URL is not set"))
struct TopUpDeskTests {
    @Test func `a page is made once for each key, and asked for under the top-up's name`()
        async throws
    {
        try await PaymentStage.run { stage in
            let topUp = try await stage.open(key: "order")
            #expect(topUp.page?.id == "cs_test_1" && topUp.status == .pending)
            #expect(try await stage.open(key: "order") == topUp)
            #expect(stage.stripe.requests.count == 1)
            let request = stage.stripe.requests[0]
            #expect(request.target == "/v1/checkout/sessions")
            #expect(request.authorization == "Bearer sk_test_hush")
            #expect(request.idempotencyKey == "farebox-\(topUp.id)")
            #expect(
                request.body.contains("success_url=https%3A%2F%2Fx%2Freturned%2Facme%2F\(topUp.id)")
            )
        }
    }

    @Test(
        arguments: [
            (401, #"{"error": {"message": "Invalid API Key provided: sk_test_hush"}}"#),
            (400, #"{"error": {"code": "amount_too_small"}}"#), (200, "[]"), (200, "no JSON"),
            (200, StripeShapes.session(url: #""javascript:alert(1)""#)),
        ] as [(Int, String)]
    )
    func `a provider that refuses leaves nothing to pay, and the same key tries again`(
        status: Int,
        body: String
    ) async throws {
        try await PaymentStage.run { stage in
            stage.stripe.answer(status, body)
            let error = await stage.failure(key: "order")
            #expect(error?.code == .refused && error?.description.contains("hush") == false)
            let topUp = try await stage.open(key: "order")
            #expect(topUp.page != nil)
            let all = try await TopUps(stage.database).list(PaymentStage.slug)
            #expect(all == [topUp])
            let keys = stage.stripe.requests.map(\.idempotencyKey)
            #expect(keys.count == 2 && Set(keys).count == 1)
        }
    }

    @Test(
        arguments: [
            (500, "{}", ["", "-2"]), (502, "<html>", ["", "-2"]),
            (429, #"{"error": {"type": "rate_limit"}}"#, ["", ""]),
            (409, #"{"error": {"type": "idempotency_error"}}"#, ["", ""]),
        ] as [(Int, String, [String])]
    )
    func `a provider that fails is asked again, by another key only if it said so`(
        status: Int,
        body: String,
        suffixes: [String]
    ) async throws {
        try await PaymentStage.run { stage in
            stage.stripe.answer(status, body)
            let topUp = try await stage.open(key: "order")
            #expect(topUp.page?.id == "cs_test_1")
            #expect(
                stage.stripe.requests.map(\.idempotencyKey)
                    == suffixes.map { "farebox-\(topUp.id)\($0)" }
            )
        }
    }

    @Test func `a provider that goes on failing is a failure that may be repeated`() async throws {
        try await PaymentStage.run { stage in
            let error = await stage.failure(key: "order")
            #expect(error?.code == .failed && error?.isRetrySafe == true)
            #expect(stage.stripe.requests.count == 4)
            let failed = try await TopUps(stage.database).list(PaymentStage.slug)
            #expect(failed.map(\.isPageMissing) == [true])
            let topUp = try await stage.open(key: "order")
            #expect(topUp.id == failed.first?.id && topUp.page != nil && !topUp.isPageMissing)
        }
    }

    @Test func `a double click gets the page of the first click`() async throws {
        try await PaymentStage.run { stage in
            // Stripe answers a key that it is busy with 409, and whoever waits finds the page.
            stage.stripe.answer(409, #"{"error": {"type": "idempotency_error"}}"#)
            async let first = stage.open(key: "order")
            async let second = stage.open(key: "order")
            let pages = try await [first, second].map(\.page)
            #expect(pages[0] != nil && pages[0] == pages[1])
            let all = try await TopUps(stage.database).list(PaymentStage.slug)
            #expect(all.count == 1)
        }
    }

    @Test func `a refund is asked for by its payment, also one that failed since`() async throws {
        try await PaymentStage.run { stage in
            let topUp = try await stage.open()
            stage.stripe.answer(200, paid(topUp))
            _ = try await stage.desk.ask(about: topUp)
            let payment = try #require(try await TopUps(stage.database).show(topUp.id).payment)
            func tell(_ status: String) async throws -> PaymentEffect {
                let charge = StripeShapes.charge(refunded: status == "failed" ? 0 : 400)
                stage.stripe.answer(
                    200,
                    #"{"object": "payment_intent", "latest_charge": \#(charge)}"#
                )
                stage.stripe.answer(200, StripeShapes.list(StripeShapes.refund(status, 400)))
                return try await stage.desk.take(.changed(payment: payment))
            }
            _ = try await tell("pending")
            #expect(try await stage.balance() == Pico("21"))
            guard case .refundFailed = try await tell("failed") else {
                Issue.record("nobody is told")
                return
            }
            #expect(try await stage.balance() == Pico("25"))
            #expect(try await stage.desk.take(.changed(payment: "pi_other")) == .unknown)
            // Not to be asked is not to be lost: the notice comes again.
            let error = await #expect(throws: LedgerError.self) {
                _ = try await stage.desk.take(.changed(payment: payment))
            }
            #expect(error?.code == .unavailable)
        }
    }

    @Test(arguments: ["4.99", "1000.01", "5.001", "0", "-5"])
    func `an amount that is not for sale is asked of nobody`(amount: String) async throws {
        try await PaymentStage.run { stage in
            await #expect(throws: LedgerError.self) {
                _ = try await stage.desk.start(try #require(Pico(amount)), for: PaymentStage.slug)
            }
            #expect(stage.stripe.requests.isEmpty)
            let all = try await TopUps(stage.database).list(PaymentStage.slug)
            #expect(all.isEmpty)
        }
    }

    @Test func `tax is asked for on top, and only the credit is credited`() async throws {
        try await PaymentStage.run { stage in
            _ = try await BillingParties(stage.database).setTax(
                TaxRule(category: .standard, rate: 19_000, reason: nil),
                of: PaymentStage.slug,
                at: stage.now
            )
            let topUp = try await stage.open()
            #expect(topUp.tax == Pico("4.75") && topUp.total == Pico("29.75"))
            #expect(stage.stripe.requests[0].body.contains("unit_amount%5D=2975"))
            stage.stripe.answer(200, paid(topUp, amount: 2_975))
            _ = try await stage.desk.ask(about: topUp)
            #expect(try await stage.balance() == Pico("25"))
        }
    }

    @Test func `what became of a page is asked for`() async throws {
        try await PaymentStage.run { stage in
            let topUp = try await stage.open()
            stage.stripe.answer(200, paid(topUp, status: "open", payment: "unpaid"))
            #expect(try await stage.desk.ask(about: topUp) == .unchanged(topUp))
            stage.stripe.answer(200, paid(topUp, amount: 2_400))
            guard case .refused = try await stage.desk.ask(about: topUp) else {
                Issue.record("24 were taken for 25")
                return
            }
            #expect(try await stage.balance() == .zero)
            stage.stripe.answer(200, paid(topUp))
            guard case .done(let settled) = try await stage.desk.ask(about: topUp) else {
                Issue.record("it was not credited")
                return
            }
            #expect(try await stage.balance() == Pico("25"))
            // Then the payment itself is what is asked about.
            let charge = StripeShapes.charge(refunded: 500, isDisputed: true)
            let intent = #"{"object": "payment_intent", "latest_charge": \#(charge)}"#
            stage.stripe.answer(200, intent)
            stage.stripe.answer(200, StripeShapes.list(StripeShapes.refund("succeeded", 500)))
            let dispute = StripeShapes.dispute("lost", [-2_500])
            stage.stripe.answer(200, StripeShapes.list(dispute))
            _ = try await stage.desk.ask(about: settled)
            #expect(try await stage.balance() == .zero)
            let shown = try await TopUps(stage.database).show(topUp.id)
            #expect(shown.refunded == Pico("5") && shown.disputed == Pico("20"))
            #expect(
                stage.stripe.requests.suffix(3).map(\.target) == [
                    "/v1/payment_intents/pi_1EUmyo2x6R10KRrhUuJXu9m0?expand%5B%5D=latest_charge",
                    "/v1/refunds?payment_intent=pi_1EUmyo2x6R10KRrhUuJXu9m0&limit=100",
                    "/v1/disputes?payment_intent=pi_1EUmyo2x6R10KRrhUuJXu9m0&limit=20",
                ]
            )
        }
    }

    @Test func `a page that ended is over`() async throws {
        try await PaymentStage.run { stage in
            let topUp = try await stage.open()
            stage.stripe.answer(200, paid(topUp, status: "expired", payment: "unpaid"))
            guard case .done(let ended) = try await stage.desk.ask(about: topUp) else {
                Issue.record("it goes on")
                return
            }
            #expect(ended.status == .expired)
        }
    }

    @Test func `notices are believed by their signature alone`() async throws {
        try await PaymentStage.run { stage in
            let topUp = try await stage.open()
            let desk = NoticeDesk(stage.desk, now: { stage.now })
            let body = StripeShapes.event("checkout.session.completed", paid(topUp))
            let stamp = "1740000000"
            let code = HMACSHA256.authenticate(
                Array("\(stamp).".utf8) + body,
                key: Array(PaymentStage.secret.exposed.utf8)
            ).hexadecimal
            #expect(await desk.take(body, signature: nil) == .forged)
            #expect(await desk.take(body + [32], signature: "t=\(stamp),v1=\(code)") == .forged)
            #expect(try await stage.balance() == .zero)
            #expect(await desk.take(body, signature: "t=\(stamp),v1=\(code)") == .done)
            #expect(await desk.take(body, signature: "t=\(stamp),v1=\(code)") == .unchanged)
            #expect(try await stage.balance() == Pico("25"))
            #expect(desk.count(of: .forged) == 2 && desk.count(of: .done) == 1)
        }
    }

    /// The page of a top-up, later.
    private func paid(
        _ topUp: TopUp,
        status: String = "complete",
        payment: String = "paid",
        amount: Int64 = 2_500
    ) -> String {
        StripeShapes.session(
            status: status,
            payment: payment,
            amount: amount,
            id: "cs_test_1",
            reference: TopUpReference(account: topUp.account, topUp: topUp.id)
        )
    }
}
