import Ledger
import Schema

/// Stripe's objects as its documentation shows them, with what is told apart filled in.
enum StripeShapes {
    static let account = AccountID(high: 0x0199_0000_0000_7000, low: 0x8000_0000_0000_0001)
    static let topUp = TopUpID(high: 0x0199_0000_0000_7000, low: 0x8000_0000_0000_0002)
    static let reference = TopUpReference(account: account, topUp: topUp)

    static func metadata(_ reference: TopUpReference?) -> String {
        guard let reference else { return #"{"order": "6735"}"# }
        return """
            {"farebox_account": "\(reference.account)", "farebox_top_up": "\(reference.topUp)"}
            """
    }

    static func session(
        status: String = "complete",
        payment: String = "paid",
        amount: Int64 = 2_500,
        currency: String = "usd",
        id: String = "cs_test_a11YYufWQzNY63zpQ6QSNRQhkUpVph4WRmzW0zWJO2znZKdVujZ0N0S22u",
        url: String = "null",
        reference: TopUpReference? = StripeShapes.reference
    ) -> String {
        """
        {"id": "\(id)", "object": "checkout.session", "after_expiration": null,
         "allow_promotion_codes": null, "amount_subtotal": \(amount), "amount_total": \(amount),
         "automatic_tax": {"enabled": false, "liability": null, "status": null},
         "client_reference_id": null, "created": 1679600215, "currency": "\(currency)",
         "customer": null, "expires_at": 1679686615, "livemode": false,
         "metadata": \(metadata(reference)), "mode": "payment",
         "payment_intent": \(payment == "paid" ? #""pi_1EUmyo2x6R10KRrhUuJXu9m0""# : "null"),
         "payment_method_types": ["card"], "payment_status": "\(payment)",
         "status": "\(status)", "success_url": "https://example.com/success",
         "total_details": {"amount_discount": 0, "amount_shipping": 0, "amount_tax": 0},
         "url": \(url)}
        """
    }

    static func intent(
        amount: Int64 = 2_500,
        received: String = #""amount_received": 2500,"#,
        status: String = "succeeded",
        reference: TopUpReference? = StripeShapes.reference
    ) -> String {
        """
        {"id": "pi_3MtwBwLkdIwHu7ix28a3tqPa", "object": "payment_intent", "amount": \(amount),
         \(received) "capture_method": "automatic", "created": 1680800504, "currency": "usd",
         "latest_charge": "ch_3MtwBwLkdIwHu7ix28a3tqPa", "livemode": false,
         "metadata": \(metadata(reference)), "status": "\(status)"}
        """
    }

    static func charge(refunded: Int64, isDisputed: Bool = false) -> String {
        """
        {"id": "ch_3MtwBwLkdIwHu7ix28a3tqPa", "object": "charge", "amount": 2500,
         "amount_captured": 2500, "amount_refunded": \(refunded), "captured": true,
         "created": 1679090539, "currency": "usd", "disputed": \(isDisputed), "metadata": {},
         "paid": true, "payment_intent": "pi_3MtwBwLkdIwHu7ix28a3tqPa",
         "refunded": \(refunded == 2_500), "status": "succeeded"}
        """
    }

    static func refund(_ status: String, _ amount: Int64) -> String {
        """
        {"id": "re_1Nispe2eZvKYlo2Cd31jOCgZ", "object": "refund", "amount": \(amount),
         "balance_transaction": "txn_1Nispe2eZvKYlo2CYezqFhEx",
         "charge": "ch_3MtwBwLkdIwHu7ix28a3tqPa", "created": 1692942318, "currency": "usd",
         "metadata": {}, "payment_intent": "pi_3MtwBwLkdIwHu7ix28a3tqPa", "reason": null,
         "receipt_number": null, "status": "\(status)"}
        """
    }

    static func list(_ objects: String...) -> String {
        #"{"object": "list", "data": [\#(objects.joined(separator: ", "))], "has_more": false}"#
    }

    static func dispute(_ status: String, _ moves: [Int64]) -> String {
        let transactions = moves.map { #"{"object": "balance_transaction", "amount": \#($0)}"# }
        return """
            {"id": "du_1MtJUT2eZvKYlo2CNaw2HvEv", "object": "dispute", "amount": 2500,
             "balance_transactions": [\(transactions.joined(separator: ", "))],
             "charge": "ch_3MtwBwLkdIwHu7ix28a3tqPa", "currency": "usd", "metadata": {},
             "payment_intent": "pi_3MtwBwLkdIwHu7ix28a3tqPa", "reason": "fraudulent",
             "status": "\(status)"}
            """
    }

    static func event(_ kind: String, _ object: String) -> [UInt8] {
        let text = """
            {"id": "evt_1NG8Du2eZvKYlo2CUI79vXWy", "object": "event", "api_version": "2019-02-19",
             "created": 1686089970, "data": {"object": \(object)}, "livemode": false,
             "pending_webhooks": 0, "request": {"id": null, "idempotency_key": null},
             "type": "\(kind)"}
            """
        return Array(text.utf8)
    }
}
