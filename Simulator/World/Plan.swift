import Ledger
import Schema

/// What a seed has chosen to happen: how many of what, and which faults.
struct Plan {
    var hostCount: Int
    var accountCount: Int
    var arrivals: Int
    var activeTime: Moment
    var settings: EscrowSettings
    /// How fast the hosts' clocks run, in millionths too fast.
    var drifts: [Int64]

    // Faults; each is absent from many seeds, so that what it excuses is checked in those.
    var losesMessages: Bool
    var crashes: Int
    var pauses: Int
    var outages: Int
    var fullDisks: Int
    var destroyedJournals: Int
    var copiedJournals: Int
    var clockSteps: Int
    var restarts: Int
    /// A standby takes over that lacks the last commits.
    var failsOver: Bool
    var grants: Int
    var forcedMoves: Int
    var suspensions: Int
    /// A stream has an event that no projection can take in.
    var poisons: Bool

    // What may be spent, and for how long.
    var caps: [(scope: CapScope, limits: SpendLimits)] = []
    /// Limits that are raised or lowered.
    var capMoves = 0
    /// A cap may also be lifted altogether, and set again while calls run that took nothing from it.
    var liftsCaps = false
    /// Grants that end while the simulation runs.
    var endingGrants: Int
    var voids: Int
    /// Months that are closed behind which usage comes that is not charged any more.
    var closes: Int

    init(_ dice: inout Dice) {
        hostCount = dice.number(1...4)
        accountCount = dice.number(1...2)
        arrivals = dice.number(20...80)
        activeTime = .seconds(Int64(dice.number(4...12)))
        settings = EscrowSettings()
        if dice.chance(60) {
            // Validity that a pause or an outage of the simulation outlasts.
            settings.validity = .seconds(4)
            settings.callDeadline = .seconds(3)
            settings.margin = .seconds(2)
            settings.lostLeaseInterval = .seconds(3)
            settings.hearingMin = .seconds(6)
        }
        drifts = []
        for _ in 0..<hostCount { drifts.append(Int64(dice.number(-20...20)) * 1_000) }
        func some(_ percent: Int, _ most: Int) -> Int {
            dice.chance(percent) ? dice.number(1...most) : 0
        }
        losesMessages = dice.chance(60)
        crashes = some(50, 4)
        pauses = some(25, 2)
        outages = some(30, 2)
        fullDisks = some(15, 1)
        destroyedJournals = some(6, 1)
        copiedJournals = some(6, 1)
        clockSteps = some(20, 3)
        restarts = some(30, 2)
        failsOver = dice.chance(12)
        grants = some(40, 3)
        forcedMoves = some(15, 2)
        suspensions = some(10, 1)
        endingGrants = some(40, 4)
        voids = endingGrants > 0 ? some(40, 3) : 0
        closes = some(30, 3)
        poisons = dice.chance(10)
        guard dice.chance(50) else { return }
        for scope in [CapScope.key(Caller.keys[0]), .key(Caller.keys[1]), .project(Caller.project)]
        where dice.chance(60) {
            let limits = Self.limits(&dice)
            if limits != .none { caps.append((scope, limits)) }
        }
        capMoves = caps.isEmpty ? 0 : some(25, 3)
        liftsCaps = capMoves > 0 && dice.chance(40)
    }

    static func limits(_ dice: inout Dice) -> SpendLimits {
        var limits = SpendLimits()
        for period in CapPeriod.allCases where dice.chance(50) {
            limits[period] = Pico(World.unit * Int128(dice.number(5...150)))
        }
        return limits
    }

    /// Whether no charge may lead beyond a cap.
    var keepsCaps: Bool { !mayExceed && capMoves == 0 }

    /// Whether a charge may come that neither its lease nor the free balance has room for.
    var mayExceed: Bool {
        forcedMoves + destroyedJournals + copiedJournals + pauses > 0 || failsOver
    }

    /// How long the database is away at most.
    ///
    /// Longer than an instance may be silent only where none can be late: one that is down when the
    /// database is back is lost with what it has not shipped.
    var outageMax: Moment {
        crashes + restarts + fullDisks == 0 ? .seconds(14) : .seconds(8)
    }

    /// Whether every request is answered, by a database that is there.
    var isAnswered: Bool { !losesMessages && outages == 0 && !failsOver }

    /// Whether what instances have lost is released while the simulation runs.
    var releasesSoon: Bool { settings.releaseAfter < .seconds(60) }
}
