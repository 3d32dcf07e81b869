import Schema

extension Alert {
    /// A payment came in, and is in the balance.
    static func topUpCredited(
        _ topUp: TopUp,
        payment: String,
        grant: GrantID,
        at instant: Instant
    ) -> Alert {
        Alert(
            .topUpCredited,
            of: topUp.account,
            at: instant,
            data: [
                ("top_up", .text(topUp.id.description)), ("provider", .text(topUp.provider)),
                ("payment", .text(payment)), ("grant", .text(grant.description)),
                ("currency", .text(topUp.currency.code)),
                ("amount", .text(topUp.amount.description)),
                ("tax", .text(topUp.tax.description)), ("total", .text(topUp.total.description)),
            ]
        )
    }

    /// A refund did not come through at the provider: who paid does not have the money.
    ///
    /// - Parameter returned: what the refund had taken of the credit, which is there again.
    static func refundFailed(
        _ refund: PaymentClawback,
        of topUp: TopUp,
        returned: Pico,
        at instant: Instant
    ) -> Alert {
        Alert(
            .refundFailed,
            of: topUp.account,
            at: instant,
            data: [
                ("top_up", .text(topUp.id.description)), ("provider", .text(topUp.provider)),
                ("payment", .optional(topUp.payment)), ("refund", .text(refund.id)),
                ("currency", .text(topUp.currency.code)),
                ("amount", .text(refund.amount.description)),
                ("returned", .text(returned.description)),
            ]
        )
    }
}
