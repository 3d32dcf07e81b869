import Schema

/// What a chargeback or a correction took that nothing covered, and so is asked for.
package struct DocumentDebt: Hashable, Sendable, Codable {
    /// `credit_charged_back` or `credit_adjusted`.
    package var kind: String
    /// The version of its event.
    package var version: Int64
    /// The grant that was charged back; nil for a correction.
    package var grant: String?
    /// What that grant is known by outside.
    package var reference: String?
    package var reason: String
    package var exact: Pico
    package var amount: MinorUnits

    package init(
        kind: String,
        version: Int64,
        grant: String?,
        reference: String?,
        reason: String,
        exact: Pico,
        amount: MinorUnits
    ) {
        self.kind = kind
        self.version = version
        self.grant = grant
        self.reference = reference
        self.reason = reason
        self.exact = exact
        self.amount = amount
    }
}

extension DocumentDebt {
    /// In words: `Payment charged back, pi_42: dispute du_7`.
    package var title: String {
        guard grant != nil else { return "Correction: \(reason)" }
        return ["Payment charged back", reference].compactMap(\.self).joined(separator: ", ")
            + ": \(reason)"
    }
}
