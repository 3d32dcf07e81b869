import Ledger
import Schema

extension JSONNode {
    /// A top-up and what became of it; `page_url` is there while somebody can pay.
    package static func topUp(_ topUp: TopUp) -> JSONNode {
        let currency = topUp.currency
        let page = topUp.status == .pending ? topUp.page?.url : nil
        return .object([
            ("id", .text(topUp.id.description)), ("account", .text(topUp.slug)),
            ("provider", .text(topUp.provider)), ("status", .text(topUp.status.rawValue)),
            ("currency", .text(currency.code)), ("amount", .money(topUp.amount, currency)),
            ("tax", .money(topUp.tax, currency)), ("total", .money(topUp.total, currency)),
            ("page_url", .optional(page)), ("payment", .optional(topUp.payment)),
            ("grant", .optional(topUp.grant?.description)),
            ("refunded", .money(topUp.refunded, currency)),
            ("refund_failed", .money(topUp.refundFailed, currency)),
            ("disputed", .money(topUp.disputed, currency)),
            ("opened_at", .instant(topUp.openedAt)), ("expires_at", .instant(topUp.expiresAt)),
            ("paid_at", .instant(topUp.paidAt)),
        ])
    }
}
