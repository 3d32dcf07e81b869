import Glibc
import Synchronization

/// One thread that waits on epoll and runs what becomes ready: descriptors, timers, jobs, tasks.
///
/// A turn: wait; handlers of ready descriptors; due timers; jobs, among them the steps of tasks
/// that prefer this loop; at last what was put off to the end of the turn. Request code is
/// written with async/await in `spawn`ed tasks and stays on the loop's thread between awaits, so
/// the objects of a loop need no locks.
///
/// Sendable because `inbox` is under its lock, the atomics are atomic, `poller.wake` is a system
/// call, and everything else is touched by the loop's thread alone.
package final class EventLoop: TaskExecutor, @unchecked Sendable {
    /// At most this many jobs run in a turn, so that ready descriptors are not starved.
    private static let jobsPerTurnMax = 1_024

    package let name: String
    private let inbox = Mutex(LoopInbox())
    /// The `pthread_t` of the running thread, 0 without one.
    private let thread = Atomic<UInt>(0)
    private let lastTurnNanoseconds = Atomic<Int64>(0)
    private let longestTurnNanoseconds = Atomic<Int64>(0)

    // Set by `start` before the thread exists; the descriptors live as long as the loop, so that
    // a late wake-up can't write into a descriptor that is somebody else's by then.
    private var poller: Poller?

    // The loop's thread only.
    private var jobs = JobQueue()
    private var batch: [LoopJob] = []
    private var registrations = RegistrationTable()
    private var timers = TimerHeap()
    private var endings: [() -> Void] = []
    private let origin = ContinuousClock.now
    private var turn: ContinuousClock.Instant
    private var turnTime = LoopTime(nanoseconds: 0)

    /// Makes a loop that does not run yet; jobs given to it wait for `start`.
    package init(name: String) {
        self.name = name
        turn = origin
    }

    deinit {
        assert(thread.load(ordering: .relaxed) == 0, "the loop \(name) was dropped while running")
    }

    // MARK: Life

    /// Starts the thread.
    ///
    /// A loop is started once.
    package func start() throws(SystemError) {
        let isFirst = inbox.withLock { inbox in
            guard inbox.phase == .idle else { return false }
            inbox.phase = .running
            return true
        }
        precondition(isFirst, "the loop \(name) was started before")
        do throws(SystemError) {
            poller = try Poller()
            try startThread(named: name) { [self] in runTurns() }
        } catch {
            inbox.withLock { $0.phase = .idle }
            throw error
        }
    }

    /// Runs what is queued until nothing is left, then ends the thread.
    ///
    /// Timers and registrations that are left are dropped. Tasks on the loop must have ended
    /// before: what they await would never resume, and a job that comes later traps. Called off
    /// the loop.
    package func stop() async {
        precondition(!isCurrent, "the loop \(name) can't wait for its own end")
        await withCheckedContinuation { continuation in
            let (isOver, mustWake) = inbox.withLock { inbox in
                if inbox.phase == .idle { inbox.phase = .stopped }
                if inbox.phase == .stopped { return (true, false) }
                inbox.phase = .stopping
                inbox.stopWaiters.append(continuation)
                defer { inbox.isAsleep = false }
                return (false, inbox.isAsleep)
            }
            if isOver { continuation.resume() }
            if mustWake { poller?.wake() }
        }
    }

    /// Whether the caller runs on this loop's thread.
    package var isCurrent: Bool {
        // Behind a call that is not inlined: the C library declares `pthread_self` constant, and
        // a task that moved to another thread must not see the one it was on before.
        currentThread() == thread.load(ordering: .relaxed)
    }

    /// Traps unless the caller runs on this loop's thread.
    package func preconditionCurrent() {
        precondition(isCurrent, "called off the loop \(name)")
    }

    // MARK: Jobs, from any thread

    /// Runs a closure on the loop: in this turn when called on it, else in the next.
    package func execute(_ job: @escaping @Sendable () -> Void) {
        submit(.closure(job))
    }

    /// Runs a closure on the loop and returns its result; called off the loop or on it.
    package func run<Result: Sendable, Failure: Error>(
        _ body: @escaping @Sendable () throws(Failure) -> Result
    ) async throws(Failure) -> Result {
        let result: Swift.Result<Result, Failure> = await withCheckedContinuation { continuation in
            execute {
                do throws(Failure) {
                    continuation.resume(returning: .success(try body()))
                } catch {
                    continuation.resume(returning: .failure(error))
                }
            }
        }
        return try result.get()
    }

    /// Starts a task that stays on this loop.
    @discardableResult
    package func spawn(
        _ operation: @escaping @Sendable () async -> Void
    ) -> Task<Void, Never> {
        Task(executorPreference: self, operation: operation)
    }

    package func enqueue(_ job: consuming ExecutorJob) {
        submit(.task(UnownedJob(job)))
    }

    private func submit(_ job: LoopJob) {
        if isCurrent {
            jobs.append(job)
            return
        }
        let mustWake = inbox.withLock { inbox in
            precondition(
                inbox.phase != .stopped,
                "a job for the loop \(name), which has stopped"
            )
            inbox.jobs.append(job)
            defer { inbox.isAsleep = false }
            return inbox.isAsleep
        }
        if mustWake { poller?.wake() }
    }

    // MARK: Descriptors, timers and turns, on the loop

    /// Watches a descriptor, level-triggered: the handler is called each turn while it is ready.
    ///
    /// The descriptor must stay open until `deregister`.
    package func register(
        _ descriptor: Int32,
        for interest: Interest,
        handler: @escaping (Readiness) -> Void
    ) throws(SystemError) -> Registration {
        preconditionCurrent()
        let token = registrations.reserve()
        let registration = Registration(
            descriptor: descriptor,
            interest: interest,
            token: token,
            handler: handler
        )
        do throws(SystemError) {
            try poller?.add(descriptor, interest, token: token)
        } catch {
            registrations.release(token)
            throw error
        }
        registrations.fill(registration)
        return registration
    }

    /// Changes what is waited for; free when nothing changes.
    package func update(
        _ registration: Registration,
        to interest: Interest
    ) throws(SystemError) {
        preconditionCurrent()
        guard registration.interest != interest, registration.handler != nil else { return }
        try poller?.modify(registration.descriptor, interest, token: registration.token)
        registration.interest = interest
    }

    /// Stops watching; harmless when done before.
    ///
    /// Its events of this turn are dropped too.
    package func deregister(_ registration: Registration) {
        preconditionCurrent()
        guard registration.handler != nil else { return }
        registration.handler = nil
        registrations.release(registration.token)
        poller?.remove(registration.descriptor)
    }

    /// Calls the action once, not before the delay has passed from `now`.
    @discardableResult
    package func schedule(after delay: Duration, _ action: @escaping () -> Void) -> LoopTimer {
        schedule(at: time + delay, action)
    }

    /// Calls the action once, not before the deadline.
    @discardableResult
    package func schedule(
        at deadline: ContinuousClock.Instant,
        _ action: @escaping () -> Void
    ) -> LoopTimer {
        schedule(at: loopTime(of: deadline), action)
    }

    /// Calls the action once, not before the deadline.
    @discardableResult
    package func schedule(at deadline: LoopTime, _ action: @escaping () -> Void) -> LoopTimer {
        preconditionCurrent()
        let timer = LoopTimer(at: deadline, loop: self, action: action)
        timers.insert(timer)
        return timer
    }

    func disarm(_ timer: LoopTimer) {
        preconditionCurrent()
        timers.remove(timer)
    }

    /// Calls the action once, after the ready descriptors, timers and jobs of this turn.
    package func atEndOfTurn(_ action: @escaping () -> Void) {
        preconditionCurrent()
        endings.append(action)
    }

    /// The time at the beginning of this turn.
    package var now: ContinuousClock.Instant {
        preconditionCurrent()
        return turn
    }

    /// The same in the loop's own count, which is cheaper to compare and to keep.
    package var time: LoopTime {
        preconditionCurrent()
        return turnTime
    }

    func instant(of time: LoopTime) -> ContinuousClock.Instant {
        origin + .nanoseconds(time.nanoseconds)
    }

    private func loopTime(of instant: ContinuousClock.Instant) -> LoopTime {
        LoopTime(nanoseconds: 0) + origin.duration(to: instant)
    }

    // MARK: The turn

    private func runTurns() {
        thread.store(currentThread(), ordering: .relaxed)
        repeat {
            let eventCount = poller?.wait(milliseconds: waitMilliseconds()) ?? 0
            beginTurn()
            takeInbox()
            for index in 0..<eventCount { dispatch(index) }
            while let timer = timers.popDue(at: turnTime) { timer.takeAction()?() }
            runJobs()
            runEndings()
            measureTurn()
        } while !endIfDrained()
    }

    private func beginTurn() {
        turn = .now
        turnTime = loopTime(of: turn)
    }

    /// How long to wait; from here on other threads wake the poller.
    private func waitMilliseconds() -> Int32 {
        guard jobs.isEmpty, endings.isEmpty else { return 0 }
        let mustPoll = inbox.withLock { inbox in
            if !inbox.jobs.isEmpty || inbox.phase == .stopping { return true }
            inbox.isAsleep = true
            return false
        }
        if mustPoll { return 0 }
        guard let deadline = timers.next else { return -1 }
        return loopTime(of: .now).milliseconds(until: deadline)
    }

    private func takeInbox() {
        inbox.withLock { inbox in
            inbox.isAsleep = false
            swap(&inbox.jobs, &batch)
        }
        jobs.append(takingFrom: &batch)
    }

    private func dispatch(_ index: Int) {
        guard let (token, readiness) = poller?.event(at: index),
            let handler = registrations[token]?.handler
        else { return }
        handler(readiness)
    }

    private func runJobs() {
        var count = 0
        while count < Self.jobsPerTurnMax, let job = jobs.popFirst() {
            count += 1
            switch job {
            case .closure(let closure):
                closure()
            case .task(let job):
                // Isolated to nothing, as code that prefers a loop is: were the loop an actor's
                // executor as well, each await that returns would be another job.
                job.runSynchronously(on: asUnownedTaskExecutor())
            }
        }
    }

    private func runEndings() {
        guard !endings.isEmpty else { return }
        // What these put off again belongs to the next turn, or one turn could last forever.
        let due = endings
        endings.removeAll()
        for ending in due { ending() }
    }

    private func endIfDrained() -> Bool {
        guard jobs.isEmpty, endings.isEmpty else { return false }
        let waiters: [CheckedContinuation<Void, Never>]? = inbox.withLock { inbox in
            guard inbox.phase == .stopping, inbox.jobs.isEmpty else { return nil }
            inbox.phase = .stopped
            defer { inbox.stopWaiters = [] }
            return inbox.stopWaiters
        }
        guard let waiters else { return false }
        timers.removeAll()
        registrations.removeAll()
        thread.store(0, ordering: .relaxed)
        for waiter in waiters { waiter.resume() }
        return true
    }

    // MARK: Lag

    /// How long the last turn kept the thread busy; from any thread.
    package var lastTurn: Duration {
        .nanoseconds(lastTurnNanoseconds.load(ordering: .relaxed))
    }

    /// The longest turn since the last call of this, which a scraper would otherwise miss.
    package func takeLongestTurn() -> Duration {
        .nanoseconds(longestTurnNanoseconds.exchange(0, ordering: .relaxed))
    }

    private func measureTurn() {
        let nanoseconds = loopTime(of: .now).nanoseconds - turnTime.nanoseconds
        lastTurnNanoseconds.store(nanoseconds, ordering: .relaxed)
        if nanoseconds > longestTurnNanoseconds.load(ordering: .relaxed) {
            longestTurnNanoseconds.store(nanoseconds, ordering: .relaxed)
        }
    }
}
