import LedgerModel
import Schema

@testable import Ledger

/// Several instances' shares of one key against the model of the database, under one clock and one
/// order of events, both fixed by a seed.
///
/// Messages are delayed, lost on either way and doubled, the database goes away, processes are paused
/// for minutes, killed, started again or never, and every rolling minute is looked at.
struct RateSimulation {
    typealias Moment = ContinuousClock.Instant

    struct Faults {
        var losesMessages = true
        var hasOutages = true
        var cutsOff = true
        var pauses = true
        var kills = true

        static let none = Faults(
            losesMessages: false,
            hasOutages: false,
            cutsOff: false,
            pauses: false,
            kills: false
        )
    }

    enum Step {
        case arrive(Int)
        /// The calls that have come while a process was paused.
        case burst(Int)
        case sweep(Int, start: Int)
        case heartbeat(Int, start: Int)
        case heartbeatArrives(Int, start: Int, sentAt: Moment)
        case renewed(Int, start: Int, sentAt: Moment)
        case exchangeArrives(Int, start: Int, RateRequest)
        case exchanged(Int, start: Int, RateRequest, Result<RateReply, LedgerError>)
        case wake(Int, start: Int)
        case end(Int, start: Int, call: Int)
        case pause
        case cutOff
        case kill
        case restart(Int)
        case outage(Bool)
    }

    struct Call {
        let admittedAt: Moment
        let hold: RateHold
        let actual: Int64
        /// What it counts for: the bound until it is settled.
        var tokens: Int64
        /// It never left, and counts for nothing any more.
        var wasReleased = false
    }

    struct Process {
        let instance: InstanceID
        /// Counts the starts: what is meant for an earlier one reaches nobody.
        var start = 0
        var isAlive = false
        var pausedUntil: Moment
        /// Until then nothing gets through between the process and the database.
        var cutOffUntil: Moment
        var standing: RateStanding
        var share: RateShare
        var sequence: Int64 = 0
        var calls: [Int] = []
    }

    let faults: Faults
    let limits: RateLimits
    /// The mean time between two calls at one process.
    let arrivalMilliseconds: Int64
    let callMilliseconds: ClosedRange<Int64>
    let need: ClosedRange<Int64>
    /// Whether calls use all that they held.
    let isExact: Bool
    let settings = RateSettings()
    let origin: Moment
    var random: SeededGenerator
    var now: Moment
    var model: RateModel
    var processes: [Process] = []
    var calls: [Call] = []
    var needs: [UInt64: (tokens: Int64, process: Int)] = [:]
    var steps: [(at: Moment, step: Step)] = []
    var isAway = false
    var waiters: UInt64 = 0
    var exchanges = 0
    var refusals = 0
    var failures: [String] = []

    init(
        seed: UInt64,
        processes count: Int,
        limits: RateLimits,
        faults: Faults,
        arrivalMilliseconds: Int64 = 100,
        callMilliseconds: ClosedRange<Int64> = 10...20_000,
        need: ClosedRange<Int64> = 1...100,
        isExact: Bool = false
    ) {
        self.faults = faults
        self.limits = limits
        self.arrivalMilliseconds = arrivalMilliseconds
        self.callMilliseconds = callMilliseconds
        self.need = need
        self.isExact = isExact
        random = SeededGenerator(seed: seed)
        origin = .now
        now = origin
        model = RateModel(limits: limits, settings: settings, releaseAfter: .seconds(1_260))
        for index in 0..<count {
            let instance = InstanceID(high: 1, low: UInt64(index))
            let standing = RateStanding(instance: instance, epoch: 0, renewedAt: now)
            processes.append(
                Process(
                    instance: instance,
                    pausedUntil: now,
                    cutOffUntil: now,
                    standing: standing,
                    share: Self.share(limits, settings, standing, origin, now)
                )
            )
            schedule(.restart(index), after: .zero)
            schedule(.arrive(index), after: .milliseconds(index))
        }
        if faults.pauses { schedule(.pause, after: .seconds(30)) }
        if faults.cutsOff { schedule(.cutOff, after: .seconds(40)) }
        if faults.kills { schedule(.kill, after: .seconds(50)) }
        if faults.hasOutages { schedule(.outage(true), after: .seconds(70)) }
    }

    static func share(
        _ limits: RateLimits,
        _ settings: RateSettings,
        _ standing: RateStanding,
        _ origin: Moment,
        _ now: Moment
    ) -> RateShare {
        RateShare(
            RateKey(account: AccountID(high: 0, low: 1), key: KeyID(high: 0, low: 1)),
            limits,
            settings: settings,
            standing: standing,
            origin: origin,
            now: now
        )
    }

    mutating func schedule(_ step: Step, after delay: Duration) {
        let at = now + delay
        var (low, high) = (0, steps.count)
        // Latest first, so that the next is taken off the end; of equals the earlier comes first.
        while low < high {
            let middle = (low + high) / 2
            if steps[middle].at > at { low = middle + 1 } else { high = middle }
        }
        steps.insert((at: at, step: step), at: low)
    }

    mutating func milliseconds(_ range: ClosedRange<Int64>) -> Duration {
        .milliseconds(Int64.random(in: range, using: &random))
    }

    mutating func run(for duration: Duration) {
        while let next = steps.popLast(), next.at < origin + duration, failures.isEmpty {
            now = next.at
            perform(next.step)
        }
    }

    // MARK: What must hold

    /// To be called at each admission: no minute that ends elsewhere has more.
    mutating func check() {
        let recent = calls.reversed().prefix { $0.admittedAt > now - .seconds(60) }
            .filter { !$0.wasReleased }
        let tokens = recent.reduce(0) { $0 + $1.tokens }
        let running = processes.reduce(0) { $0 + $1.calls.count }
        if let most = limits.requestsPerMinute, recent.count > most {
            failures.append("\(recent.count) calls in a minute of \(most)")
        }
        if let most = limits.tokensPerMinute, tokens > most {
            failures.append("\(tokens) tokens in a minute of \(most)")
        }
        if let most = limits.concurrency, running > most {
            failures.append("\(running) calls at a time of \(most)")
        }
    }

    /// Calls admitted in each minute from the start.
    func admittedByMinute(_ minutes: Int) -> [Int] {
        (0..<minutes).map { minute in
            let start = origin + .seconds(minute * 60)
            return calls.count { $0.admittedAt >= start && $0.admittedAt < start + .seconds(60) }
        }
    }
}
