import Billing
import Ledger
import Schema

/// Reads Stripe's objects, of answers and of notices; nil for what is none of ours, or lacks what
/// makes it one.
enum StripeObjects {
    /// What became of a Checkout session.
    static func standing(ofPage session: JSONTree) -> PageStanding? {
        guard session["object"]?.string == "checkout.session" else { return nil }
        switch session["payment_status"]?.string {
        case "paid": return payment(ofPage: session).map { .paid($0) }
        case "unpaid": return session["status"]?.string == "expired" ? .expired : .open
        default: return nil
        }
    }

    /// The page of a session that was just made.
    static func page(_ session: JSONTree) -> TopUp.Page? {
        guard session["object"]?.string == "checkout.session", let id = name(session["id"]),
            let url = session["url"]?.string, url.utf8.count <= 4_000,
            url.hasPrefix("https://") || url.hasPrefix("http://"),
            url.utf8.allSatisfy({ (0x21...0x7e).contains($0) })
        else { return nil }
        return TopUp.Page(id: id, url: url)
    }

    /// The payment of a session that is paid.
    static func payment(ofPage session: JSONTree) -> ReceivedPayment? {
        guard let page = name(session["id"]), let id = name(session["payment_intent"]),
            let reference = reference(session), let total = amount(session, "amount_total")
        else { return nil }
        return ReceivedPayment(
            id: id,
            provider: StripeProvider.providerName,
            reference: reference,
            page: page,
            total: total.amount,
            currency: total.currency
        )
    }

    /// A payment that has succeeded, told by itself.
    static func payment(_ intent: JSONTree) -> ReceivedPayment? {
        guard intent["object"]?.string == "payment_intent",
            intent["status"]?.string == "succeeded", let id = name(intent["id"]),
            let reference = reference(intent),
            let total = amount(intent, "amount_received") ?? amount(intent, "amount")
        else { return nil }
        return ReceivedPayment(
            id: id,
            provider: StripeProvider.providerName,
            reference: reference,
            total: total.amount,
            currency: total.currency
        )
    }

    /// A payment by its charge, of which what went back is told by itself.
    static func standing(ofCharge charge: JSONTree, payment: String) -> PaymentStanding? {
        guard charge["object"]?.string == "charge", let total = amount(charge, "amount")
        else { return nil }
        return PaymentStanding(
            payment: payment,
            provider: StripeProvider.providerName,
            currency: total.currency
        )
    }

    /// The payment that a charge or a refund is of.
    static func payment(of object: JSONTree) -> String? {
        guard ["charge", "refund"].contains(object["object"]?.string) else { return nil }
        return name(object["payment_intent"])
    }

    /// What a refund has come to: the money is on its way until Stripe says that it came back.
    static func standing(ofRefund refund: JSONTree, payment: String) -> PaymentStanding? {
        guard refund["object"]?.string == "refund", let id = name(refund["id"]),
            let total = amount(refund, "amount"), let status = refund["status"]?.string
        else { return nil }
        let clawback = PaymentClawback(
            .refund,
            id: id,
            amount: total.amount,
            isWithdrawn: true,
            isReturned: status == "failed" || status == "canceled"
        )
        return PaymentStanding(
            payment: payment,
            provider: StripeProvider.providerName,
            currency: total.currency,
            clawbacks: [clawback]
        )
    }

    /// What a dispute has come to.
    ///
    /// Its transactions say when money moved, which its status alone does not: below zero it was
    /// taken, above it came back. They are in the currency of the payee's bank, so only their signs
    /// count.
    static func standing(ofDispute dispute: JSONTree, payment: String? = nil) -> PaymentStanding? {
        guard dispute["object"]?.string == "dispute", let id = name(dispute["id"]),
            let payment = payment ?? name(dispute["payment_intent"]),
            let total = amount(dispute, "amount"),
            case .array(let transactions) = dispute["balance_transactions"] ?? .array([])
        else { return nil }
        let moves = transactions.compactMap { integer($0["amount"]) }
        return PaymentStanding(
            payment: payment,
            provider: StripeProvider.providerName,
            currency: total.currency,
            clawbacks: [
                PaymentClawback(
                    .dispute,
                    id: id,
                    amount: total.amount,
                    isWithdrawn: moves.contains { $0 < 0 },
                    isReturned: moves.contains { $0 > 0 }
                )
            ]
        )
    }

    static func reference(_ object: JSONTree) -> TopUpReference? {
        let tags = object["metadata"]
        guard let account = tags?[StripeRequests.Tag.account]?.string.flatMap({ AccountID($0) }),
            let topUp = tags?[StripeRequests.Tag.topUp]?.string.flatMap({ TopUpID($0) })
        else { return nil }
        return TopUpReference(account: account, topUp: topUp)
    }

    /// A name that Stripe has given, which is safe in a path; an object that was expanded has it
    /// inside.
    static func name(_ value: JSONTree?) -> String? {
        guard let text = value?.string ?? value?["id"]?.string,
            (1...200).contains(text.utf8.count),
            text.utf8.allSatisfy({ byte in
                (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte)
                    || (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte)
                    || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
                    || byte == UInt8(ascii: "_")
            })
        else { return nil }
        return text
    }

    private static func amount(
        _ object: JSONTree,
        _ member: String
    ) -> (amount: Pico, currency: Currency)? {
        guard let count = integer(object[member]), count >= 0, count <= 1_000_000_000_000,
            let currency = object["currency"]?.string.flatMap({ Currency($0.uppercased()) })
        else { return nil }
        return (StripeAmount.amount(count, currency), currency)
    }

    private static func integer(_ value: JSONTree?) -> Int64? {
        value?.number.flatMap { Int64($0) }
    }
}
