import Schema

/// What an account's events leave of each of its grants, and what they leave unpaid: a fold.
///
/// A charge burns the grants that were live at its call's admission, in their order; what they do
/// not cover is unpaid. Unpaid usage within the credit limit stays until an invoice is paid, so a
/// later grant never pays it. What is unpaid beyond the limit, which only a forced event leaves, is
/// taken from whatever grant has something left, and from the next that comes.
///
/// So at every version the balance is Σ rests − unpaid, and all that was granted is either left,
/// burned, expired or voided. It is a pure function of the stream: the stored state is a
/// checkpoint, which can be dropped and folded again.
package struct GrantBurnDown: Hashable, Sendable, Codable {
    /// The version of the last event that is in it.
    package internal(set) var version: Int64 = 0
    package internal(set) var creditLimit = Pico.zero
    /// What usage and corrections took that no grant covered.
    package internal(set) var unpaid = Pico.zero
    package internal(set) var totals = Totals()
    /// The grants that have something left, in the order in which they burn.
    package internal(set) var grants: [BurningGrant] = []

    package init() {}

    /// What became of everything that was ever granted.
    package struct Totals: Hashable, Sendable, Codable {
        package var granted = Pico.zero
        package var burned = Pico.zero
        package var expired = Pico.zero
        package var voided = Pico.zero
    }

    /// What all grants have left.
    package var rest: Pico { grants.reduce(into: .zero) { $0 += $1.rest } }

    /// What the events sum to.
    package var balance: Pico { rest - unpaid }

    /// What a grant has left; zero when it is used up, withdrawn or unknown.
    package func rest(of grant: GrantID) -> Pico {
        grants.first { $0.id == grant }?.rest ?? .zero
    }

    /// Takes the stream's next event.
    package mutating func apply(_ entry: BurnDownEntry) {
        apply(entry) { _, _ in }
    }

    /// Takes the stream's next event, and tells what it burns of which grants, in the order in which
    /// they burn: first for a charge, then for what earlier, forced events left unpaid.
    mutating func apply(_ entry: BurnDownEntry, burning tell: (BurningGrant, Pico) -> Void) {
        version = entry.version
        switch entry.change {
        case .nothing: return
        case .taken(let amount, let admittedAt): take(amount, at: admittedAt, tell)
        case .granted(let grant): insert(grant)
        case .withdrawn(let grant, let amount, let reason):
            withdraw(grant, amount, reason, at: entry.occurredAt)
        case .chargedBack(let grant, let amount):
            chargeBack(grant, amount, at: entry.occurredAt, tell)
        case .paid(let surplus): pay(surplus)
        case .owed(let amount): unpaid += amount
        case .limited(let limit): creditLimit = limit
        }
        payBeyondLimit(at: entry.occurredAt, tell)
    }

    private mutating func insert(_ grant: BurningGrant) {
        totals.granted += grant.rest
        guard grant.rest > .zero else { return }
        let place = grants.firstIndex { grant.burns(before: $0) } ?? grants.endIndex
        grants.insert(grant, at: place)
    }

    /// Burns what was live at an instant; the remainder is unpaid.
    private mutating func take(
        _ amount: Pico,
        at instant: Instant,
        _ tell: (BurningGrant, Pico) -> Void
    ) {
        unpaid += amount - burn(amount, tell) { $0.isLive(at: instant) }
    }

    /// Burns what was live, then what awaits its withdrawal, for all that is beyond the limit.
    private mutating func payBeyondLimit(
        at instant: Instant,
        _ tell: (BurningGrant, Pico) -> Void
    ) {
        guard unpaid > creditLimit else { return }
        unpaid -= burn(unpaid - creditLimit, tell) { $0.isLive(at: instant) }
        guard unpaid > creditLimit else { return }
        unpaid -= burn(unpaid - creditLimit, tell) { _ in true }
    }

    /// Burns up to an amount and returns how much it was.
    private mutating func burn(
        _ amount: Pico,
        _ tell: (BurningGrant, Pico) -> Void,
        where isBurnt: (BurningGrant) -> Bool
    ) -> Pico {
        var (due, isAnySpent) = (amount, false)
        for index in grants.indices {
            guard due > .zero else { break }
            guard isBurnt(grants[index]) else { continue }
            let part = min(due, grants[index].rest)
            grants[index].rest -= part
            due -= part
            isAnySpent = isAnySpent || grants[index].rest == .zero
            tell(grants[index], part)
        }
        if isAnySpent { removeSpent() }
        totals.burned += amount - due
        return amount - due
    }

    private mutating func removeSpent() {
        grants.removeAll { $0.rest == .zero }
    }

    private mutating func withdraw(
        _ grant: GrantID,
        _ amount: Pico,
        _ reason: BurnDownEntry.Withdrawal,
        at instant: Instant
    ) {
        let index = grants.firstIndex { $0.id == grant }
        let part = min(amount, index.map { grants[$0].rest } ?? .zero)
        if let index {
            grants[index].rest -= part
            if reason == .void { grants[index].end(at: instant) }
            removeSpent()
        }
        switch reason {
        case .expiry: totals.expired += part
        case .void: totals.voided += part
        }
        // A sound stream never takes more than there is; the balance must be right all the same.
        unpaid += amount - part
    }

    /// Takes back a whole grant: its rest, and what of it was burned from the others.
    private mutating func chargeBack(
        _ grant: GrantID,
        _ amount: Pico,
        at instant: Instant,
        _ tell: (BurningGrant, Pico) -> Void
    ) {
        let index = grants.firstIndex { $0.id == grant }
        let part = min(amount, index.map { grants[$0].rest } ?? .zero)
        if let index {
            grants[index].rest -= part
            removeSpent()
        }
        totals.voided += part
        take(amount - part, at: instant, tell)
    }

    /// Pays what is unpaid; the surplus is a grant of its own.
    private mutating func pay(_ money: BurningGrant) {
        let part = min(unpaid, money.rest)
        unpaid -= part
        var surplus = money
        surplus.rest -= part
        if surplus.rest > .zero { insert(surplus) }
    }
}

