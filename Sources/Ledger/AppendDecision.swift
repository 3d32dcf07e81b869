import Digest
import Schema

/// Decides what a batch of events does to its accounts: versions, amounts, escrow.
///
/// A parked event stops nothing but itself. Its stream goes on, because the events of an account
/// commute: each carries its own figures, fixed at its admission, and only adds them to sums.
/// Holding later ones back would leave leases unsettled and refuse a paying customer for one bad
/// record. What the parked event's lease had set aside moves to `reserved`, so that nobody else
/// can spend it and the event can still be paid for when it is put right.
package struct AppendDecision {
    /// How far ahead of the database's clock an event may be.
    static let aheadOfClockMax: Int64 = 24 * 3_600

    package private(set) var heads: [AccountID: HeadSummary]
    package private(set) var leases: [LeaseKey: LeaseFigures]
    /// Before which usage is not charged any more, of the accounts whose last close says so.
    package private(set) var chargedFrom: [AccountID: Instant]
    /// The content of the ids that are in the streams, those of this batch included.
    private var present: [EventKey: SHA256Digest]
    /// What is set aside already: it is answered again, but neither kept nor reserved twice.
    private let alreadyParked: Set<SHA256Digest>
    /// Calls that were made again in their own place, and cost nothing any more.
    private let repeated: Set<RequestID>
    private let now: Instant

    package private(set) var placed: [PlacedEvent] = []
    package private(set) var parked: [ParkedEvent] = []
    package private(set) var changedHeads: Set<AccountID> = []
    package private(set) var changedLeases: Set<LeaseKey> = []
    /// Those of them that an event has ended.
    package private(set) var closedLeases: Set<LeaseKey> = []
    /// The accounts of which a month was closed.
    package private(set) var closedAccounts: Set<AccountID> = []

    package init(
        heads: [AccountID: HeadSummary],
        leases: [LeaseKey: LeaseFigures],
        chargedFrom: [AccountID: Instant] = [:],
        present: [EventKey: SHA256Digest],
        alreadyParked: Set<SHA256Digest> = [],
        repeated: Set<RequestID> = [],
        now: Instant
    ) {
        self.heads = heads
        self.leases = leases
        self.chargedFrom = chargedFrom
        self.present = present
        self.alreadyParked = alreadyParked
        self.repeated = repeated
        self.now = now
    }

    /// Decides one event.
    ///
    /// With `poison`, which is what the database said of it, it is parked.
    package mutating func add(_ hashed: HashedEvent, poison: String? = nil) -> AppendOutcome {
        let event = hashed.event
        guard var head = heads[event.account] else {
            return park(hashed, .unknownAccount, "the account does not exist")
        }
        let key = EventKey(account: event.account, event: event.id)
        if let content = present[key] {
            // A start that ended a call did not know that it had ended: its end stands.
            if content == hashed.contentHash || event.isInterruption { return .duplicate }
            return park(hashed, .contentChanged, "the id is in the stream with other content")
        }
        if let poison { return park(hashed, .refusedByDatabase, poison) }
        if let defect = event.defect { return park(hashed, .malformed, defect) }
        if event.occurredAt > now.adding(seconds: Self.aheadOfClockMax) {
            return park(hashed, .aheadOfClock, "it lies more than a day ahead of the clock")
        }

        let effect = apply(event, to: &head)
        head.version += 1
        heads[event.account] = head
        changedHeads.insert(event.account)
        present[key] = hashed.contentHash
        placed.append(PlacedEvent(version: head.version, effect: effect, hashed: hashed))
        return effect.isTooLate
            ? .late(version: head.version, excess: effect.excess)
            : .appended(version: head.version, amount: effect.amount, excess: effect.excess)
    }

    private mutating func apply(_ event: Event, to head: inout HeadSummary) -> EventEffect {
        let account = event.account
        switch event.body {
        case .usage(let usage):
            return event.isTooLate(chargedFrom[account])
                ? remit(usage, of: account, head: &head)
                : settle(usage, of: account, head: &head)
        case .creditGranted(let grant):
            return move(grant.amount, &head)
        case .creditExpired(let withdrawal), .creditVoided(let withdrawal):
            // Never by force: what running calls may need is kept, which the CHECK confirms.
            head.balance -= withdrawal.amount
            return EventEffect(amount: -withdrawal.amount)
        case .creditChargedBack(let chargeback):
            return move(-chargeback.amount, &head)
        case .creditAdjusted(let adjustment):
            return move(adjustment.amount, &head)
        case .creditLimitSet(let change):
            head.creditLimit = change.limit
            return move(.zero, &head)
        case .payment(let payment):
            return move(payment.amount, &head)
        case .creditNote(let note):
            return move(note.amount, &head)
        case .rounding(let rounding):
            return move(rounding.amount, &head)
        case .leaseLost(let lost):
            close(lost, of: account, head: &head)
            return EventEffect(amount: .zero)
        case .periodClosed(let closed):
            chargedFrom[account] = closed.chargedFrom
            closedAccounts.insert(account)
            return EventEffect(amount: .zero)
        }
    }

    /// Ends a lease: what it has left is free again, and later charges of it settle against that.
    private mutating func close(
        _ lost: LeaseLost,
        of account: AccountID,
        head: inout HeadSummary
    ) {
        let key = LeaseKey(account: account, lease: lost.lease)
        guard leases[key]?.isOpen == true else { return }
        let released = remaining(of: lost.lease, account)
        leases[key]?.granted -= released
        leases[key]?.isOpen = false
        changedLeases.insert(key)
        closedLeases.insert(key)
        head.escrowed -= released
        head.releaseOverdrawn()
    }

    /// Moves the balance by force: what leases hold beyond it becomes overdrawn.
    private func move(_ amount: Pico, _ head: inout HeadSummary) -> EventEffect {
        head.balance += amount
        head.coverByForce()
        return EventEffect(amount: amount)
    }

    /// Takes a charge from its lease, then from what is free; what fits in neither is excess, and
    /// so is all of a call that was made again.
    private mutating func settle(
        _ usage: Usage,
        of account: AccountID,
        head: inout HeadSummary
    ) -> EventEffect {
        let due = repeated.contains(usage.request) ? .zero : min(usage.charge, usage.hold)
        let fromLease = min(due, remaining(of: usage.lease, account))
        if fromLease > .zero, let lease = usage.lease {
            let key = LeaseKey(account: account, lease: lease)
            leases[key]?.settled += fromLease
            changedLeases.insert(key)
        }
        let fromFree = min(due - fromLease, head.free.clampedToZero)
        let amount = fromLease + fromFree
        head.balance -= amount
        head.escrowed -= fromLease
        head.releaseOverdrawn()
        return EventEffect(
            amount: -amount,
            fromLease: fromLease,
            excess: usage.excess + usage.charge - amount
        )
    }

    /// Takes nothing for usage that comes too late: what its lease had set aside for it is free
    /// again, as its instance believes already.
    private mutating func remit(
        _ usage: Usage,
        of account: AccountID,
        head: inout HeadSummary
    ) -> EventEffect {
        let released = release(usage, of: account, head: &head)
        head.releaseOverdrawn()
        return EventEffect(
            amount: .zero,
            released: released,
            excess: usage.excess + usage.charge,
            isTooLate: true
        )
    }

    private mutating func park(
        _ hashed: HashedEvent,
        _ reason: ParkReason,
        _ message: String
    ) -> AppendOutcome {
        if alreadyParked.contains(hashed.contentHash) { return .parked(reason) }
        let reserved = reason == .contentChanged ? .zero : reserve(hashed.event)
        parked.append(
            ParkedEvent(hashed: hashed, reason: reason, message: message, reserved: reserved)
        )
        return .parked(reason)
    }

    /// Moves what the event would have taken from its lease into the head's `reserved`.
    private mutating func reserve(_ event: Event) -> Pico {
        guard case .usage(let usage) = event.body, var head = heads[event.account] else {
            return .zero
        }
        let amount = release(usage, of: event.account, head: &head)
        guard amount > .zero else { return .zero }
        head.reserved += amount
        head.releaseOverdrawn()
        heads[event.account] = head
        changedHeads.insert(event.account)
        return amount
    }

    /// Lowers what is leased by what the event would have taken of it, and returns that.
    private mutating func release(
        _ usage: Usage,
        of account: AccountID,
        head: inout HeadSummary
    ) -> Pico {
        guard let lease = usage.lease else { return .zero }
        let due = min(usage.charge, usage.hold).clampedToZero
        let amount = min(due, remaining(of: lease, account))
        guard amount > .zero else { return .zero }
        let key = LeaseKey(account: account, lease: lease)
        leases[key]?.granted -= amount
        changedLeases.insert(key)
        head.escrowed -= amount
        return amount
    }

    private func remaining(of lease: LeaseID?, _ account: AccountID) -> Pico {
        guard let lease, let figures = leases[LeaseKey(account: account, lease: lease)],
            figures.isOpen
        else { return .zero }
        return figures.granted - figures.settled
    }
}

