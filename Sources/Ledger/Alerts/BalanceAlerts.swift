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

/// Sets from which balance on an account's owner is told that it is low.
package struct AlertSettings: Sendable {
    private let database: Database

    package init(_ database: Database) {
        self.database = database
    }

    /// Sets the threshold, or with nil takes it away; an account that is below it is told at once.
    ///
    /// - Throws: `.notFound`; `.invalid` for a threshold below zero.
    package func setLowBalance(
        _ threshold: Pico?,
        of slug: String,
        at instant: Instant
    ) async throws(LedgerError) {
        if let threshold, !(Pico.zero ... .balanceMax).contains(threshold) {
            throw LedgerError(.invalid, "a threshold is zero or above, and within bounds")
        }
        try await database.ledgerCommand { session in
            let account = try AccountSummary.lock(slug: slug, session)
            let changed = try session.execute(
                """
                UPDATE account_heads SET low_balance = \(threshold)
                WHERE account_id = \(account.id) AND low_balance IS DISTINCT FROM \(threshold)
                """
            )
            guard let threshold, changed.affectedCount == 1,
                account.head.spendable < threshold
            else { return }
            let alert = BalanceAlerts(lowBalance: threshold).alert(
                .balanceLow,
                of: account.id,
                account.head,
                account.currency,
                at: instant
            )
            try AlertOutbox(session).write([alert])
        }
    }

    /// The threshold of an account; nil for none.
    package func lowBalance(of slug: String) async throws(LedgerError) -> Pico? {
        try await database.ledgerRead { session in
            let account = try AccountSummary.read(slug: slug, session)
            return try session.execute(
                "SELECT low_balance FROM account_heads WHERE account_id = \(account.id)"
            ).single().get("low_balance", as: Pico?.self)
        }
    }
}
