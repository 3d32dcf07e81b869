import Ledger
import Postgres
import Schema

/// The closed months of an account as its stream alone has them, all made by one reading of it.
struct StreamMonths {
    /// A month as it was closed.
    struct Closed {
        let closing: PeriodClosed
        /// What was open until then.
        let fold: PeriodFold
        /// Its usage.
        fileprivate(set) var rows: [UsageRow] = []

        /// The last version that is in it.
        var version: Int64 { fold.version }
    }

    let calendar: MonthCalendar
    private var months: [Month: Closed] = [:]
    /// What the stream books as the rounding of documents, where it was read to its end.
    private(set) var roundings: [(rounding: InvoiceRounding, version: Int64)] = []
    /// Why it could not be read any further.
    private var failure: LedgerError?

    /// Reads the stream up to the end of the last month that is wanted.
    ///
    /// - Parameters:
    ///   - isWhole: whether to read it to its end, for all roundings in it.
    ///   - issuedAt: when the last document of them was issued.
    init(
        of account: AccountSummary,
        _ wanted: Set<Month>,
        isWhole: Bool,
        issuedAt: Instant,
        _ session: Session
    ) throws {
        calendar = try MonthCalendar(of: account.id, through: issuedAt, session)
        let last = wanted.max()
        var closes: [Closed] = []
        do {
            try PeriodStore(session).forEachMark(of: account.id, upTo: account.version, calendar) {
                switch $0 {
                case .closed(let closing, let fold):
                    closes.append(Closed(closing: closing, fold: fold))
                    return isWhole || last.map { closing.month < $0 } ?? false
                case .rounded(let rounding, let version):
                    roundings.append((rounding, version))
                    return true
                }
            }
        } catch let error as LedgerError where error.code == .corrupt {
            failure = error
        }
        let rows = try UsageRow.read(closes, wanted, of: account.id, session)
        for (index, close) in closes.enumerated() where wanted.contains(close.closing.month) {
            var month = close
            month.rows = rows[index] ?? []
            months[close.closing.month] = month
        }
    }

    /// Those that are wanted, in no order.
    var all: some Collection<Closed> { months.values }

    /// Throws `.corrupt` where no event closed the month, or none that could be read.
    func closed(_ month: Month) throws -> Closed {
        if let found = months[month] { return found }
        throw failure ?? LedgerError(.corrupt, "no event closed the month \(month)")
    }
}
