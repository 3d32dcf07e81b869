import Synchronization

/// The keys of one upstream, used in turn.
///
/// A key that the upstream refuses is left aside for a while, longer each time, and comes back by
/// one call that tries it. One whose rate the upstream limits for a model is not used for that
/// model until the time that the upstream named. An upstream that wants no key has one place all
/// the same, which is limited like a key and never refused.
///
/// Pure, but for the counts of running calls, which outlive a configuration: the time is a
/// parameter.
struct KeyPool: Sendable {
    static let sidelinedFor = Duration.seconds(60)
    static let sidelinedForMax = Duration.seconds(3_600)
    /// So many models of one key are remembered as limited; a further one is asked again.
    static let limitedModelsMax = 128

    enum State: String, Hashable, Sendable {
        case usable
        case limited
        case sidelined
    }

    /// Leave to use one key.
    struct Use: Hashable, Sendable {
        var index = 0
        /// How often the key had been left aside by then: what a call from before learns of a key
        /// says nothing about it now.
        var sideliningCount = 0
        /// Whether this call tries a key that was left aside, while all others pass it over.
        var isTrial = false
    }

    /// The calls that run with one key, whichever configuration they began with.
    private final class Load: Sendable {
        let running = Atomic<Int>(0)
    }

    private enum Standing: Hashable {
        case trusted
        case sidelined(until: ContinuousClock.Instant)
        case onTrial
    }

    private struct Key {
        var load = Load()
        var standing = Standing.trusted
        /// Refusals in a row, each of a call that came after the one before.
        var refusalCount = 0
        var sideliningCount = 0
        /// Until when the key's rate is limited, by the upstream's name of the model.
        var limits: [String: ContinuousClock.Instant] = [:]

        func isOf(_ use: Use) -> Bool { sideliningCount == use.sideliningCount }
    }

    /// Calls at a time with one key; nil for any number.
    private let concurrencyMax: Int?
    private var keys: [Key]
    private var last: Int

    /// - Parameter count: at least one.
    init(count: Int, concurrencyMax: Int? = nil) {
        keys = (0..<count).map { _ in Key() }
        self.concurrencyMax = concurrencyMax
        last = count - 1
    }

    /// Whether the choice is always the same, and nothing is counted.
    var isQuiet: Bool {
        keys.count == 1 && concurrencyMax == nil && keys[0].standing == .trusted
            && keys[0].limits.isEmpty
    }

    /// What every call gets while the pool is quiet.
    var quietUse: Use { Use(sideliningCount: keys[0].sideliningCount) }

    enum Choice: Hashable, Sendable {
        case use(Use)
        /// Every key that could be used otherwise has as many calls as it may.
        case allBusy
        /// No key may be used for the model before then.
        case allLimited(until: ContinuousClock.Instant)
        case allSidelined
    }

    /// Takes the next key in turn; it is to be given back.
    mutating func take(for model: String, at now: ContinuousClock.Instant) -> Choice {
        var isAnyBusy = false
        var limitedUntil: ContinuousClock.Instant?
        for step in 1...keys.count {
            let index = (last + step) % keys.count
            if isSidelined(index, at: now) { continue }
            forgetLimits(index, at: now)
            if let until = keys[index].limits[model] {
                limitedUntil = min(limitedUntil ?? until, until)
            } else if let concurrencyMax, inFlight(index) >= concurrencyMax {
                isAnyBusy = true
            } else {
                return .use(hand(out: index))
            }
        }
        if isAnyBusy { return .allBusy }
        return limitedUntil.map { .allLimited(until: $0) } ?? .allSidelined
    }

    /// Ends a use; a trial that has shown nothing leaves it to the next call.
    mutating func giveBack(_ use: Use, at now: ContinuousClock.Instant) {
        keys[use.index].load.running.wrappingSubtract(1, ordering: .relaxed)
        guard use.isTrial, keys[use.index].isOf(use), keys[use.index].standing == .onTrial else {
            return
        }
        keys[use.index].standing = .sidelined(until: now)
    }

    /// The upstream took the key.
    mutating func accept(_ use: Use) {
        guard keys[use.index].isOf(use) else { return }
        keys[use.index].standing = .trusted
        keys[use.index].refusalCount = 0
    }

    /// The upstream refused the key: of all calls that had it then, one counts.
    mutating func sideline(_ use: Use, at now: ContinuousClock.Instant) {
        guard keys[use.index].isOf(use) else { return }
        let doublings = min(keys[use.index].refusalCount, 16)
        keys[use.index].refusalCount += 1
        keys[use.index].sideliningCount += 1
        let time = min(Self.sidelinedFor * (1 << doublings), Self.sidelinedForMax)
        keys[use.index].standing = .sidelined(until: now + time)
    }

    mutating func limit(_ use: Use, for model: String, until: ContinuousClock.Instant) {
        let limits = keys[use.index].limits
        guard limits[model] != nil || limits.count < Self.limitedModelsMax else { return }
        keys[use.index].limits[model] = max(limits[model] ?? until, until)
    }

    /// - Parameter model: nil for the worst of all models.
    func state(
        _ index: Int,
        for model: String? = nil,
        at now: ContinuousClock.Instant
    ) -> State {
        if isSidelined(index, at: now) { return .sidelined }
        let limits = keys[index].limits
        let until = model.map { limits[$0] } ?? limits.values.max()
        return until.map { now < $0 } ?? false ? .limited : .usable
    }

    func hasUsable(for model: String, at now: ContinuousClock.Instant) -> Bool {
        keys.indices.contains { state($0, for: model, at: now) == .usable }
    }

    func inFlight(_ index: Int) -> Int { keys[index].load.running.load(ordering: .relaxed) }

    /// Takes over what an earlier configuration has learnt of a key.
    mutating func adopt(
        _ index: Int,
        from earlier: KeyPool,
        _ earlierIndex: Int,
        at now: ContinuousClock.Instant
    ) {
        keys[index] = earlier.keys[earlierIndex]
        // Its trial tells the earlier configuration; this one makes its own.
        if keys[index].standing == .onTrial { keys[index].standing = .sidelined(until: now) }
    }

    private func isSidelined(_ index: Int, at now: ContinuousClock.Instant) -> Bool {
        switch keys[index].standing {
        case .trusted: false
        case .sidelined(let until): now < until
        case .onTrial: true
        }
    }

    private mutating func forgetLimits(_ index: Int, at now: ContinuousClock.Instant) {
        guard !keys[index].limits.isEmpty else { return }
        keys[index].limits = keys[index].limits.filter { now < $0.value }
    }

    private mutating func hand(out index: Int) -> Use {
        keys[index].load.running.wrappingAdd(1, ordering: .relaxed)
        last = index
        let isTrial = keys[index].standing != .trusted
        if isTrial { keys[index].standing = .onTrial }
        return Use(
            index: index,
            sideliningCount: keys[index].sideliningCount,
            isTrial: isTrial
        )
    }
}
