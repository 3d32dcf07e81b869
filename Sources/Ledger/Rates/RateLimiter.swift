import Schema
import Synchronization

/// Admits calls under the limits of their keys out of this instance's shares in them.
///
/// Thread-safe. Inside of a share nothing is awaited; what must be asked of the database leaves as
/// a command, which `run` carries out.
package final class RateLimiter: Sendable {
    package typealias Moment = ContinuousClock.Instant
    private typealias Continuation = CheckedContinuation<Result<RateHold, RateRefusal>, Never>

    /// What of a key's limits is left, as far as this instance knows.
    package struct Figures: Hashable, Sendable {
        package let remaining: RateAmounts
        /// How long until all of a limit is free again if no call comes.
        package let requestsReset: Duration
        package let tokensReset: Duration
    }

    private struct State {
        var shares: [RateKey: RateShare] = [:]
        var waiting: [UInt64: Continuation] = [:]
    }

    private final class Shard: Sendable {
        let state = Mutex(State())
    }

    private enum Command: Sendable {
        case exchange(RateRequest)
        case wake(RateKey, at: Moment)
    }

    private static let shardCount = 16
    private static let drainInterval = Duration.milliseconds(20)

    private let authority: any RateAuthority
    private let settings: RateSettings
    private let standing: @Sendable () -> RateStanding?
    private let origin = Moment.now
    private let shards = (0..<shardCount).map { _ in Shard() }
    private let waiters = Atomic<UInt64>(0)
    private let sequences = Atomic<Int64>(0)
    private let isStopping = Atomic(false)
    private let commands: AsyncStream<Command>
    private let sender: AsyncStream<Command>.Continuation

    /// - Parameter standing: as whom the instance was heard last; nil before it is registered.
    package init(
        authority: any RateAuthority,
        settings: RateSettings = RateSettings(),
        standing: @escaping @Sendable () -> RateStanding?
    ) {
        self.authority = authority
        self.settings = settings
        self.standing = standing
        (commands, sender) = AsyncStream.makeStream(of: Command.self)
    }

    // MARK: Calls

    /// Counts a call, or says why it is not admitted.
    ///
    /// - Parameter waitMax: how long it may wait for the database.
    package func admit(
        _ need: RateAmounts,
        of key: RateKey,
        under limits: RateLimits,
        waitMax: Duration
    ) async throws(RateRefusal) -> RateHold {
        guard let standing = standing() else { throw .unavailable }
        let now = Moment.now
        if let hold = tryAdmit(need, of: key, now, standing) { return hold }
        let id = waiters.add(1, ordering: .relaxed).newValue
        let result = await withCheckedContinuation { (continuation: Continuation) in
            apply(to: key) { state in
                state.waiting[id] = continuation
                var share =
                    state.shares[key]
                    ?? RateShare(
                        key,
                        limits,
                        settings: settings,
                        standing: standing,
                        origin: origin,
                        now: now
                    )
                let actions = share.wait(
                    id,
                    for: need,
                    deadline: now + waitMax,
                    now: now,
                    nextSequence: nextSequence
                )
                state.shares[key] = share
                return actions
            }
        }
        return try result.get()
    }

    private func tryAdmit(
        _ need: RateAmounts,
        of key: RateKey,
        _ now: Moment,
        _ standing: RateStanding
    ) -> RateHold? {
        shard(key).state.withLock { state in
            state.shares[key]?.admit(need, now: now, standing)
        }
    }

    /// The refusal of a call that is certain already, so that no money is set aside for it.
    package func foreseen(_ need: RateAmounts, of key: RateKey) -> RateRefusal? {
        let now = Moment.now
        return shard(key).state.withLock { $0.shares[key]?.foreseen(need, now) }
    }

    /// Ends a call with the tokens that it used.
    package func settle(_ hold: RateHold, tokens: Int64) {
        let now = Moment.now
        apply(to: hold.key) { $0.shares[hold.key]?.settle(hold, tokens: tokens, now: now) ?? [] }
    }

    /// Ends a call that never was, and counts for nothing.
    package func release(_ hold: RateHold) {
        let now = Moment.now
        apply(to: hold.key) { $0.shares[hold.key]?.release(hold, now: now) ?? [] }
    }

    /// What is left of a key's limits; nil before its first call here.
    ///
    /// The others' shares in it are as old as the database's last word, about a second while calls
    /// come.
    package func figures(_ key: RateKey) -> Figures? {
        let now = Moment.now
        return shard(key).state.withLock { state in
            guard let share = state.shares[key] else { return nil }
            var reset = share.window.waitUntilEmpty(from: now)
            if share.elsewhere.requests > 0 { reset.requests = RateWindow.length }
            if share.elsewhere.tokens > 0 { reset.tokens = RateWindow.length }
            return Figures(
                remaining: share.remaining,
                requestsReset: reset.requests,
                tokensReset: reset.tokens
            )
        }
    }

    // MARK: The database

    /// Works until `stop` has ended or the task is cancelled; to be called once.
    package func run() async {
        await withDiscardingTaskGroup { group in
            group.addTask {
                while !Task.isCancelled {
                    try? await Task.sleep(for: self.settings.sweepInterval)
                    self.sweep()
                }
            }
            for await command in commands {
                group.addTask { await self.execute(command) }
            }
            group.cancelAll()
        }
    }

    /// Gives back what is not used and ends `run`; the calls have ended before.
    package func stop(by deadline: Moment) async {
        isStopping.store(true, ordering: .relaxed)
        repeat {
            sweep()
            if isDrained { break }
            try? await Task.sleep(for: Self.drainInterval)
        } while Moment.now < deadline && !Task.isCancelled
        sender.finish()
    }

    private var isDrained: Bool {
        shards.allSatisfy { shard in
            shard.state.withLock { $0.shares.values.allSatisfy(\.isDrained) }
        }
    }

    private func execute(_ command: Command) async {
        switch command {
        case .exchange(let request):
            let result: Result<RateReply, LedgerError>
            do throws(LedgerError) {
                result = .success(try await authority.exchange(request))
            } catch {
                result = .failure(error)
            }
            change(request.key) { share, now, standing in
                share.completed(
                    request,
                    result,
                    now: now,
                    standing,
                    nextSequence: self.nextSequence
                )
            }
        case .wake(let key, let moment):
            try? await Task.sleep(until: moment, clock: .continuous)
            change(key) { share, now, standing in
                share.woken(now: now, standing, nextSequence: self.nextSequence)
            }
        }
    }

    private func sweep() {
        let isStopping = isStopping.load(ordering: .relaxed)
        for shard in shards {
            for key in shard.state.withLock({ Array($0.shares.keys) }) {
                change(key) { share, now, standing in
                    share.sweep(
                        now: now,
                        standing,
                        isStopping: isStopping,
                        nextSequence: self.nextSequence
                    )
                }
            }
        }
    }

    // MARK: Shards

    private func shard(_ key: RateKey) -> Shard {
        shards[Int(key.key.low % UInt64(shards.count))]
    }

    @Sendable private func nextSequence() -> Int64 {
        sequences.add(1, ordering: .relaxed).newValue
    }

    /// Changes a share, if it is there, and forgets it when it is of no more use.
    private func change(
        _ key: RateKey,
        _ body: (inout RateShare, Moment, RateStanding) -> [RateAction]
    ) {
        guard let standing = standing() else { return }
        let now = Moment.now
        apply(to: key) { state in
            let actions = Self.change(&state.shares[key]) { body(&$0, now, standing) }
            if state.shares[key]?.isForgettable ?? false { state.shares[key] = nil }
            return actions
        }
    }

    /// Changes in place what is there: a copy would copy the window.
    private static func change(
        _ share: inout RateShare?,
        _ body: (inout RateShare) -> [RateAction]
    ) -> [RateAction] {
        guard var changed = share.take() else { return [] }
        defer { share = changed }
        return body(&changed)
    }

    /// Runs a change under the lock, and what it asks for outside of it.
    private func apply(to key: RateKey, _ change: (inout State) -> [RateAction]) {
        let ended = shard(key).state.withLock { state in
            var ended: [(Continuation, Result<RateHold, RateRefusal>)] = []
            for action in change(&state) {
                switch action {
                case .exchange(let request): sender.yield(.exchange(request))
                case .wake(let moment): sender.yield(.wake(key, at: moment))
                case .admit(let waiter, let hold):
                    if let continuation = state.waiting.removeValue(forKey: waiter) {
                        ended.append((continuation, .success(hold)))
                    }
                case .refuse(let waiter, let refusal):
                    if let continuation = state.waiting.removeValue(forKey: waiter) {
                        ended.append((continuation, .failure(refusal)))
                    }
                }
            }
            return ended
        }
        for (continuation, result) in ended { continuation.resume(returning: result) }
    }
}
