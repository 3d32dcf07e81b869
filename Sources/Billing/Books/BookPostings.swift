import Ledger
import Schema

/// What an event of a stream is in the general ledger.
///
/// What it did to paid grants stands in deferred revenue, what it left unpaid in the receivable;
/// the other side says why. A promotional grant is no entry, and neither is its end: nobody paid
/// for it, so it is an expense once something is paid with it, and not before.
struct BookPostings {
    /// Sums to zero; empty for what concerns no books.
    let lines: [BookLine]

    /// - Parameter isCredited: whether a grant gives back what a credit note took of a paid
    ///   invoice: then no money came in for it.
    init(_ event: BookedEvent, isCredited: Bool = false) {
        let moved = event.moved
        let (other, promotional) = Self.reason(event, isCredited: isCredited)
        lines =
            [
                BookLine(.deferredRevenue, -moved.paid), BookLine(.receivable, moved.unpaid),
                BookLine(.promotionalExpense, promotional),
            ] + (other.map { [$0] } ?? [])
    }

    /// The other side of an event, and what of it promotional grants have paid for.
    private static func reason(
        _ event: BookedEvent,
        isCredited: Bool
    ) -> (other: BookLine?, promotional: Pico) {
        let (amount, burned) = (event.amount, -event.moved.promotional)
        guard let body = event.other?.recorded.event.body else {
            return (BookLine(.revenue, amount), burned)
        }
        switch body {
        case .usage: return (BookLine(.revenue, amount), burned)
        case .creditGranted(let grant):
            guard grant.kind == .paid else { return (nil, amount + burned) }
            return (BookLine(isCredited ? .revenue : .cash, amount), burned)
        case .creditExpired: return (BookLine(.breakage, amount + burned), .zero)
        case .creditVoided: return (BookLine(.cash, amount + burned), .zero)
        case .creditChargedBack: return (BookLine(.cash, amount), burned)
        case .creditAdjusted:
            guard amount < .zero else { return (nil, amount + burned) }
            return (BookLine(.adjustments, amount + burned), .zero)
        case .payment: return (BookLine(.cash, amount), burned)
        case .creditNote: return (BookLine(.revenue, amount), burned)
        case .rounding: return (BookLine(.rounding, amount), burned)
        case .creditLimitSet, .leaseLost, .periodClosed: return (nil, burned)
        }
    }
}

extension BookedEvent {
    /// What the event says of itself, in words.
    var bookDescription: String {
        switch other?.recorded.event.body {
        case .creditGranted(let grant):
            "\(grant.kind.rawValue) credit" + (grant.reference.map { ", \($0)" } ?? "")
        case .creditExpired(let end): "credit \(end.grant) expired"
        case .creditVoided(let end): "credit \(end.grant) was voided"
        case .creditChargedBack(let end): "credit \(end.grant) was charged back: \(end.reason)"
        case .creditAdjusted(let adjustment): adjustment.reason
        case .payment(let payment): "payment \(payment.reference) of \(payment.invoice)"
        case .creditNote(let note): "\(note.number) of \(note.invoice): \(note.reason)"
        case .rounding(let rounding): "rounding of \(rounding.invoice)"
        case .creditLimitSet: "a new credit limit"
        case .usage, .leaseLost, .periodClosed, nil: kind.rawValue
        }
    }
}
