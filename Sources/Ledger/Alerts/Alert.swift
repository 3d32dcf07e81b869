import Schema

/// What somebody wants to be told of.
package enum AlertKind: String, CaseIterable, Sendable {
    case balanceLow = "balance.low"
    case balanceExhausted = "balance.exhausted"
    case invoiceFinalized = "invoice.finalized"
    case verificationFailed = "verification.failed"
    case upstreamDown = "upstream.down"
    case upstreamUp = "upstream.up"
    case capNearlyReached = "cap.nearly_reached"
    case keyExpiring = "key.expiring"
    case runwayShort = "balance.runway_short"
    case spendAnomaly = "spend.anomaly"
    case keyUnused = "key.unused"
    case usageLate = "usage.late"
    case topUpCredited = "topup.credited"
    case refundFailed = "topup.refund_failed"
}

package enum AlertEntity {}
/// The same in every attempt, at every endpoint: what a receiver knows duplicates by.
package typealias AlertID = Identifier<AlertEntity>

/// Something that has happened and that endpoints are told of.
package struct Alert: Sendable {
    package let kind: AlertKind
    /// Nil for what is of no account, of which only endpoints of all accounts are told.
    package let account: AccountID?
    package let at: Instant
    /// The members of `data` behind `account`.
    package let data: [(String, JSONNode)]

    package init(
        _ kind: AlertKind,
        of account: AccountID?,
        at instant: Instant,
        data: [(String, JSONNode)]
    ) {
        self.kind = kind
        self.account = account
        at = instant
        self.data = data
    }

    /// The account by whose identifier the message is kept.
    var place: AccountID { account ?? AccountID(high: 0, low: 0) }

    /// The whole body of the message, for the account of this slug.
    func body(account slug: String?) -> String {
        JSONNode.object([
            ("type", .text(kind.rawValue)), ("timestamp", .text(at.description)),
            ("data", .object([("account", .optional(slug))] + data)),
        ]).line
    }
}
