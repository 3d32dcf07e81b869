import Schema

/// Money set aside for one call out of its account's lease: an upper bound of what it can cost.
///
/// Ends in exactly one `settle` or `release`; a second one changes nothing.
package struct EscrowHold: Hashable, Sendable {
    package let account: AccountID
    /// The lease that the call's usage event names; nil when the amount is zero.
    package let lease: LeaseID?
    package let amount: Pico
    /// The caps that it was taken from as well; the call's usage event says so.
    package let capped: CappedScopes
    /// Tells this hold from every other of its account.
    let serial: UInt64

    /// The same hold with another amount.
    func holding(_ amount: Pico) -> EscrowHold {
        EscrowHold(account: account, lease: lease, amount: amount, capped: capped, serial: serial)
    }
}

/// What a call asks of its account.
package struct EscrowRequest: Hashable, Sendable {
    package var account: AccountID
    /// An upper bound of what the call can cost.
    package var want: Pico
    /// The least that is of use to it: above zero unless `want` is zero.
    package var least: Pico
    /// How long it may wait; nil for the settings' default.
    package var waitMax: Duration?
    /// The caps that apply to it: it takes from each of them as well, or from nothing.
    package var caps: [SpendCap]
    /// Decides the windows of the caps; recorded on the call's usage event.
    package var admittedAt: Instant

    package init(
        _ account: AccountID,
        want: Pico,
        least: Pico,
        waitMax: Duration? = nil,
        caps: [SpendCap] = [],
        admittedAt: Instant = Instant(microseconds: 0)
    ) {
        self.account = account
        self.want = want
        self.least = least
        self.waitMax = waitMax
        self.caps = caps
        self.admittedAt = admittedAt
    }
}

/// Why a call was not admitted, with the figures that show it.
package struct EscrowRefusal: Error, Hashable, Sendable, CustomStringConvertible {
    package enum Reason: Hashable, Sendable {
        /// The balance or a cap cannot cover the call, even with nothing running (402).
        case insufficient
        /// They could, but running calls or other leases have the money now (429).
        case tiedUp(retryAfter: Duration)
        /// The lease cannot cover the call, and the database does not answer or may not be asked.
        case unavailable
        /// The account is suspended (403).
        case suspended
        /// The caller's task was cancelled while it waited; nothing is held.
        case cancelled
    }

    package let reason: Reason
    /// The balance as the database last said it; zero when it is not known.
    package let balance: Pico
    /// What running calls and leases have set aside; zero when it is not known.
    package let held: Pico
    /// The least that the call needs.
    package let needed: Pico
    /// The cap that ran out; nil when it is the balance.
    package let cap: CapShortage?

    package init(
        _ reason: Reason,
        balance: Pico,
        held: Pico,
        needed: Pico,
        cap: CapShortage? = nil
    ) {
        self.reason = reason
        self.balance = balance
        self.held = held
        self.needed = needed
        self.cap = cap
    }

    package var description: String {
        "\(reason): balance \(balance), held \(held), needed \(needed)"
            + (cap.map { ", limited by \($0.name)" } ?? "")
    }
}

/// What an instance holds of one account.
package struct EscrowHoldings: Hashable, Sendable {
    /// Set aside for running calls.
    package var held: Pico = .zero
    /// Charged here and not yet in the account's stream.
    package var unshipped: Pico = .zero
    /// In the lease and free for the next call.
    package var available: Pico = .zero
    /// Running calls, those with a hold of zero included.
    package var holdCount = 0

    package init() {}
}

/// An instance's right to admit: who it is, until when, and whether it still wants to.
package struct EscrowTenure: Hashable, Sendable {
    package enum Phase: Hashable, Sendable {
        case serving
        /// Stopping: admits nothing, settles, gives back and closes.
        case draining
        /// Another process owns the instance: admits nothing and speaks for no lease.
        case superseded
    }

    package var identity: InstanceIdentity
    /// No admission, growth of a hold or upstream attempt from this moment on.
    package var validUntil: ContinuousClock.Instant
    /// How often validity had run out before it was renewed.
    ///
    /// Leases from before a lapse may have been released meanwhile, and are used again only after
    /// the database has answered for them.
    package var lapses = 0
    package var phase = Phase.serving

    package init(identity: InstanceIdentity, validUntil: ContinuousClock.Instant) {
        self.identity = identity
        self.validUntil = validUntil
    }

    /// Renews the validity, as counted from before the heartbeat was sent.
    package mutating func renew(
        until validUntil: ContinuousClock.Instant,
        now: ContinuousClock.Instant
    ) {
        if now >= self.validUntil { lapses += 1 }
        self.validUntil = max(self.validUntil, validUntil)
    }

    /// Whether calls that were admitted may go to an upstream at this moment: also while draining.
    package func permitsAttempts(at now: ContinuousClock.Instant) -> Bool {
        phase != .superseded && now < validUntil
    }

    /// Whether calls may be admitted at this moment.
    package func admits(at now: ContinuousClock.Instant) -> Bool {
        phase == .serving && now < validUntil
    }
}
