import Postgres
import Schema

/// Decides what a change of a head is to tell: crossings, so each is told once until money has
/// come that lifts the balance over the threshold again.
struct BalanceAlerts {
    /// Below which the balance, with the credit limit, is low; nil for no alert.
    let lowBalance: Pico?

    func crossed(from before: HeadSummary, to after: HeadSummary) -> [AlertKind] {
        var kinds: [AlertKind] = []
        if let lowBalance, before.spendable >= lowBalance, after.spendable < lowBalance {
            kinds.append(.balanceLow)
        }
        if before.spendable > .zero, after.spendable <= .zero { kinds.append(.balanceExhausted) }
        return kinds
    }

    /// The alert of an account whose head has come to be so.
    func alert(
        _ kind: AlertKind,
        of account: AccountID,
        _ head: HeadSummary,
        _ currency: Currency,
        at instant: Instant
    ) -> Alert {
        var data: [(String, JSONNode)] = [
            ("currency", .text(currency.code)), ("balance", .text(head.balance.description)),
            ("credit_limit", .text(head.creditLimit.description)),
            ("version", .integer(head.version)),
        ]
        if kind == .balanceLow, let lowBalance {
            data.append(("threshold", .text(lowBalance.description)))
        }
        return Alert(kind, of: account, at: instant, data: data)
    }
}

extension HeadSummary {
    /// What can be spent before anybody must pay.
    var spendable: Pico { balance + creditLimit }
}
