import Ledger
import Postgres
import Schema

/// A call's charge, line by line, computed again from its event and its prices.
package struct CallExplanation: Sendable {
    package let usage: Usage
    package let recorded: RecordedEvent
    package let charge: Charge
    package let currency: Currency
    /// Whether it is not charged, for it came too long after its month was closed.
    package let isTooLate: Bool
    /// Whose prices they are: the list's or a plan's.
    package let line: PriceLine

    /// - Parameters:
    ///   - account: whose call it must be; nil for anybody's.
    ///   - key: by which of the account's keys; nil for any.
    /// - Returns: nil when there is no such call.
    /// - Throws: `LedgerError`, `.corrupt` when the charge cannot be computed again, or comes out
    ///   otherwise; `PriceBookError`.
    package static func read(
        _ request: RequestID,
        account: AccountID? = nil,
        key: KeyID? = nil,
        timeLimit: Duration? = nil,
        in database: Database
    ) async throws -> CallExplanation? {
        guard
            let recorded = try await EventStore(database).usage(
                of: request,
                account: account,
                timeLimit: timeLimit
            ),
            case .usage(let usage) = recorded.event.body, key == nil || key == usage.key
        else { return nil }
        guard let edition = try await PriceBook(database).edition(usage.priceVersion),
            let terms = edition.terms(for: usage.model)
        else {
            throw LedgerError(
                .corrupt,
                "price version \(usage.priceVersion), by which the call was charged, has no"
                    + " price of \(usage.model)"
            )
        }
        let requests: Int64 = usage.source == .none ? 0 : 1
        let charge = Charge(
            tokens: usage.tokens,
            webSearches: usage.webSearches,
            requests: requests,
            serviceTier: usage.serviceTier,
            terms: terms,
            hold: usage.hold
        )
        guard charge.charge == usage.charge else {
            throw LedgerError(
                .corrupt,
                "the event says \(usage.charge), its prices say \(charge.charge): run"
                    + " farebox ledger verify"
            )
        }
        return CallExplanation(
            usage: usage,
            recorded: recorded,
            charge: charge,
            currency: terms.currency,
            isTooLate: try await EventStore(database).isTooLate(recorded),
            line: edition.header.line
        )
    }

    /// The currency of the upstream's cost.
    package var costCurrency: Currency { usage.upstreamCostCurrency ?? currency }
}

extension Charge.Line {
    /// What was charged for: a class of tokens, or a fee.
    package var name: String {
        switch item {
        case .tokens(let tokenClass): tokenClass.rawValue
        case .fee(let kind): "\(kind.rawValue) fee"
        }
    }
}
