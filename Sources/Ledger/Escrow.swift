import Schema
import Synchronization

/// Admission without a round trip: holds money for calls out of this instance's leases.
///
/// Thread-safe and without tasks of its own: what must be asked of the database leaves as a
/// command that `EscrowService` carries out.
package final class Escrow: Sendable {
    package typealias Moment = ContinuousClock.Instant

    package let settings: EscrowSettings
    private let shards: [EscrowShard]
    private let tenure = Mutex<EscrowTenure?>(nil)
    private let waiters = Atomic<UInt64>(0)
    let commands: AsyncStream<EscrowCommand>
    private let sender: AsyncStream<EscrowCommand>.Continuation

    package init(settings: EscrowSettings = EscrowSettings()) {
        self.settings = settings
        let (commands, sender) = AsyncStream.makeStream(of: EscrowCommand.self)
        self.commands = commands
        self.sender = sender
        shards = (0..<max(settings.shardCount, 1)).map { _ in
            EscrowShard(settings: settings) { sender.yield($0) }
        }
    }

    private func shard(_ account: AccountID) -> EscrowShard {
        shards[Int(account.low % UInt64(shards.count))]
    }

    // MARK: Holding

    /// Holds `want` at once when the lease can cover all of it: the way of nearly every call.
    package func tryHold(
        _ account: AccountID,
        want: Pico,
        caps: [SpendCap] = [],
        admittedAt: Instant = Instant(microseconds: 0)
    ) -> EscrowHold? {
        let request = EscrowRequest(
            account,
            want: want,
            least: want,
            caps: caps,
            admittedAt: admittedAt
        )
        return shard(account).tryHold(request, now: .now)
    }

    /// Holds what is wanted, or when credit runs short at least the least of it, waiting for the
    /// database and for running calls for no longer than the request says.
    ///
    /// Of two that wait the earlier is served first; a cancelled task stops waiting and holds
    /// nothing, unless its hold had been made already and is returned.
    package func hold(_ request: EscrowRequest) async throws(EscrowRefusal) -> EscrowHold {
        let now = Moment.now
        let account = request.account
        let shard = shard(account)
        if let hold = shard.tryHold(request, now: now) { return hold }
        let waiter = waiters.add(1, ordering: .relaxed).newValue
        let result = await withTaskCancellationHandler {
            await withCheckedContinuation { (continuation: EscrowShard.Continuation) in
                shard.wait(
                    waiter,
                    for: request,
                    deadline: now + (request.waitMax ?? settings.holdWaitMax),
                    now: now,
                    continuation: continuation
                )
                // A handler that ran before the waiter was there has found nothing to cancel.
                if Task.isCancelled { cancel(waiter, of: account) }
            }
        } onCancel: {
            cancel(waiter, of: account)
        }
        return try result.get()
    }

    private func cancel(_ waiter: UInt64, of account: AccountID) {
        shard(account).apply(to: account) { book, tenure in
            book.cancel(waiter, now: .now, tenure: tenure) ?? []
        }
    }

    /// Raises a running call's hold to `amount` at once; nil when the lease can't cover it.
    package func tryGrow(_ hold: EscrowHold, to amount: Pico) -> EscrowHold? {
        shard(hold.account).tryGrow(hold, to: amount, now: .now)
    }

    /// Raises a running call's hold by `more`, waiting like a call that is to be admitted.
    ///
    /// - Returns: the hold, raised; nil when nothing is to be had, when the call has ended
    ///   meanwhile, or when what is to be had is of another lease than the call's.
    package func grow(_ hold: EscrowHold, by more: EscrowRequest) async -> EscrowHold? {
        guard let added = try? await self.hold(more) else { return nil }
        let merged = shard(hold.account).merge(added, into: hold)
        if merged == nil { release(added) }
        return merged
    }

    /// Ends a hold with the call's charge, which the usage event carries to the ledger later.
    package func settle(_ hold: EscrowHold, charge: Pico) {
        shard(hold.account).apply(to: hold.account) { book, tenure in
            book.settle(hold, charge: charge, now: .now, tenure: tenure)
        }
    }

    /// Ends a hold of a call that cost nothing.
    package func release(_ hold: EscrowHold) {
        settle(hold, charge: .zero)
    }

    /// Notes that usage events of the lease with charges of `amount` in sum are in the ledger.
    ///
    /// To be called for every settled hold, after the commit of the append: a lease is closed
    /// only when all its charges are confirmed.
    package func shipped(_ account: AccountID, lease: LeaseID, amount: Pico) {
        shard(account).apply(to: account) { book, tenure in
            book.shipped(amount, of: lease, now: .now, tenure: tenure)
        }
    }

    // MARK: Looking

    /// What this instance holds of an account.
    package func holdings(_ account: AccountID) -> EscrowHoldings {
        shard(account).read(account, \.holdings) ?? EscrowHoldings()
    }

    /// The balance as this instance knows it: the database's last word, less all that was charged
    /// here since; nil before the first word.
    ///
    /// What other instances have charged meanwhile is not in it. What was on its way to the
    /// database when it spoke may be counted twice until it speaks again: it errs downwards.
    package func balance(_ account: AccountID) -> Pico? {
        shard(account).read(account, \.balance) ?? nil
    }

    /// What this instance holds of all accounts.
    package var totals: EscrowHoldings {
        shards.reduce(EscrowHoldings()) { total, shard in
            shard.reduce(total) { $0 + $1.holdings }
        }
    }

    /// Whether a call that was admitted may still go to an upstream: looked at before each attempt.
    package var permitsAttempts: Bool {
        tenure.withLock { $0 }?.permitsAttempts(at: .now) ?? false
    }

    /// Whether calls and growth are allowed now.
    package var isAdmitting: Bool {
        tenure.withLock { $0 }?.admits(at: .now) ?? false
    }

    /// As whom the database heard this instance last, and when; nil before it is registered.
    package var standing: RateStanding? {
        tenure.withLock { tenure in
            tenure.map { tenure in
                RateStanding(
                    instance: tenure.identity.instance,
                    epoch: tenure.identity.epoch,
                    renewedAt: tenure.validUntil - settings.validity
                )
            }
        }
    }

    /// Tells an account's figures that came by another way, such as the directory's snapshot:
    /// a suspended or overdrawn account is refused from now on.
    package func observe(_ account: AccountID, _ head: HeadSummary) {
        shard(account).observe(account, head, now: .now)
    }

    /// Refuses everything from now on; running calls go on to settle.
    package func stopAdmitting() {
        change { tenure in
            if tenure.phase == .serving { tenure.phase = .draining }
        }
    }
}

