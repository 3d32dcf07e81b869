import Schema

extension Event {
    /// What makes the event unfit for any stream; nil when it is well formed.
    var defect: String? {
        switch body {
        case .usage(let usage): usage.defect
        case .creditGranted(let grant):
            grant.amount <= .zero || grant.amount > .balanceMax
                ? "the amount of the grant is out of bounds"
                : unstorable(grant.reference ?? "") ? "the reference holds a NUL" : nil
        case .creditAdjusted(let adjustment):
            adjustment.amount == .zero || adjustment.amount > .balanceMax
                || adjustment.amount < -.balanceMax
                ? "the amount of the adjustment is out of bounds"
                : unstorable(adjustment.reason) ? "the reason holds a NUL" : nil
        case .creditLimitSet(let change):
            change.limit < .zero || change.limit > .balanceMax
                ? "the credit limit is out of bounds" : nil
        }
    }
}

extension Usage {
    fileprivate var defect: String? {
        for (name, amount) in [
            ("hold", hold), ("charge", charge), ("excess", excess),
            ("upstream cost", upstreamCost ?? .zero),
        ] where amount < .zero || amount > .chargeMax {
            return "the \(name) is out of bounds"
        }
        guard charge + excess <= .chargeMax else {
            return "charge and excess together are out of bounds"
        }
        let counts = TokenClass.allCases.map { tokens[$0] } + [tokens.reasoning, webSearches]
        guard counts.allSatisfy((0...TokenUsage.countMax).contains) else {
            return "a count is out of bounds"
        }
        guard latencyMilliseconds >= 0, (firstByteMilliseconds ?? 0) >= 0,
            contextTier.threshold >= 0, (0...999).contains(status)
        else { return "a duration, a tier or the status is out of bounds" }
        guard !unstorable(model), !unstorable(upstream), !unstorable(upstreamModel) else {
            return "a name holds a NUL"
        }
        return nil
    }
}

/// Whether PostgreSQL cannot keep the text.
private func unstorable(_ text: String) -> Bool { text.utf8.contains(0) }
