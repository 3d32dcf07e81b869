import Ledger
import Schema

/// `--cap-day`, `--cap-month` and `--cap-total`: what a key or a project may spend.
enum CapOptions {
    /// For what is being made.
    static let new = options(value: "A")
    /// For what may have caps already.
    static let changed = options(value: "A|none")

    private static func options(value: String) -> [Command.Option] {
        CapPeriod.allCases.map { period in
            let window =
                switch period {
                case .day: "a day of the account's time zone"
                case .month: "a calendar month"
                case .total: "all"
                }
            return .value(
                "--cap-\(period.rawValue)",
                value,
                "the most that it may spend in \(window)"
            )
        }
    }
}

extension Invocation {
    /// The caps of what is being made.
    func limits() throws -> SpendLimits {
        var limits = SpendLimits.none
        for period in CapPeriod.allCases {
            limits[period] = try amount(option: "--cap-\(period.rawValue)")
        }
        return limits
    }

    /// The caps that are to change; `none` takes one away.
    func limitChanges() throws -> SpendLimitChanges {
        var changes = SpendLimitChanges()
        for period in CapPeriod.allCases {
            let name = "--cap-\(period.rawValue)"
            guard let text = self[name] else { continue }
            changes.limits[period] = .some(text == "none" ? nil : try amount(text, named: name))
        }
        guard !changes.limits.isEmpty else {
            throw UsageError("at least one of --cap-day, --cap-month, --cap-total is needed")
        }
        return changes
    }
}

extension SpendLimits {
    /// For tables: `5.00 a day, 50.00 in total`.
    func text(_ currency: Currency) -> String {
        let parts = CapPeriod.allCases.compactMap { period in
            self[period].map { limit in
                let amount = limit.decimal(fractionDigitsMin: currency.exponent)
                return switch period {
                case .day: "\(amount) a day"
                case .month: "\(amount) a month"
                case .total: "\(amount) in total"
                }
            }
        }
        return parts.isEmpty ? "none" : parts.joined(separator: ", ")
    }
}
