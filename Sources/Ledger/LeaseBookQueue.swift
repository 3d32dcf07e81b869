import Schema

/// Holds that wait for one account, first come first served.
///
/// Later ones may pass the first while credit cannot cover it yet, but only so many: then
/// everything that comes free is kept for it, and no stream of small holds starves a large one.
struct LeaseBookQueue: Sendable {
    struct Waiter: Sendable {
        let id: UInt64
        let want: Pico
        let least: Pico
        let caps: [SpendCap]
        let admittedAt: Instant
        let deadline: ContinuousClock.Instant
        /// Counts the waiters of the book, in order.
        let arrival: UInt64
        /// What the database has said since this one came.
        var word = Word.none
        /// It is a cap that cannot cover it yet: it keeps nobody from the account's money.
        var isShortOfCap = false
    }

    enum Word: Sendable {
        case none
        /// It was asked and did not answer.
        case failed
        /// It answered an acquire that was sent after the waiter came.
        case answered
    }

    private(set) var waiters: [Waiter] = []
    private(set) var arrivals: UInt64 = 0
    /// How many have passed the first since it became the first.
    private var passes = 0

    var isEmpty: Bool { waiters.isEmpty }
    var count: Int { waiters.count }
    var first: Waiter? { waiters.first }

    func mayPass(max passesMax: Int) -> Bool { passes < passesMax }

    /// Whether a hold under these caps has to wait behind one that is here.
    func blocks(_ caps: [SpendCap]) -> Bool {
        waiters.contains { !$0.isShortOfCap || $0.shares(caps) }
    }

    mutating func append(
        id: UInt64,
        want: Pico,
        least: Pico,
        caps: [SpendCap],
        admittedAt: Instant,
        deadline: ContinuousClock.Instant
    ) {
        arrivals += 1
        waiters.append(
            Waiter(
                id: id,
                want: want,
                least: least,
                caps: caps,
                admittedAt: admittedAt,
                deadline: deadline,
                arrival: arrivals
            )
        )
    }

    mutating func remove(_ id: UInt64) -> Bool {
        guard let index = waiters.firstIndex(where: { $0.id == id }) else { return false }
        waiters.remove(at: index)
        if index == 0 { passes = 0 }
        return true
    }

    /// Lets go of those that depart, in order.
    ///
    /// - Parameter decide: is told whether the waiter is the first of those that stay and wait for
    ///   the same money, and whether it may be served before that one; returns nil to let it stay.
    /// - Parameter isShortOfCap: whether it is a cap that keeps a waiter that stays.
    mutating func sweep(
        _ decide: (_ waiter: Waiter, _ isFirst: Bool, _ mayPass: Bool) -> Departure?,
        isShortOfCap: (Waiter) -> Bool,
        passesMax: Int
    ) {
        var staying: [Waiter] = []
        let formerFirst = waiters.first?.id
        var passed = passes
        for var waiter in waiters {
            let isFirst = !staying.contains { !$0.isShortOfCap || $0.shares(waiter.caps) }
            guard let departure = decide(waiter, isFirst, passed < passesMax) else {
                if staying.isEmpty, waiter.id != formerFirst { passed = 0 }
                waiter.isShortOfCap = isShortOfCap(waiter)
                staying.append(waiter)
                continue
            }
            if departure == .served, !isFirst { passed += 1 }
        }
        waiters = staying
        passes = staying.isEmpty ? 0 : passed
    }

    enum Departure: Sendable {
        case served
        case refused
    }

    /// Notes the database's word for those that had come when it was asked.
    mutating func note(_ word: Word, upTo arrival: UInt64) {
        for index in waiters.indices where waiters[index].arrival <= arrival {
            if case .answered = waiters[index].word { continue }
            waiters[index].word = word
        }
    }

    var earliestDeadline: ContinuousClock.Instant? { waiters.map(\.deadline).min() }
}

extension LeaseBookQueue.Waiter {
    /// Whether it takes from one of these caps too.
    func shares(_ caps: [SpendCap]) -> Bool {
        self.caps.contains { own in caps.contains { $0.scope == own.scope } }
    }
}
