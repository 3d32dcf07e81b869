/// The keys of one upstream, used in turn.
///
/// A key that the upstream refuses is left aside for a while, longer each time; one whose rate it
/// limits is passed over as long as another is free.
///
/// Pure: the time is a parameter.
struct KeyPool: Hashable, Sendable {
    static let sidelinedFor = Duration.seconds(60)
    static let sidelinedForMax = Duration.seconds(3_600)

    enum State: String, Hashable, Sendable {
        case usable
        case limited
        case sidelined
    }

    private struct Key: Hashable {
        var inFlight = 0
        var sidelinedUntil: ContinuousClock.Instant?
        /// Refusals in a row.
        var refusalCount = 0
        var limitedUntil: ContinuousClock.Instant?
    }

    /// Calls at a time with one key; nil for any number.
    private let concurrencyMax: Int?
    private var keys: [Key]
    private var last: Int

    init(count: Int, concurrencyMax: Int? = nil) {
        keys = Array(repeating: Key(), count: count)
        self.concurrencyMax = concurrencyMax
        last = count - 1
    }

    var count: Int { keys.count }

    /// Whether the choice is always the same, and nothing is counted.
    var isQuiet: Bool {
        keys.isEmpty
            || keys.count == 1 && concurrencyMax == nil && keys[0].sidelinedUntil == nil
                && keys[0].limitedUntil == nil
    }

    enum Choice: Hashable, Sendable {
        case key(Int)
        /// Every key that is not sidelined has as many calls as it may.
        case allBusy
        case allSidelined
    }

    /// Takes the next key in turn; it is to be given back.
    ///
    /// The pool must not be empty.
    mutating func take(at now: ContinuousClock.Instant) -> Choice {
        var limited: Int?
        var isAnyBusy = false
        for step in 1...keys.count {
            let index = (last + step) % keys.count
            revive(index, at: now)
            if keys[index].sidelinedUntil != nil { continue }
            if let concurrencyMax, keys[index].inFlight >= concurrencyMax {
                isAnyBusy = true
                continue
            }
            if keys[index].limitedUntil == nil { return hand(out: index) }
            limited = limited ?? index
        }
        if let limited { return hand(out: limited) }
        return isAnyBusy ? .allBusy : .allSidelined
    }

    mutating func giveBack(_ index: Int) { keys[index].inFlight -= 1 }

    /// The upstream took the key.
    mutating func accept(_ index: Int) { keys[index].refusalCount = 0 }

    mutating func sideline(_ index: Int, at now: ContinuousClock.Instant) {
        let doublings = min(keys[index].refusalCount, 16)
        keys[index].refusalCount += 1
        let time = min(Self.sidelinedFor * (1 << doublings), Self.sidelinedForMax)
        keys[index].sidelinedUntil = now + time
    }

    mutating func limit(_ index: Int, until: ContinuousClock.Instant) {
        keys[index].limitedUntil = max(keys[index].limitedUntil ?? until, until)
    }

    func state(_ index: Int, at now: ContinuousClock.Instant) -> State {
        if let until = keys[index].sidelinedUntil, now < until { return .sidelined }
        if let until = keys[index].limitedUntil, now < until { return .limited }
        return .usable
    }

    func inFlight(_ index: Int) -> Int { keys[index].inFlight }

    private mutating func revive(_ index: Int, at now: ContinuousClock.Instant) {
        if let until = keys[index].sidelinedUntil, now >= until { keys[index].sidelinedUntil = nil }
        if let until = keys[index].limitedUntil, now >= until { keys[index].limitedUntil = nil }
    }

    private mutating func hand(out index: Int) -> Choice {
        keys[index].inFlight += 1
        last = index
        return .key(index)
    }
}
