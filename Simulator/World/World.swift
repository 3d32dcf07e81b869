import Ledger
import LedgerModel
import Schema

/// A whole deployment under one clock and one order of events, both fixed by a seed.
///
/// Hosts run processes, processes drive the product's own values (books, journals, shipments), and
/// messages between them and the model of the database are delayed, lost, doubled. After every step
/// all invariants are looked at; the first that does not hold ends the run.
final class World {
    /// Moments of the product are distances from here, wherever that is.
    static let origin = ContinuousClock.now
    /// What the walls' clocks show when a world begins: three seconds before 2026, so that the days
    /// and months of caps turn while calls run.
    static let wallOrigin: Int64 = 1_767_225_597_000_000
    static let unit: Int128 = 1_000_000_000
    /// Far more than the busiest seed takes, so that a storm of messages is found as well.
    static let stepsMax = 100_000

    let plan: Plan
    let mutation: Mutation?
    var dice: Dice
    var agenda = Agenda()
    var now: Moment = 0
    var trace: Trace

    let accounts: [AccountID]
    var database: ModelDatabase
    /// What a standby has that has fallen behind; nil for one that has everything.
    var standby: ModelDatabase?
    /// An event that no projection can take in.
    private(set) var poison: (account: AccountID, version: Int64)?
    /// Whether nobody can reach the database.
    var isAway = false
    var databaseClockOffset: Moment = 0

    var hosts: [Host] = []
    var disks: [JournalFile] = []
    var processes: [Process] = []
    var calls: [Call] = []
    var callsByEvent: [EventID: CallID] = [:]
    var messageCount = 0

    /// No faults any more: everything comes to rest.
    var isHealed = false
    /// When something last happened that credit may be held for.
    var disturbedAt: Moment = 0
    var streams: [StreamWatch]
    /// Events that are no call's.
    var commands: Set<EventID> = []
    /// Journals that exist twice.
    var copiedDisks: Set<DiskID> = []
    /// When each instance last began an epoch.
    var registeredAt: [InstanceID: Moment] = [:]
    var failure: String?
    var statistics = Statistics()

    init(seed: UInt64, mutation: Mutation?, isTraced: Bool) {
        dice = Dice(seed: seed)
        plan = Plan(&dice)
        self.mutation = mutation
        trace = Trace(isOn: isTraced)
        database = ModelDatabase(
            now: Instant(microseconds: Self.wallOrigin),
            releaseAfter: mutation == .releasesEarly ? .seconds(1) : nil,
            settings: plan.settings
        )
        accounts = (0..<plan.accountCount).map { AccountID(high: 7, low: UInt64($0)) }
        streams = accounts.map { _ in StreamWatch() }
        if plan.poisons {
            let index = dice.number(0...(accounts.count - 1))
            poison = (accounts[index], Int64(dice.number(1...20)))
        }
        for index in accounts.indices { open(index) }
        for index in 0..<plan.hostCount {
            disks.append(JournalFile(instance: makeID()))
            hosts.append(Host(disk: index, drift: plan.drifts[index]))
        }
        schedule()
    }

    private func open(_ index: Int) {
        database.create(accounts[index])
        append(.creditGranted(grant(Self.unit * Int128(dice.number(5...400)))), to: index)
        if dice.chance(40) {
            let limit = Pico(Self.unit * Int128(dice.number(1...30)))
            append(.creditLimitSet(CreditLimitSet(limit: limit)), to: index)
        }
        for (scope, limits) in plan.caps {
            database.limit(scope, of: accounts[index], SpendLimitChanges(limits))
        }
    }

    /// Runs until everything has come to rest, or until a rule is broken.
    func run() {
        checkDatabase()
        while failure == nil, let (moment, step) = agenda.next() {
            now = max(now, moment)
            if case .end = step { return checkEnd() }
            perform(step)
            statistics.steps += 1
            if statistics.steps > Self.stepsMax { fail("its steps never end") }
            check(after: step)
        }
    }

    func fail(_ words: String) {
        if failure == nil { failure = words }
        note("BROKEN: \(words)")
    }

    func note(_ words: @autoclosure () -> String) {
        if trace.isOn { trace.add(now, words()) }
    }

    func makeID<Entity>() -> Identifier<Entity> {
        Identifier(
            at: Instant(microseconds: Self.wallOrigin + now),
            random: (dice.word(), dice.word())
        )
    }

    /// What the server's clock shows.
    var serverClock: Instant {
        Instant(microseconds: Self.wallOrigin + now + databaseClockOffset)
    }

    func after(_ most: Moment) -> Moment { now + dice.delay(upTo: most) }
}

/// A machine: a disk, a clock and at most one process.
struct Host {
    var disk: DiskID
    /// How fast its clock runs, in millionths too fast.
    var drift: Int64
    var wallOffset: Moment = 0
    var process: ProcessID?
    var isDiskFull = false
    /// Its journal was refused by the database: it needs a person.
    var isRefused = false

    init(disk: DiskID, drift: Int64) {
        self.disk = disk
        self.drift = drift
    }
}

/// What a run reached, to show that its checks had something to check.
struct Statistics: Sendable {
    var steps = 0
    var admitted = 0
    var delivered = 0
    var interrupted = 0
    /// Calls that came too late to be charged.
    var late = 0
    var refusals: [String: Int] = [:]
    var quietChecks = 0
    var starts = 0

    mutating func add(_ other: Statistics) {
        steps += other.steps
        admitted += other.admitted
        delivered += other.delivered
        interrupted += other.interrupted
        late += other.late
        refusals.merge(other.refusals) { $0 + $1 }
        quietChecks += other.quietChecks
        starts += other.starts
    }
}

/// What happened, in words, when somebody wants to read it.
struct Trace {
    let isOn: Bool
    private(set) var lines: [(moment: Moment, words: String)] = []

    init(isOn: Bool) { self.isOn = isOn }

    mutating func add(_ moment: Moment, _ words: String) { lines.append((moment, words)) }
}
