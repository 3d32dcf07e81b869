import Billing
import Ledger

/// What Stripe's events mean to top-ups.
///
/// An event is taken for the object in it, not for its own name's order: a page that was paid, a
/// payment that has succeeded, a charge that was refunded so far, a dispute that has come so far.
/// So it does not matter which comes first, or how often.
enum StripeNotice {
    /// - Throws: `.unreadable` for what is no event.
    static func read(_ body: [UInt8]) throws(NoticeFault) -> PaymentNotice? {
        guard let event = try? JSONTree(parsing: body), event["object"]?.string == "event",
            let kind = event["type"]?.string, let object = event["data"]?["object"]
        else { throw .unreadable }
        switch kind {
        case "checkout.session.completed", "checkout.session.async_payment_succeeded":
            // A payment that takes days is completed unpaid, and succeeds later.
            guard case .paid(let payment) = StripeObjects.standing(ofPage: object) else {
                return nil
            }
            return .paid(payment)
        case "checkout.session.expired", "checkout.session.async_payment_failed":
            guard let reference = StripeObjects.reference(object),
                let page = StripeObjects.name(object["id"])
            else { return nil }
            return .expired(reference, page: page)
        case "payment_intent.succeeded":
            return StripeObjects.payment(object).map { .paid($0) }
        case "charge.refunded", "charge.refund.updated", "refund.created", "refund.updated",
            "refund.failed":
            // A charge says what its refunds come to and not which have failed since.
            return StripeObjects.payment(of: object).map { .changed(payment: $0) }
        case "charge.dispute.created", "charge.dispute.updated", "charge.dispute.closed",
            "charge.dispute.funds_withdrawn", "charge.dispute.funds_reinstated":
            return StripeObjects.standing(ofDispute: object).map { .standing($0) }
        default: return nil
        }
    }
}