// MARK: - For the service

extension Escrow {
    /// Begins to admit as this identity.
    func begin(_ identity: InstanceIdentity, validUntil: Moment) {
        adopt(EscrowTenure(identity: identity, validUntil: validUntil))
    }

    /// Renews the validity of all leases, as counted from before the heartbeat was sent.
    ///
    /// With `isReleased` others have closed some of them, so that none is used before the database
    /// has answered for it.
    func renew(until validUntil: Moment, isReleased: Bool = false) {
        let now = Moment.now
        change { tenure in
            tenure.renew(until: validUntil, now: now)
            if isReleased { tenure.lapses += 1 }
        }
    }

    /// Goes on in another incarnation of the database: each lease is reclaimed there, and is used
    /// again when the database has answered for it.
    func rejoin(_ identity: InstanceIdentity, validUntil: Moment) {
        let now = Moment.now
        change { tenure in
            tenure.identity = identity
            tenure.renew(until: validUntil, now: now)
            tenure.lapses += 1
        }
    }

    /// The leases that the books count on.
    var openLeases: [LeaseID] {
        shards.reduce(into: []) { leases, shard in
            leases = shard.reduce(leases) { $0 + ($1.leaseFigures.map { [$0.lease] } ?? []) }
        }
    }

    /// Another process owns the instance: ends all admission and forgets all leases.
    func supersede() {
        change { $0.phase = .superseded }
    }

    func sweep() {
        let now = Moment.now
        for shard in shards { shard.sweep(now: now) }
    }

    func wake(_ account: AccountID, armedFor moment: Moment) {
        shard(account).wake(account, armedFor: moment, now: .now)
    }

    func completed(_ request: AcquireRequest, _ result: Result<AcquireReply, LedgerError>) {
        shard(request.account).apply(to: request.account) { book, tenure in
            book.completed(request, result, now: .now, tenure: tenure)
        }
    }

    func completed(_ request: GiveBackRequest, _ result: Result<GiveBackReply, LedgerError>) {
        shard(request.account).apply(to: request.account) { book, tenure in
            book.completed(request, result, now: .now, tenure: tenure)
        }
    }

    func completed(_ request: ReclaimRequest, _ result: Result<ReclaimReply, LedgerError>) {
        shard(request.account).apply(to: request.account) { book, tenure in
            book.completed(request, result, now: .now, tenure: tenure)
        }
    }

    /// Another instance is short of the account's credit.
    func recalled(_ account: AccountID) {
        shard(account).apply(to: account) { $0.recalled(now: .now, tenure: $1) }
    }

    /// Whether every hold is settled and every lease closed.
    var isClosed: Bool {
        shards.allSatisfy { $0.reduce(true) { $0 && $1.isClosed } }
    }

    /// Ends the service's loop over commands.
    func finish() { sender.finish() }

    private func change(_ body: (inout EscrowTenure) -> Void) {
        let changed = tenure.withLock { tenure -> EscrowTenure? in
            guard var changed = tenure else { return nil }
            body(&changed)
            tenure = changed
            return changed
        }
        if let changed { adopt(changed) }
    }

    private func adopt(_ new: EscrowTenure) {
        tenure.withLock { $0 = new }
        let now = Moment.now
        for shard in shards { shard.adopt(new, now: now) }
    }
}

/// What the escrow wants done that takes time.
enum EscrowCommand: Sendable {
    case acquire(AcquireRequest)
    case giveBack(GiveBackRequest)
    case reclaim(ReclaimRequest)
    case recall(AccountID)
    case wake(AccountID, at: ContinuousClock.Instant)
}

extension EscrowHoldings {
    static func + (left: Self, right: Self) -> Self {
        var sum = left
        sum.held += right.held
        sum.unshipped += right.unshipped
        sum.available += right.available
        sum.holdCount += right.holdCount
        return sum
    }
}
