import Billing
import Ledger
import Schema
import Testing

@testable import Payments

@Suite struct StripeNoticeTests {
    private func read(_ kind: String, _ object: String) throws -> PaymentNotice? {
        try StripeNotice.read(StripeShapes.event(kind, object))
    }

    private func dollars(_ amount: String) throws -> Pico { try #require(Pico(amount)) }

    @Test(
        arguments: [
            "checkout.session.completed", "checkout.session.async_payment_succeeded",
        ]
    )
    func `a page that is paid is a payment`(kind: String) throws {
        let expected = ReceivedPayment(
            id: "pi_1EUmyo2x6R10KRrhUuJXu9m0",
            provider: "stripe",
            reference: StripeShapes.reference,
            page: "cs_test_a11YYufWQzNY63zpQ6QSNRQhkUpVph4WRmzW0zWJO2znZKdVujZ0N0S22u",
            total: try dollars("25"),
            currency: .usd
        )
        #expect(try read(kind, StripeShapes.session()) == .paid(expected))
    }

    @Test func `a page that is complete and not paid yet is nothing yet`() throws {
        let session = StripeShapes.session(payment: "unpaid")
        #expect(try read("checkout.session.completed", session) == nil)
    }

    @Test func `a payment that succeeds is the same by itself`() throws {
        let notice = try read("payment_intent.succeeded", StripeShapes.intent())
        guard case .paid(let payment) = notice else {
            Issue.record("\(String(describing: notice))")
            return
        }
        #expect(payment.id == "pi_3MtwBwLkdIwHu7ix28a3tqPa" && payment.page == nil)
        let total = try dollars("25")
        #expect(payment.total == total && payment.reference == StripeShapes.reference)
    }

    @Test func `what was received counts, not what was asked for`() throws {
        let intent = StripeShapes.intent(received: #""amount_received": 100,"#)
        guard case .paid(let payment) = try read("payment_intent.succeeded", intent) else {
            Issue.record("no payment")
            return
        }
        let total = try dollars("1")
        #expect(payment.total == total)
    }

    @Test(
        arguments: [
            ("payment_intent.succeeded", StripeShapes.intent(reference: nil)),
            ("payment_intent.succeeded", StripeShapes.intent(status: "processing")),
            ("payment_intent.created", StripeShapes.intent()),
            ("checkout.session.completed", StripeShapes.session(reference: nil)),
            ("checkout.session.expired", StripeShapes.session(reference: nil)),
            ("customer.created", #"{"id": "cus_1", "object": "customer"}"#),
            ("checkout.session.completed", #"{"id": "in_1", "object": "invoice"}"#),
            ("charge.refunded", #"{"id": "in_1", "object": "invoice"}"#),
            ("refund.failed", #"{"id": "re_1", "object": "refund"}"#),
            ("charge.dispute.created", #"{"id": "../x", "object": "dispute"}"#),
            ("checkout.session.completed", StripeShapes.session(amount: -1)),
            ("checkout.session.completed", StripeShapes.session(currency: "dollars")),
        ]
    )
    func `what is of other systems, or lacks what makes it a payment, is nothing`(
        kind: String,
        object: String
    ) throws {
        #expect(try read(kind, object) == nil)
    }

    @Test func `a page that ended names its top-up`() throws {
        let session = StripeShapes.session(status: "expired", payment: "unpaid", id: "cs_1")
        #expect(
            try read("checkout.session.expired", session)
                == .expired(StripeShapes.reference, page: "cs_1")
        )
    }

    @Test(
        arguments: [
            ("charge.refunded", StripeShapes.charge(refunded: 400)),
            ("charge.refund.updated", StripeShapes.refund("failed", 400)),
            ("refund.created", StripeShapes.refund("pending", 400)),
            ("refund.failed", StripeShapes.refund("failed", 400)),
        ]
    )
    func `whatever is told of a refund has its payment asked about`(
        kind: String,
        object: String
    ) throws {
        #expect(try read(kind, object) == .changed(payment: "pi_3MtwBwLkdIwHu7ix28a3tqPa"))
    }

    @Test(
        arguments: [
            ("pending", false), ("requires_action", false), ("succeeded", false), ("failed", true),
            ("canceled", true),
        ]
    )
    func `a refund has taken the money until it fails`(status: String, hasFailed: Bool) throws {
        let tree = try JSONTree(parsing: Array(StripeShapes.refund(status, 400).utf8))
        let standing = StripeObjects.standing(ofRefund: tree, payment: "pi_1")
        let expected = PaymentClawback(
            .refund,
            id: "re_1Nispe2eZvKYlo2Cd31jOCgZ",
            amount: try dollars("4"),
            isWithdrawn: true,
            isReturned: hasFailed
        )
        #expect(standing?.clawbacks == [expected] && standing?.currency == .usd)
    }

    @Test(
        arguments: [
            ("warning_needs_response", [], false, false), ("needs_response", [-2_500], true, false),
            ("lost", [-2_500, -1_500], true, false), ("won", [-2_500, 2_500], true, true),
        ] as [(String, [Int64], Bool, Bool)]
    )
    func `a dispute has come as far as its money has moved`(
        status: String,
        moves: [Int64],
        isWithdrawn: Bool,
        isReturned: Bool
    ) throws {
        let object = StripeShapes.dispute(status, moves)
        guard case .standing(let standing) = try read("charge.dispute.updated", object) else {
            Issue.record("no standing")
            return
        }
        let expected = PaymentClawback(
            .dispute,
            id: "du_1MtJUT2eZvKYlo2CNaw2HvEv",
            amount: try dollars("25"),
            isWithdrawn: isWithdrawn,
            isReturned: isReturned
        )
        #expect(standing.clawbacks == [expected])
    }

    @Test(arguments: [
        "", "{", "[]", "null", #"{"object": "event"}"#, #"{"object": "event", "type": 5}"#,
    ])
    func `what is no event cannot be read`(text: String) {
        #expect(throws: NoticeFault.unreadable) {
            _ = try StripeNotice.read(Array(text.utf8))
        }
    }
}
