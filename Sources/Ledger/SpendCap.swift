import Schema

/// What a cap is of.
package enum CapScope: Hashable, Sendable {
    case key(KeyID)
    case project(ProjectID)

    /// As the database names it, whichever of the two it is.
    var id: Identifier<CapScope> {
        switch self {
        case .key(let key): Identifier(high: key.high, low: key.low)
        case .project(let project): Identifier(high: project.high, low: project.low)
        }
    }

    /// `key` or `project`.
    package var kind: String {
        switch self {
        case .key: "key"
        case .project: "project"
        }
    }
}

/// The windows that spending is capped over: calendar days and months of the account's time zone,
/// and all of time.
package enum CapPeriod: String, CaseIterable, Sendable {
    case day
    case month
    case total
}

/// How much may be spent in each period; nil is as much as there is.
package struct SpendLimits: Hashable, Sendable {
    package var day: Pico?
    package var month: Pico?
    package var total: Pico?

    package init(day: Pico? = nil, month: Pico? = nil, total: Pico? = nil) {
        (self.day, self.month, self.total) = (day, month, total)
    }

    package static let none = SpendLimits()

    package subscript(period: CapPeriod) -> Pico? {
        get {
            switch period {
            case .day: day
            case .month: month
            case .total: total
            }
        }
        set {
            switch period {
            case .day: day = newValue
            case .month: month = newValue
            case .total: total = newValue
            }
        }
    }

    /// Zero is a limit too: it lets nothing through that costs anything.
    package var areValid: Bool {
        CapPeriod.allCases.allSatisfy { (Pico.zero ... .balanceMax).contains(self[$0] ?? .zero) }
    }
}

/// A cap as the directory knows it, which a call brings along.
package struct SpendCap: Hashable, Sendable {
    package let scope: CapScope
    package let limits: SpendLimits

    package init(_ scope: CapScope, _ limits: SpendLimits) {
        self.scope = scope
        self.limits = limits
    }
}

/// Limits that are to change, by period; those that are missing stay.
package struct SpendLimitChanges: Hashable, Sendable {
    /// Nil inside takes a limit away.
    package var limits: [CapPeriod: Pico?] = [:]

    package init() {}

    package init(_ limits: SpendLimits) {
        for period in CapPeriod.allCases {
            if let limit = limits[period] { self.limits[period] = .some(limit) }
        }
    }

    var areValid: Bool {
        limits.values.allSatisfy { (Pico.zero ... .balanceMax).contains($0 ?? .zero) }
    }
}
