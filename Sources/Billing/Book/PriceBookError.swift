import Postgres
import Schema

/// Why a price version was not published or read.
package enum PriceBookError: Error, Sendable, CustomStringConvertible {
    /// The instant asked for leaves less than the notice; with the earliest that would do.
    case effectiveTooSoon(earliest: Instant)
    /// Prices that moved a thousandfold, in a sheet that was not forced.
    case jumps([PriceDiff.Change])
    /// Another version of the line takes effect at that instant or later, and would take over.
    case overlaps(PriceVersionHeader)
    /// There is no version of this number.
    case noVersion(PriceVersion)
    /// Two versions whose prices are in different currencies.
    case incomparable(PriceVersionHeader, PriceVersionHeader)
    /// A model's prices are incomplete.
    case defect(model: String, String)
    /// There is no plan of this name.
    case noPlan(String)
    /// The plan was changed since the caller looked.
    case superseded(plan: String)
    /// The plan cannot be made or changed like this.
    case invalidPlan(String)
    /// The database could not be reached or refused; nothing was published.
    case database(String)
    /// The commit's answer was lost: publish the same sheet again, which is safe.
    case outcomeUnknown

    init(_ error: any Error) {
        switch error {
        case let error as PriceBookError: self = error
        case let error as PostgresError where error.code == .commitOutcomeUnknown:
            self = .outcomeUnknown
        default: self = .database(String(describing: error))
        }
    }

    package var description: String {
        switch self {
        case .effectiveTooSoon(let earliest):
            "a price version takes effect \(PriceBook.noticeSeconds) seconds after it is "
                + "published, at \(earliest) or later"
        case .jumps(let changes):
            "prices moved by a factor of \(PriceDiff.jumpFactor) or more: "
                + changes.prefix(5).map(\.description).joined(separator: "; ")
                + (changes.count > 5 ? "; and \(changes.count - 5) more" : "")
        case .overlaps(let header):
            "version \(header.version) (\(header.line)) takes effect at \(header.effectiveAt) and"
                + " would take over then: choose a later instant, or force this one to hold only"
                + " until then"
        case .defect(let model, let text): "“\(model)”: \(text)"
        case .noVersion(let version): "there is no price version \(version)"
        case .incomparable(let one, let other):
            "version \(one.version) is in \(one.currency) and version \(other.version) in"
                + " \(other.currency)"
        case .superseded(let plan): "the plan \(plan) was changed meanwhile"
        case .noPlan(let name): "there is no plan \(name)"
        case .invalidPlan(let text): text
        case .database(let text): text
        case .outcomeUnknown: "the database did not confirm the publication: try again"
        }
    }
}