/// A grant that has something left.
package struct BurningGrant: Hashable, Sendable, Codable {
    package let id: GrantID
    package let kind: CreditGranted.Kind
    package let priority: Int32
    /// The instant from which on calls are admitted on it.
    package let startsAt: Instant
    package let expiresAt: Instant?
    /// The version of its event: the lower, the older.
    package let version: Int64
    package internal(set) var voidedAt: Instant?
    package internal(set) var rest: Pico

    init(
        id: GrantID,
        kind: CreditGranted.Kind,
        priority: Int32 = 0,
        startsAt: Instant,
        expiresAt: Instant? = nil,
        version: Int64,
        voidedAt: Instant? = nil,
        rest: Pico
    ) {
        self.id = id
        self.kind = kind
        self.priority = priority
        self.startsAt = startsAt
        self.expiresAt = expiresAt
        self.version = version
        self.voidedAt = voidedAt
        self.rest = rest
    }

    /// The total order of burning: priority, sooner expiry, promotional before paid, older.
    func burns(before other: BurningGrant) -> Bool { order < other.order }

    private var order: (Int32, Int64, Int, Int64) {
        (priority, expiresAt?.microseconds ?? .max, kind == .promotional ? 0 : 1, version)
    }

    /// Whether a call that is admitted at an instant may burn it.
    func isLive(at instant: Instant) -> Bool {
        startsAt <= instant && instant < expiresAt ?? .distantFuture
            && instant < voidedAt ?? .distantFuture
    }

    fileprivate mutating func end(at instant: Instant) {
        voidedAt = min(voidedAt ?? .distantFuture, instant)
    }
}

extension Instant {
    fileprivate static let distantFuture = Instant(microseconds: .max)
}
