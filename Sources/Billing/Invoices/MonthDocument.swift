import Ledger
import Schema

extension InvoiceDocument {
    /// The document of a month, without a number: an invoice where something can be owed, else a
    /// statement.
    ///
    /// Pure: the same facts make the same document, and so the same bytes.
    init(
        _ facts: MonthFacts,
        issuer: DocumentParty,
        customer: DocumentParty,
        tax: TaxRule?
    ) throws {
        let (account, month) = (facts.account, facts.month)
        let currency = account.currency
        guard let shown = LargestRemainder(facts.lines.map(\.exact), in: currency),
            let credited = LargestRemainder(month.covered.map(\.amount), in: currency),
            let owed = LargestRemainder(facts.debts.map(\.amount), in: currency)
        else { throw LedgerError(.invalid, "the month is beyond what a document can state") }
        let isInvoice = facts.creditLimit > .zero || month.uncovered > .zero
        let net = shown.total - credited.total + owed.total
        let uncovered = facts.debts.reduce(month.uncovered) { $0 + $1.amount }
        let taxes = isInvoice ? tax.map { [$0.tax(on: net)] } ?? [] : []
        let taxed = taxes.reduce(MinorUnits.zero) { $0 + $1.amount }
        self.init(
            kind: isInvoice ? .invoice : .statement,
            account: account.slug,
            currency: currency,
            timeZone: account.timeZone,
            issuer: issuer,
            customer: customer,
            totals: DocumentTotals(
                exact: month.usage,
                subtotal: shown.total,
                creditsApplied: credited.total,
                debts: facts.debts.isEmpty ? nil : owed.total,
                tax: taxed,
                due: isInvoice ? net + taxed : .zero,
                residue: shown.residue,
                booked: isInvoice ? uncovered - net.pico(in: currency) : .zero
            )
        )
        period = facts.period
        events = month.calls
        self.taxes = taxes
        lines = facts.lines.enumerated().map { index, line in
            var line = line
            line.amount = shown.parts[index]
            return line
        }
        projectSubtotals = Self.subtotals(of: lines)
        keySubtotals = try Self.keySubtotals(facts)
        creditsApplied = month.covered.enumerated().map { index, covered in
            DocumentCredit(
                grant: covered.grant.description,
                kind: covered.kind,
                reference: facts.grantReferences[covered.grant],
                exact: covered.amount,
                amount: credited.parts[index]
            )
        }
        if !facts.debts.isEmpty {
            debts = facts.debts.enumerated().map { index, debt in
                DocumentDebt(
                    kind: debt.kind,
                    version: debt.version,
                    grant: debt.grant?.description,
                    reference: debt.grant.flatMap { facts.grantReferences[$0] },
                    reason: debt.reason,
                    exact: debt.amount,
                    amount: owed.parts[index]
                )
            }
        }
        balances = Self.balances(facts)
    }

    private static func subtotals(of lines: [DocumentLine]) -> [DocumentSubtotal] {
        Dictionary(grouping: lines, by: \.project).sorted { $0.key < $1.key }.map { name, lines in
            DocumentSubtotal(
                name: name,
                exact: lines.reduce(.zero) { $0 + $1.exact },
                amount: lines.reduce(.zero) { $0 + $1.amount }
            )
        }
    }

    private static func keySubtotals(_ facts: MonthFacts) throws -> [DocumentSubtotal] {
        let sums = Dictionary(grouping: facts.rows, by: \.key)
            .mapValues { $0.reduce(Pico.zero) { $0 + $1.charge } }
            .sorted { left, right in
                let names = [left, right].map { facts.keyNames[$0.key] ?? ("", "") }
                return (names[0].project, names[0].name, left.key)
                    < (names[1].project, names[1].name, right.key)
            }
        guard let shown = LargestRemainder(sums.map(\.value), in: facts.account.currency) else {
            throw LedgerError(.invalid, "the month is beyond what a document can state")
        }
        return sums.enumerated().map { index, sum in
            DocumentSubtotal(
                name: sum.key.description,
                title: facts.keyNames[sum.key]?.name,
                exact: sum.value,
                amount: shown.parts[index]
            )
        }
    }

    private static func balances(_ facts: MonthFacts) -> DocumentBalances {
        let order = EventKind.allCases.map(\.rawValue)
        let changes = facts.month.changes.filter { $0.amount != .zero }.sorted {
            (order.firstIndex(of: $0.kind) ?? 0) < (order.firstIndex(of: $1.kind) ?? 0)
        }
        return DocumentBalances(
            opening: facts.opening,
            changes: changes.map { DocumentChange(kind: $0.kind, amount: $0.amount) },
            closing: facts.opening + facts.month.balance
        )
    }
}
