import Schema

/// A stream that is behind, and how far it is to be followed.
package struct ProjectionTarget: Hashable, Sendable {
    package let account: AccountID
    /// The last version wanted.
    package var through: Int64
    /// How many events that is about; only the size of batches rests on it.
    package var count: Int64

    package init(account: AccountID, through: Int64, count: Int64) {
        self.account = account
        self.through = through
        self.count = count
    }

    /// The same, or up to this version if that comes before.
    fileprivate func ending(at version: Int64) -> ProjectionTarget {
        ProjectionTarget(account: account, through: min(through, version), count: count)
    }
}

/// An account whose next event cannot be taken in.
package struct StoppedStream: Hashable, Sendable {
    package let account: AccountID
    package let reason: String
}

/// How a batch failed.
package enum ProjectionFailure: Hashable, Sendable {
    /// The database is away, or others were in the way: the same again, later.
    case transient
    /// Something in the batch cannot be taken in; `after` is where each of its streams stood.
    case poison(String, after: [AccountID: Int64])
    /// A stream has not the versions that it should have.
    case gap(AccountID, String)
    /// A stream ends before its target: the database has lost a part of its past, and is another
    /// one; what was noted of that part is void.
    case lostTail(AccountID, through: Int64)
}

/// What a projector does next: which streams it takes together, and what becomes of those that
/// fail.
///
/// Pure: its owner carries the steps out and tells what came of them. Work comes from two sides:
/// `note` has what was appended in this process, at once, and a sweep compares every head with its
/// checkpoint, seldom, and so finds what others appended, and what crashed.
package struct ProjectionPlan: Sendable {
    package typealias Moment = ContinuousClock.Instant

    package struct Limits: Sendable {
        /// Events of one batch, and of one stream in it.
        package var eventsMax: Int64 = 20_000
        package var streamsMax = 5_000
        /// How often work is looked for while there is little or none.
        package var poll: ClosedRange<Duration> = .milliseconds(5) ... .milliseconds(50)
        /// How long a plan that keeps up rests after a batch: reports add what is beyond it anyway,
        /// and a batch costs PostgreSQL much the same whatever its size.
        package var rest: Duration = .milliseconds(250)
        package var retry: ClosedRange<Duration> = .milliseconds(100) ... .seconds(5)
        package var sweepInterval: Duration = .seconds(1)
        /// A sweep's share of the time is at most one in so many.
        package var sweepShare = 50

        package init() {}
    }

    package enum Step: Equatable, Sendable {
        /// Ask which streams are behind.
        case sweep
        /// Take in the events of these streams up to their targets, in one transaction.
        case apply([ProjectionTarget])
        /// Record that a stream stops, and go on with the others.
        case stop(StoppedStream)
        case pause(Duration)
    }

    private let limits: Limits
    private var targets: [AccountID: ProjectionTarget] = [:]
    /// In the order in which they became behind; may name accounts that are done.
    private var order: [AccountID] = []
    private var orderStart = 0
    /// Halves of a batch that failed, to be tried before anything else; the next one last.
    private var halves: [[ProjectionTarget]] = []
    private var stopping: [StoppedStream] = []
    private var pollDelay: Duration
    private var retryDelay: Duration
    private var pausedUntil: Moment?
    private var nextSweep: Moment?
    /// Whether the last sweep found more than it could hold.
    private var sweepWasCut = false
    /// What a sweep found, until all of it is done.
    private var swept: (at: Moment, open: [AccountID: Int64])?

    /// When everything that was then in the streams had been taken in, but for stopped ones.
    package private(set) var caughtUpAt: Moment?

    package init(limits: Limits = Limits()) {
        self.limits = limits
        pollDelay = limits.poll.lowerBound
        retryDelay = limits.retry.lowerBound
    }

    /// About how many events are known to be missing.
    package var eventsBehind: Int64 {
        targets.values.reduce(0) { $0 + $1.count }
            + halves.joined().reduce(0) { $0 + $1.count }
    }

    /// Whether nothing is known to be missing.
    package var isIdle: Bool { targets.isEmpty && halves.isEmpty && stopping.isEmpty }

    package mutating func next(at now: Moment) -> Step {
        if let pausedUntil, pausedUntil > now { return .pause(pausedUntil - now) }
        pausedUntil = nil
        if let stop = stopping.last { return .stop(stop) }
        if let half = halves.popLast() { return .apply(half) }
        if nextSweep.map({ $0 <= now }) ?? true { return .sweep }
        let batch = takeBatch()
        if !batch.isEmpty { return .apply(batch) }
        if sweepWasCut { return .sweep }
        pollDelay = min(pollDelay * 2, limits.poll.upperBound)
        return .pause(pollDelay)
    }

    /// Takes the streams that have been behind the longest.
    private mutating func takeBatch() -> [ProjectionTarget] {
        var batch: [ProjectionTarget] = []
        var events: Int64 = 0
        while orderStart < order.count, batch.count < limits.streamsMax,
            events < limits.eventsMax
        {
            let account = order[orderStart]
            orderStart += 1
            guard let target = targets.removeValue(forKey: account) else { continue }
            batch.append(target)
            events += min(target.count, limits.eventsMax)
        }
        if orderStart > order.count / 2 {
            order.removeFirst(orderStart)
            orderStart = 0
        }
        return batch
    }

    // MARK: What there is to do

    /// Something was appended; `through` and `count` of each stream.
    package mutating func note(_ appended: [ProjectionTarget]) {
        guard !appended.isEmpty else { return }
        pollDelay = limits.poll.lowerBound
        for target in appended { add(target) }
    }

    /// A sweep that began at `start` found these streams behind; `isComplete` if those are all.
    package mutating func found(
        _ behind: [ProjectionTarget],
        isComplete: Bool,
        startedAt start: Moment,
        endedAt end: Moment
    ) {
        nextSweep = end + max(limits.sweepInterval, (end - start) * limits.sweepShare)
        retryDelay = limits.retry.lowerBound
        for target in behind {
            // The sweep knows what is missing; what was noted before only guessed at it.
            targets[target.account]?.count = 0
            add(target)
        }
        sweepWasCut = !isComplete
        guard isComplete, swept == nil else { return }
        let open = behind.map { ($0.account, $0.through) }
        swept = (start, Dictionary(open, uniquingKeysWith: max))
        finishSweep()
    }

    private mutating func add(_ target: ProjectionTarget) {
        if let present = targets[target.account] {
            targets[target.account] = ProjectionTarget(
                account: target.account,
                through: max(present.through, target.through),
                count: present.count + target.count
            )
        } else {
            targets[target.account] = target
            order.append(target.account)
        }
    }

    // MARK: What came of it

    /// A batch was committed; `moved` has where each stream stands, without those that another
    /// projector had.
    package mutating func applied(
        _ batch: [ProjectionTarget],
        moved: [AccountID: Int64],
        at now: Moment
    ) {
        retryDelay = limits.retry.lowerBound
        pollDelay = limits.poll.lowerBound
        for target in batch {
            if let version = moved[target.account] {
                close(target.account, at: version)
                guard version < target.through else { continue }
                var rest = target
                rest.count = target.through - version
                add(rest)
            } else {
                add(target)
            }
        }
        if moved.isEmpty, !batch.isEmpty {
            // All of them taken by others: no hurry to find that out again.
            pausedUntil = now + limits.poll.upperBound
        } else if isIdle, !sweepWasCut {
            pausedUntil = now + limits.rest
        }
    }

    /// A batch was rolled back.
    package mutating func failed(
        _ batch: [ProjectionTarget],
        _ failure: ProjectionFailure,
        at now: Moment
    ) {
        switch failure {
        case .transient:
            halves.append(batch)
            pausedUntil = now + retryDelay
            retryDelay = min(retryDelay * 2, limits.retry.upperBound)
        case .gap(let account, let reason):
            stopping.append(StoppedStream(account: account, reason: reason))
            let rest = batch.filter { $0.account != account }
            if !rest.isEmpty { halves.append(rest) }
        case .lostTail(let account, let version):
            forget(account, behind: version)
            halves.append(batch.map { $0.account == account ? $0.ending(at: version) : $0 })
        case .poison(let reason, let after):
            split(batch, after: after, reason)
        }
    }

    /// Expects nothing of a stream behind a version.
    private mutating func forget(_ account: AccountID, behind version: Int64) {
        targets[account] = targets[account]?.ending(at: version)
        halves = halves.map { $0.map { $0.account == account ? $0.ending(at: version) : $0 } }
        guard let open = swept?.open[account], open > version else { return }
        swept?.open[account] = version
    }

    /// Halves a batch by its streams, a single stream by its events, and stops a single event's.
    private mutating func split(
        _ batch: [ProjectionTarget],
        after: [AccountID: Int64],
        _ reason: String
    ) {
        if batch.count > 1 {
            let middle = batch.count / 2
            halves.append(Array(batch[middle...]))
            halves.append(Array(batch[..<middle]))
            return
        }
        guard let target = batch.first, let after = after[target.account] else { return }
        let count = min(target.through - after, limits.eventsMax)
        guard count > 1 else {
            stopping.append(StoppedStream(account: target.account, reason: reason))
            return
        }
        let middle = after + count / 2
        for (start, end) in [(middle, target.through), (after, middle)] {
            halves.append([
                ProjectionTarget(account: target.account, through: end, count: end - start)
            ])
        }
    }

    /// A stop was recorded, or the stream had moved on meanwhile.
    package mutating func stopped(_ stream: StoppedStream) {
        stopping.removeAll { $0 == stream }
        targets[stream.account] = nil
        halves = halves.compactMap { half in
            let rest = half.filter { $0.account != stream.account }
            return rest.isEmpty ? nil : rest
        }
        close(stream.account, at: .max)
    }

    /// A sweep or a stop failed; it is tried again.
    package mutating func failed(at now: Moment) {
        pausedUntil = now + retryDelay
        retryDelay = min(retryDelay * 2, limits.retry.upperBound)
    }

    private mutating func close(_ account: AccountID, at version: Int64) {
        guard let open = swept?.open[account], version >= open else { return }
        swept?.open[account] = nil
        finishSweep()
    }

    private mutating func finishSweep() {
        guard let done = swept, done.open.isEmpty else { return }
        caughtUpAt = done.at
        swept = nil
    }
}
