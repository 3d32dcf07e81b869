import Schema

/// One account's lease as the instance that holds it sees it.
///
/// A pure value: every method is told the moment and the tenure, changes the figures and returns
/// what is to be done. It never claims more than the database has set aside: its own figure is
/// lowered before credit is given back and raised only by the reply to an acquire. An operation
/// without an answer is repeated under its number until it has one.
package struct LeaseBook: Sendable {
    package typealias Moment = ContinuousClock.Instant

    package let account: AccountID
    let settings: EscrowSettings

    var lease: Lease?
    var caps = CapBook()
    /// Leases that the database closed or that were given up, until their charges are appended.
    var retired: [LeaseID: RetiredLease] = [:]
    var holds: [UInt64: Hold] = [:]
    var operation: PendingOperation?
    var demand = LeaseBookDemand()
    var queue = LeaseBookQueue()
    var recall = LeaseBookRecall()

    /// The account as the database last said it was.
    private(set) var head: HeadSummary?
    private(set) var headAt: Moment?
    /// Charged here and not known to be in the head's balance.
    private var chargedSinceHead = Pico.zero

    /// No acquire for the time being: the pace of one account.
    var acquiresFrom: Moment?
    /// No operation for the time being, after the database has rejected one.
    var pausedUntil: Moment?
    /// When waiting holds that were refused ask the database again.
    var retriesFrom: Moment?
    var gaveBackAt: Moment?
    private(set) var usedAt: Moment?

    private var leaseIDs: LeaseID
    private var serials: UInt64

    /// - Parameter firstLease: a fresh identifier; those of later leases count up from it.
    package init(account: AccountID, firstLease: LeaseID, settings: EscrowSettings) {
        self.account = account
        self.settings = settings
        leaseIDs = firstLease
        serials = firstLease.low
    }

    struct Lease: Sendable {
        let id: LeaseID
        /// What operations have added, less what was given back.
        var granted = Pico.zero
        /// Charges of calls that held from this lease.
        var settled = Pico.zero
        /// Those of them that are in the account's stream.
        var shipped = Pico.zero
        var held = Pico.zero
        var nextSequence: Int64 = 1
        /// The acquire of that number was given up, and a copy of it may yet be done.
        ///
        /// Until one is answered, the lease can only be closed or reclaimed, which skip it.
        var isInDoubt = false
        /// The tenure's lapses when the database last answered for this lease.
        var lapses: Int
        /// The database's history that it is registered in.
        var incarnation: Incarnation

        var available: Pico { granted - settled - held }
        var unshipped: Pico { settled - shipped }
        /// The number of an operation that skips whatever may yet be done.
        var sequenceBeyondDoubt: Int64 { isInDoubt ? nextSequence + 1 : nextSequence }

        mutating func answered(_ opSequence: Int64) {
            nextSequence = opSequence + 1
            isInDoubt = false
        }
    }

    struct RetiredLease: Sendable {
        var held: Pico
        var unshipped: Pico
    }

    struct Hold: Sendable {
        let lease: LeaseID?
        var amount: Pico
        let caps: [CapBook.Place]
    }
}

// MARK: - The life of a hold

extension LeaseBook {
    /// Holds all of `want` from what the lease and every cap have free, at once or not at all.
    ///
    /// Nil as well while others wait for the same money, and while the account may not spend.
    package mutating func tryHold(
        _ want: Pico,
        caps: [SpendCap] = [],
        at instant: Instant = Instant(microseconds: 0),
        now: Moment,
        tenure: EscrowTenure
    ) -> EscrowHold? {
        if !caps.isEmpty { self.caps.adopt(caps) }
        guard !queue.blocks(caps), tenure.admits(at: now) else { return nil }
        if want <= .zero { return isBarred(at: now) ? nil : open(.zero, on: nil) }
        guard !isBlocked, want <= spendable(tenure),
            want <= self.caps.available(caps, at: instant)
        else { return nil }
        return take(want, of: caps, at: instant, now: now)
    }

