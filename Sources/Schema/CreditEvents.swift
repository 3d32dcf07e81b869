/// Credit added to an account; posted at the instant from which it burns.
package struct CreditGranted: Hashable, Sendable {
    package enum Kind: String, CaseIterable, Sendable {
        case paid
        case promotional
    }

    package let grant: GrantID
    package let kind: Kind
    /// Above zero, at most `Pico.balanceMax`.
    package let amount: Pico
    /// An outside reference such as a payment's, unique in the account.
    package let reference: String?
    /// Lower burns first.
    package let priority: Int32
    /// From this instant on no call is admitted on it; nil is never.
    package let expiresAt: Instant?

    package init(
        grant: GrantID,
        kind: Kind,
        amount: Pico,
        reference: String?,
        priority: Int32 = 0,
        expiresAt: Instant? = nil
    ) {
        self.grant = grant
        self.kind = kind
        self.amount = amount
        self.reference = reference
        self.priority = priority
        self.expiresAt = expiresAt
    }
}

/// Unburned credit taken back, because its time is over or it was voided.
///
/// What running calls may still burn stays until they have ended, so a grant may be withdrawn in
/// several events, each of which says how much went and how much is kept for those calls.
package struct CreditWithdrawn: Hashable, Sendable {
    package let grant: GrantID
    /// What leaves the balance now; zero or above.
    package let amount: Pico
    /// What stays reserved for running calls; zero when the withdrawal is complete.
    package let kept: Pico

    package init(grant: GrantID, amount: Pico, kept: Pico) {
        self.grant = grant
        self.amount = amount
        self.kept = kept
    }
}

/// A payment taken back by whoever made it: its grant's whole amount goes, burned or not.
package struct CreditChargedBack: Hashable, Sendable {
    package let grant: GrantID
    /// Above zero.
    package let amount: Pico
    package let reason: String

    package init(grant: GrantID, amount: Pico, reason: String) {
        self.grant = grant
        self.amount = amount
        self.reason = reason
    }
}

/// A correction of the balance by a person, with its reason.
package struct CreditAdjusted: Hashable, Sendable {
    /// Signed and not zero.
    package let amount: Pico
    package let reason: String

    package init(amount: Pico, reason: String) {
        self.amount = amount
        self.reason = reason
    }
}

/// A new credit limit: how far below zero the balance may go.
package struct CreditLimitSet: Hashable, Sendable {
    /// Zero or above.
    package let limit: Pico

    package init(limit: Pico) {
        self.limit = limit
    }
}
