import Schema

extension Event {
    /// What makes the event unfit for any stream; nil when it is well formed.
    var defect: String? {
        switch body {
        case .usage(let usage): usage.defect
        case .creditGranted(let grant):
            defect(of: grant.amount, "grant", isSigned: false, grant.reference ?? "")
        case .creditExpired(let withdrawal), .creditVoided(let withdrawal):
            withdrawal.amount < .zero || withdrawal.amount > .balanceMax
                || withdrawal.kept < .zero || withdrawal.kept > .balanceMax
                ? "the amount of the withdrawal is out of bounds" : nil
        case .creditChargedBack(let chargeback):
            defect(of: chargeback.amount, "chargeback", isSigned: false, chargeback.reason)
        case .creditAdjusted(let adjustment):
            defect(of: adjustment.amount, "adjustment", isSigned: true, adjustment.reason)
        case .creditLimitSet(let change):
            change.limit < .zero || change.limit > .balanceMax
                ? "the credit limit is out of bounds" : nil
        case .payment(let payment):
            defect(
                of: payment.amount,
                "payment",
                isSigned: false,
                payment.invoice,
                payment.reference
            )
        case .creditNote(let note):
            defect(
                of: note.amount,
                "credit note",
                isSigned: false,
                note.invoice,
                note.number,
                note.reason
            )
        case .rounding(let rounding):
            defect(of: rounding.amount, "rounding", isSigned: true, rounding.invoice)
        case .leaseLost(let lost):
            lost.bound < .zero || lost.bound > .balanceMax || lost.epoch <= 0
                ? "the bound or the epoch of the lost lease is out of bounds" : nil
        case .periodClosed(let closed):
            (closed.chargedFrom ?? closed.endsAt) > closed.endsAt
                ? "the month charges from after its end" : nil
        }
    }

    private func defect(
        of amount: Pico,
        _ name: String,
        isSigned: Bool,
        _ texts: String...
    ) -> String? {
        let least = isSigned ? -Pico.balanceMax : .zero
        guard amount != .zero, amount >= least, amount <= .balanceMax else {
            return "the amount of the \(name) is out of bounds"
        }
        return texts.contains(where: unstorable) ? "a text of the \(name) holds a NUL" : nil
    }
}

extension Usage {
    fileprivate var defect: String? {
        // Looked at for every call, so no list of it is made.
        func isCharge(_ amount: Pico) -> Bool { amount >= .zero && amount <= .chargeMax }
        guard isCharge(hold) else { return "the hold is out of bounds" }
        guard isCharge(charge) else { return "the charge is out of bounds" }
        guard isCharge(excess) else { return "the excess is out of bounds" }
        guard isCharge(upstreamCost ?? .zero) else { return "the upstream cost is out of bounds" }
        guard charge + excess <= .chargeMax else {
            return "charge and excess together are out of bounds"
        }
        func isCount(_ count: Int64) -> Bool { (0...TokenUsage.countMax).contains(count) }
        guard TokenClass.allCases.allSatisfy({ isCount(tokens[$0]) }), isCount(tokens.reasoning),
            isCount(webSearches), isCount(loweredCap ?? 0)
        else {
            return "a count is out of bounds"
        }
        guard latencyMilliseconds >= 0, (firstByteMilliseconds ?? 0) >= 0,
            contextTier.threshold >= 0, (0...999).contains(status),
            attempts.allSatisfy({ $0.milliseconds >= 0 })
        else { return "a duration, a tier or the status is out of bounds" }
        guard !unstorable(model), !unstorable(upstream), !unstorable(upstreamModel),
            !attempts.contains(where: { unstorable($0.upstream) || unstorable($0.upstreamModel) })
        else {
            return "a name holds a NUL"
        }
        return nil
    }
}

/// Whether PostgreSQL cannot keep the text.
private func unstorable(_ text: String) -> Bool {
    var text = text
    return text.withUTF8 { $0.contains(0) }
}