    /// Raises a hold to `amount` from what the lease has free; nil when that is not enough.
    package mutating func tryGrow(
        _ hold: EscrowHold,
        to amount: Pico,
        now: Moment,
        tenure: EscrowTenure
    ) -> EscrowHold? {
        guard queue.isEmpty, tenure.admits(at: now), !isBlocked,
            let current = holds[hold.serial], current.lease == lease?.id, current.lease != nil
        else { return nil }
        let growth = (amount - current.amount).clampedToZero
        guard growth <= spendable(tenure), growth <= caps.growth(current.caps) else { return nil }
        lease?.held += growth
        caps.grow(current.caps, by: growth)
        holds[hold.serial]?.amount += growth
        noteUse(of: growth, now: now)
        return hold.holding(current.amount + growth)
    }

    /// Joins a second hold of the same call to its first, which has waited for it; nil when the
    /// first has ended, or when they are not of one lease and of the same parts of caps.
    package mutating func merge(_ more: EscrowHold, into hold: EscrowHold) -> EscrowHold? {
        guard more.serial != hold.serial, let added = holds[more.serial],
            let current = holds[hold.serial], added.lease == current.lease,
            added.caps == current.caps
        else { return nil }
        holds[more.serial] = nil
        holds[hold.serial]?.amount += added.amount
        return hold.holding(current.amount + added.amount)
    }

    /// Ends a hold with what the call cost; more than the hold is cut to it, as in the ledger.
    package mutating func settle(
        _ hold: EscrowHold,
        charge: Pico,
        now: Moment,
        tenure: EscrowTenure
    ) -> [LeaseAction] {
        guard let ended = holds.removeValue(forKey: hold.serial) else { return [] }
        guard let id = ended.lease else { return [] }
        let charge = min(charge.clampedToZero, ended.amount)
        usedAt = now
        chargedSinceHead += charge
        caps.settle(ended.caps, held: ended.amount, charge: charge, now: now)
        if lease?.id == id {
            lease?.held -= ended.amount
            lease?.settled += charge
            demand.settled(charge)
        } else {
            retired[id]?.held -= ended.amount
            retired[id]?.unshipped += charge
            forgetRetired(id)
        }
        guard !queue.isEmpty || recall.isGiving(at: now) else { return [] }
        return advance(now: now, tenure: tenure)
    }

    /// Notes that charges of a lease are in the account's stream.
    package mutating func shipped(
        _ amount: Pico,
        of id: LeaseID,
        now: Moment,
        tenure: EscrowTenure
    ) -> [LeaseAction] {
        if lease?.id == id {
            lease?.shipped += amount
        } else {
            retired[id]?.unshipped -= amount
            forgetRetired(id)
        }
        guard !queue.isEmpty || tenure.phase == .draining else { return [] }
        // The balance that decides about the waiting has come down by this much.
        if !isBlocked { retriesFrom = nil }
        return advance(now: now, tenure: tenure)
    }

    /// Takes from the lease and from the caps what was found to be there.
    mutating func take(
        _ amount: Pico,
        of caps: [SpendCap],
        at instant: Instant,
        now: Moment
    ) -> EscrowHold? {
        guard let id = lease?.id else { return nil }
        lease?.held += amount
        noteUse(of: amount, now: now)
        let places =
            caps.isEmpty ? [] : self.caps.take(amount, of: caps, at: instant, now: now)
        return open(amount, on: id, places)
    }

    mutating func open(
        _ amount: Pico,
        on id: LeaseID?,
        _ places: [CapBook.Place] = []
    ) -> EscrowHold {
        serials &+= 1
        holds[serials] = Hold(lease: id, amount: amount, caps: places)
        return EscrowHold(
            account: account,
            lease: id,
            amount: amount,
            capped: places.reduce(into: []) { $0.formUnion($1.capped) },
            serial: serials
        )
    }

    private mutating func noteUse(of amount: Pico, now: Moment) {
        usedAt = now
        demand.held(amount, leaving: lease?.available ?? .zero)
    }
}

// MARK: - Figures

extension LeaseBook {
    package var holdings: EscrowHoldings {
        var holdings = EscrowHoldings()
        holdings.holdCount = holds.count
        holdings.held = lease?.held ?? .zero
        holdings.unshipped = unshipped
        holdings.available = lease?.available ?? .zero
        for lease in retired.values { holdings.held += lease.held }
        return holdings
    }

    /// The balance by the database's last word and the charges made here; nil before it spoke.
    package var balance: Pico? { head.map { $0.balance - chargedSinceHead } }

