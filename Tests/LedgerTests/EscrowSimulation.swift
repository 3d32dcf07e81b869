import Ledger
import LedgerModel
import Schema

/// Several instances' books of one account against the model of the database, under one clock
/// and one order of events, both fixed by a seed.
///
/// Messages are delayed, lost on either way and doubled; the database goes away and returns;
/// leases are closed under their holders; credit comes, goes and is suspended.
struct EscrowSimulation {
    struct Faults {
        var losesMessages = true
        var hasOutages = true
        var closesLeases = true
        var movesCredit = true

        static let none = Faults(
            losesMessages: false,
            hasOutages: false,
            closesLeases: false,
            movesCredit: false
        )
    }

    /// What is to happen at some moment.
    enum Step {
        case arrive(Int)
        case tick(Int)
        case sweep(Int)
        case renew(Int)
        case acquireArrives(Int, AcquireRequest, isDouble: Bool)
        case acquired(Int, AcquireRequest, Result<AcquireReply, LedgerError>)
        case giveBackArrives(Int, GiveBackRequest, isDouble: Bool)
        case gaveBack(Int, GiveBackRequest, Result<GiveBackReply, LedgerError>)
        case recalled(Int)
        case end(Int, EscrowHold)
        case cancel(Int, UInt64)
        case append(Int, event: Int, EscrowHold, Pico)
        case confirm(Int, event: Int, EscrowHold, Pico)
        case outage(Bool)
        case close
        case grant
        case chargeBack
        case suspend(Bool)
    }

    struct Instance {
        var book: LeaseBook
        var tenure: EscrowTenure
        let validity: Duration
        /// The wake that is scheduled; one that comes at another moment is void.
        var wake: ContinuousClock.Instant?
        /// Settled and not in the database's stream, whatever the book knows of it.
        var unappended = Pico.zero
    }

    struct Wait {
        let instance: Int
        let least: Pico
        let deadline: ContinuousClock.Instant
        /// The least that the balance could cover at any moment since it came.
        var coverableMin: Pico
        /// Whether the account was suspended at any moment since it came.
        var wasSuspended: Bool
    }

    let faults: Faults
    var random: SeededGenerator
    var model: EscrowModelAuthority
    var instances: [Instance] = []
    var waits: [UInt64: Wait] = [:]
    var now: ContinuousClock.Instant
    let start: ContinuousClock.Instant
    var steps = StepQueue()
    /// Leases that were closed while their instance was silent for longer than its validity.
    var released: Set<LeaseID> = []
    var isAway = false
    var waiters: UInt64 = 0
    var events = 0
    var failures: [String] = []
    var admitted = 0
    var refused: [String: Int] = [:]
    let unit = Pico(1_000)

    init(seed: UInt64, instanceCount: Int, faults: Faults, settings: EscrowSettings) {
        self.faults = faults
        random = SeededGenerator(seed: seed)
        start = ContinuousClock.now
        now = start
        let credit = Int128(Int.random(in: 5...400, using: &random))
        model = EscrowModelAuthority(
            balance: Pico(unit.units * credit),
            creditLimit: Pico(unit.units * Int128(Int.random(in: 0...20, using: &random)))
        )
        for number in 0..<instanceCount {
            let identity = InstanceIdentity(
                instance: InstanceID(high: 1, low: UInt64(number)),
                epoch: 1,
                nonce: Nonce(high: 0, low: 0)
            )
            let firstLease = LeaseID(high: UInt64(number) << 32, low: random.next() >> 2)
            instances.append(
                Instance(
                    book: LeaseBook(
                        account: AccountID(high: 7, low: 7),
                        firstLease: firstLease,
                        settings: settings
                    ),
                    tenure: EscrowTenure(
                        identity: identity,
                        validUntil: now + settings.validity
                    ),
                    validity: settings.validity
                )
            )
            schedule(.sweep(number), within: settings.sweepInterval)
            schedule(.renew(number), within: .seconds(2))
        }
    }

    mutating func schedule(_ step: Step, within limit: Duration) {
        let share = Int.random(in: 0...1_000, using: &random)
        steps.insert(step, at: now + limit * share / 1_000)
    }

    mutating func chance(_ percent: Int) -> Bool {
        Int.random(in: 0..<100, using: &random) < percent
    }

    mutating func fail(_ words: String) {
        if failures.count < 3 { failures.append("\(now - start): \(words)") }
    }
}

/// Steps by moment, and those of one moment by when they were added.
struct StepQueue {
    private struct Entry {
        let moment: ContinuousClock.Instant
        /// Its place in `steps`, which are too large to be moved about in the heap.
        let index: Int

        func precedes(_ other: Entry) -> Bool {
            moment == other.moment ? index < other.index : moment < other.moment
        }
    }

    private var heap: [Entry] = []
    private var steps: [EscrowSimulation.Step] = []

    mutating func insert(_ step: EscrowSimulation.Step, at moment: ContinuousClock.Instant) {
        heap.append(Entry(moment: moment, index: steps.count))
        steps.append(step)
        var child = heap.count - 1
        while child > 0, heap[child].precedes(heap[(child - 1) / 2]) {
            heap.swapAt(child, (child - 1) / 2)
            child = (child - 1) / 2
        }
    }

    mutating func removeFirst() -> (moment: ContinuousClock.Instant, EscrowSimulation.Step)? {
        guard let first = heap.first else { return nil }
        let last = heap.removeLast()
        if heap.isEmpty { return (first.moment, steps[first.index]) }
        heap[0] = last
        var parent = 0
        while true {
            var least = parent
            if 2 * parent + 1 < heap.count, heap[2 * parent + 1].precedes(heap[least]) {
                least = 2 * parent + 1
            }
            if 2 * parent + 2 < heap.count, heap[2 * parent + 2].precedes(heap[least]) {
                least = 2 * parent + 2
            }
            if least == parent { return (first.moment, steps[first.index]) }
            heap.swapAt(least, parent)
            parent = least
        }
    }
}
