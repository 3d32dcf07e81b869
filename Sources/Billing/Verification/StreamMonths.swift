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
    let roundings: [(rounding: InvoiceRounding, version: Int64)]
    /// What went back of grants or ended with them, where the stream was read to its end.
    let withdrawals: [GrantID: [GrantWithdrawal]]
    /// Why it could not be read any further.
    private let failure: LedgerError?

    /// Reads the stream up to the end of the last month that is wanted.
    ///
    /// - Parameters:
    ///   - isWhole: whether to read it to its end, for all else in it that documents rest on.
    ///   - issuedAt: when the last document of them was issued.
    init(
        of account: AccountSummary,
        _ wanted: Set<Month>,
        isWhole: Bool,
        issuedAt: Instant,
        _ session: Session
    ) throws {
        let last = isWhole ? nil : wanted.max()
        let read = { (closed: [MonthCalendar.Bounds]) in
            let calendar = try MonthCalendar(
                of: account.id,
                through: issuedAt,
                closed: closed,
                session
            )
            return try StreamReading(of: account, through: last, calendar, session)
        }
        let kept = try MonthCalendar.closed(of: account.id, session)
        var reading = try read(kept)
        // What was kept saves a reading, where it is what the stream says; it is not believed.
        let told = reading.bounds(from: kept.first)
        if Array(kept.prefix(told.count)) != told { reading = try read(told) }
        calendar = reading.calendar
        roundings = reading.roundings
        withdrawals = reading.withdrawals
        failure = reading.failure
        let rows = try UsageRow.read(reading.closes, wanted, of: account.id, calendar, session)
        for (index, close) in reading.closes.enumerated()
        where wanted.contains(close.closing.month) {
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

/// A stream that was read by a calendar, and all in it that documents rest on.
private struct StreamReading {
    let calendar: MonthCalendar
    private(set) var closes: [StreamMonths.Closed] = []
    private(set) var roundings: [(rounding: InvoiceRounding, version: Int64)] = []
    private(set) var withdrawals: [GrantID: [GrantWithdrawal]] = [:]
    private(set) var failure: LedgerError?

    /// - Parameter last: the month behind whose close nothing is read; nil for the whole stream.
    init(
        of account: AccountSummary,
        through last: Month?,
        _ calendar: MonthCalendar,
        _ session: Session
    ) throws {
        self.calendar = calendar
        do {
            try PeriodStore(session).forEachMark(of: account.id, upTo: account.version, calendar) {
                switch $0 {
                case .closed(let closing, let fold):
                    closes.append(StreamMonths.Closed(closing: closing, fold: fold))
                    return last.map { closing.month < $0 } ?? true
                case .rounded(let rounding, let version): roundings.append((rounding, version))
                case .withdrawn(let end): withdrawals[end.grant, default: []].append(end)
                }
                return true
            }
        } catch let error as LedgerError where error.code == .corrupt {
            failure = error
        }
    }

    /// The closed months' bounds as their events state them; only where the first begins, no event
    /// tells.
    func bounds(from first: MonthCalendar.Bounds?) -> [MonthCalendar.Bounds] {
        let closings = closes.map(\.closing)
        guard let month = closings.first?.month else { return [] }
        let start =
            first?.month == month ? first?.startsAt : calendar.bounds(of: month)?.startsAt
        return MonthCalendar.Bounds.all(
            closedBy: closings,
            from: start ?? Instant(microseconds: .min)
        )
    }
}