/// An event and what it is recognised by.
package struct HashedEvent: Sendable {
    package let event: Event
    package let contentHash: SHA256Digest

    package init(_ event: Event) {
        self.event = event
        contentHash = EventEncoding.contentHash(event)
    }

    /// Reads canonical bytes, whose hash is the event's: no event has other ones.
    package init(decoding bytes: [UInt8]) throws(EventDecodingError) {
        event = try EventEncoding.decode(bytes)
        contentHash = SHA256.hash(bytes)
    }
}

/// An event's id within its account.
package struct EventKey: Hashable {
    package let account: AccountID
    package let event: EventID

    package init(account: AccountID, event: EventID) {
        self.account = account
        self.event = event
    }
}

/// A lease's id within its account.
package struct LeaseKey: Hashable {
    package let account: AccountID
    package let lease: LeaseID

    package init(account: AccountID, lease: LeaseID) {
        self.account = account
        self.lease = lease
    }
}

/// What an append has to know of a lease.
package struct LeaseFigures: Hashable, Sendable {
    package var granted: Pico
    package var settled: Pico
    package var isOpen: Bool

    package init(granted: Pico, settled: Pico, isOpen: Bool) {
        self.granted = granted
        self.settled = settled
        self.isOpen = isOpen
    }
}

/// What an event does to its account.
package struct EventEffect: Sendable {
    package var amount: Pico
    /// What of a charge the lease had set aside.
    package var fromLease = Pico.zero
    /// What a lease had set aside for a charge that is not taken.
    package var released = Pico.zero
    package var excess = Pico.zero
    /// Whether it is usage that is not charged, because it came too late.
    package var isTooLate = false
}

/// An event that has its place in the stream.
package struct PlacedEvent: Sendable {
    package let version: Int64
    package let effect: EventEffect
    package let hashed: HashedEvent
}

/// An event that is set aside.
package struct ParkedEvent: Sendable {
    package let hashed: HashedEvent
    package let reason: ParkReason
    package let message: String
    package let reserved: Pico
}

extension HeadSummary {
    /// What a late charge may take: neither leased nor reserved.
    var free: Pico { balance + creditLimit + overdrawn - escrowed - reserved }

    /// What the leases hold beyond balance and limit.
    private var uncovered: Pico { (escrowed - balance - creditLimit).clampedToZero }

    /// After a forced event: what it took beyond balance and limit becomes overdrawn.
    mutating func coverByForce() { overdrawn = uncovered }

    /// After money came free: nothing stays overdrawn that is covered again.
    ///
    /// Never raises it, so that an overspend by our own fault still breaks the CHECK.
    mutating func releaseOverdrawn() { overdrawn = min(overdrawn, uncovered) }
}

extension Event {
    /// Whether it ends a call whose end nobody saw.
    fileprivate var isInterruption: Bool {
        guard case .usage(let usage) = body else { return false }
        return usage.outcome == .interrupted
    }
}
