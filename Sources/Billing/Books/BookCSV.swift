import Ledger
import Schema

/// The general ledger of a month as comma-separated values.
struct BookCSV {
    private static let entryNames = [
        "month", "account", "currency", "status", "entry", "date", "source", "reference",
        "description", "gl_account", "debit", "credit",
    ]
    private static let balanceNames = [
        "month", "account", "currency", "status", "gl_account", "opening", "debit", "credit",
        "closing",
    ]
    private static let partCount = 64 * 1_024

    private let month: Month
    private let form: GeneralLedger.Form
    private var csv: CSVText
    private var account: (slug: String, currency: Currency, status: String)?

    init(_ month: Month, _ form: GeneralLedger.Form) {
        self.month = month
        self.form = form
        csv = CSVText(names: form == .entries ? Self.entryNames : Self.balanceNames)
    }

    /// Whether so much was written that it should be taken out.
    var isWorthWriting: Bool { csv.text.utf8.count > Self.partCount }

    mutating func take() -> String { csv.take() }

    mutating func begin(_ account: AccountSummary, isClosed: Bool) {
        self.account = (account.slug, account.currency, isClosed ? "closed" : "open")
    }

    /// Appends an entry's lines; its name is unique in all exports together.
    mutating func append(_ entry: BookEntry) {
        guard form == .entries, let account else { return }
        for line in entry.lines {
            csv.append(
                names(account) + [
                    "\(account.slug)/\(month)/\(entry.source)/\(entry.reference)",
                    entry.date.description, entry.source, entry.reference, entry.description,
                    line.account.rawValue, Self.text(line.debit), Self.text(line.credit),
                ]
            )
        }
    }

    /// Appends the balances of an account whose book is complete.
    mutating func end(_ book: MonthBook) throws {
        guard form == .balances, let account else { return }
        let (opening, closing) = (
            try RoundedBalances(book.opening, account.currency),
            try RoundedBalances(book.closing, account.currency)
        )
        for name in BookAccount.allCases {
            let (before, after) = (opening[name], closing[name])
            guard book.closing[name] ?? .zero != .zero || before != .zero || after != .zero else {
                continue
            }
            let moved = after - before
            csv.append(
                names(account) + [
                    name.rawValue, before.decimal(in: account.currency),
                    max(moved, .zero).decimal(in: account.currency),
                    max(.zero - moved, .zero).decimal(in: account.currency),
                    after.decimal(in: account.currency),
                ]
            )
        }
    }

    private func names(
        _ account: (slug: String, currency: Currency, status: String)
    ) -> [String] {
        [month.description, account.slug, account.currency.code, account.status]
    }

    private static func text(_ amount: Pico) -> String {
        amount == .zero ? "" : amount.description
    }
}

/// Balances in whole minor units: each is the exact one, rounded, so that no month's rounding adds
/// up; what they then lack of zero stands with the rounding of invoices.
struct RoundedBalances: Hashable {
    private let amounts: [BookAccount: MinorUnits]

    init(_ exact: [BookAccount: Pico], _ currency: Currency) throws(LedgerError) {
        var amounts: [BookAccount: MinorUnits] = [:]
        var rest = MinorUnits.zero
        for (account, amount) in exact where account != .rounding {
            guard let rounded = currency.rounded(amount) else {
                throw LedgerError(.invalid, "a balance is beyond what books can state")
            }
            amounts[account] = rounded
            rest = rest - rounded
        }
        amounts[.rounding] = rest
        self.amounts = amounts
    }

    subscript(account: BookAccount) -> MinorUnits { amounts[account] ?? .zero }
}