    /// An open lease as its holder counts it.
    package typealias Figures = (lease: LeaseID, granted: Pico, settled: Pico, available: Pico)

    /// The open lease's figures; nil without one.
    package var leaseFigures: Figures? {
        lease.map { ($0.id, $0.granted, $0.settled, $0.available) }
    }

    /// What the open lease has free of each day of a cap.
    package var capsAvailable: [CapDay: Pico] { lease == nil ? [:] : caps.available }

    /// Charged here and not known to be in the account's stream.
    var unshipped: Pico {
        retired.values.reduce(lease?.unshipped ?? .zero) { $0 + $1.unshipped }
    }

    /// What the lease can pay for now: nothing until the database has answered for it.
    func spendable(_ tenure: EscrowTenure) -> Pico {
        guard let lease, lease.lapses == tenure.lapses else { return .zero }
        return lease.available
    }

    /// The account may spend nothing, by its latest figures.
    var isBlocked: Bool {
        guard let head else { return false }
        return head.isSuspended || head.overdrawn > .zero
    }

    /// Blocked by figures young enough to refuse alone, without asking again.
    func isBarred(at now: Moment) -> Bool {
        guard isBlocked, let headAt else { return false }
        return now - headAt < settings.headTrust
    }

    /// The most that the balance could cover with nothing running.
    ///
    /// What is settled here and not shipped may or may not be in the balance already, for a
    /// commit is known later than it is done. So it is not taken off: while it decides, the call
    /// waits as for tied-up money, until the shipping is known and the database asked again.
    func coverable(_ head: HeadSummary) -> Pico {
        head.balance + head.creditLimit - head.reserved
    }

    /// Whether nothing of the account is left here that anybody could miss.
    package func isDisposable(at now: Moment) -> Bool {
        lease == nil && operation == nil && queue.isEmpty && holds.isEmpty && retired.isEmpty
            && !isBarred(at: now)
    }

    /// Whether the book has given up all that it had.
    package var isClosed: Bool { lease == nil && operation == nil && holds.isEmpty }

    func refusal(
        _ reason: EscrowRefusal.Reason,
        needing needed: Pico,
        cap: CapShortage? = nil
    ) -> EscrowRefusal {
        guard let head else {
            return EscrowRefusal(
                reason,
                balance: .zero,
                held: holdings.held,
                needed: needed,
                cap: cap
            )
        }
        let own = holdings
        let elsewhere = (head.escrowed - own.held - own.available - own.unshipped).clampedToZero
        return EscrowRefusal(
            reason,
            balance: head.balance,
            held: own.held + elsewhere,
            needed: needed,
            cap: cap
        )
    }
}

// MARK: - What the database says

extension LeaseBook {
    /// Takes over figures of the account that came by another way, unless they are older.
    package mutating func observe(_ head: HeadSummary, now: Moment) {
        if let known = self.head, known.version > head.version { return }
        note(head, now: now)
    }

    mutating func note(_ head: HeadSummary, now: Moment) {
        self.head = head
        headAt = now
        chargedSinceHead = unshipped
    }

    mutating func openLease(_ tenure: EscrowTenure) -> Lease {
        let lease = Lease(
            id: leaseIDs,
            lapses: tenure.lapses,
            incarnation: tenure.identity.incarnation
        )
        let variant: UInt64 = 0x8000_0000_0000_0000
        leaseIDs = LeaseID(
            high: leaseIDs.high,
            low: variant | (leaseIDs.low &+ 1) & 0x3fff_ffff_ffff_ffff
        )
        self.lease = lease
        return lease
    }

    /// Admits nothing more on the lease; calls that hold from it settle against free balance.
    mutating func retireLease() {
        guard let lease else { return }
        self.lease = nil
        caps.close()
        demand = LeaseBookDemand()
        retired[lease.id] = RetiredLease(held: lease.held, unshipped: lease.unshipped)
        forgetRetired(lease.id)
    }

    private mutating func forgetRetired(_ id: LeaseID) {
        guard let lease = retired[id], lease.unshipped <= .zero else { return }
        guard !holds.values.contains(where: { $0.lease == id }) else { return }
        retired[id] = nil
    }
}
