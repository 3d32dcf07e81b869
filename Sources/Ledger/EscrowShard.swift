import Schema
import Synchronization

/// A part of the accounts behind one lock, and those that wait for them.
///
/// Decisions are made under the lock; continuations are resumed and commands sent outside of it.
final class EscrowShard: Sendable {
    typealias Continuation = CheckedContinuation<Result<EscrowHold, EscrowRefusal>, Never>

    private struct State {
        var books: [AccountID: LeaseBook] = [:]
        var tenure: EscrowTenure?
        var continuations: [UInt64: Continuation] = [:]
        /// The next wake that is on its way to each account.
        var wakes: [AccountID: ContinuousClock.Instant] = [:]
    }

    /// What a decision leaves to be done outside of the lock.
    struct Effects: Sendable {
        fileprivate var resumptions: [(Continuation, Result<EscrowHold, EscrowRefusal>)] = []
        fileprivate var commands: [EscrowCommand] = []
    }

    private let state = Mutex(State())
    private let settings: EscrowSettings
    private let send: @Sendable (EscrowCommand) -> Void

    init(settings: EscrowSettings, send: @escaping @Sendable (EscrowCommand) -> Void) {
        self.settings = settings
        self.send = send
    }

    func tryHold(_ request: EscrowRequest, now: ContinuousClock.Instant) -> EscrowHold? {
        let account = request.account
        let (hold, effects) = state.withLock { state -> (EscrowHold?, Effects?) in
            guard let tenure = state.tenure else { return (nil, nil) }
            guard let index = state.books.index(forKey: account) else {
                // Only a hold of zero needs nothing that must be there already.
                guard request.want <= .zero else { return (nil, nil) }
                var book = freshBook(account)
                let hold = book.tryHold(.zero, now: now, tenure: tenure)
                state.books[account] = book
                return (hold, nil)
            }
            let (hold, actions) = change(&state.books.values[index]) { book in
                let hold = book.tryHold(
                    request.want,
                    caps: request.caps,
                    at: request.admittedAt,
                    now: now,
                    tenure: tenure
                )
                let wantsMore = hold != nil && book.wantsMore(now: now)
                return (hold, wantsMore ? book.tick(now: now, tenure: tenure) : nil)
            }
            guard let actions else { return (hold, nil) }
            return (hold, take(actions, of: account, tenure: tenure, in: &state))
        }
        if let effects { perform(effects) }
        return hold
    }

    func tryGrow(
        _ hold: EscrowHold,
        to amount: Pico,
        now: ContinuousClock.Instant
    ) -> EscrowHold? {
        let account = hold.account
        let (grown, effects) = state.withLock { state -> (EscrowHold?, Effects?) in
            guard let tenure = state.tenure, let index = state.books.index(forKey: account)
            else { return (nil, nil) }
            let (grown, actions) = change(&state.books.values[index]) { book in
                let grown = book.tryGrow(hold, to: amount, now: now, tenure: tenure)
                let wantsMore = grown != nil && book.wantsMore(now: now)
                return (grown, wantsMore ? book.tick(now: now, tenure: tenure) : nil)
            }
            guard let actions else { return (grown, nil) }
            return (grown, take(actions, of: account, tenure: tenure, in: &state))
        }
        if let effects { perform(effects) }
        return grown
    }

    func merge(_ more: EscrowHold, into hold: EscrowHold) -> EscrowHold? {
        state.withLock { $0.books[hold.account]?.merge(more, into: hold) }
    }

    func wait(
        _ waiter: UInt64,
        for request: EscrowRequest,
        deadline: ContinuousClock.Instant,
        now: ContinuousClock.Instant,
        continuation: Continuation
    ) {
        let account = request.account
        let effects = state.withLock { state -> Effects? in
            guard let tenure = state.tenure else { return nil }
            state.continuations[waiter] = continuation
            let actions = state.books[account, default: freshBook(account)].wait(
                waiter,
                want: request.want,
                least: request.least,
                caps: request.caps,
                at: request.admittedAt,
                deadline: deadline,
                now: now,
                tenure: tenure
            )
            return take(actions, of: account, tenure: tenure, in: &state)
        }
        if let effects {
            perform(effects)
        } else {
            let refusal = EscrowRefusal(
                .unavailable,
                balance: .zero,
                held: .zero,
                needed: request.least
            )
            continuation.resume(returning: .failure(refusal))
        }
    }

    /// Applies an event to an account's book, when there is one, and does what follows.
    func apply(
        to account: AccountID,
        _ body: (inout LeaseBook, EscrowTenure) -> [LeaseAction]
    ) {
        let effects = state.withLock { state -> Effects? in
            guard let tenure = state.tenure, let index = state.books.index(forKey: account)
            else { return nil }
            let actions = change(&state.books.values[index]) { book -> [LeaseAction]? in
                let actions = body(&book, tenure)
                let isQuiet =
                    actions.isEmpty && book.queue.isEmpty && book.operation == nil
                    && book.givesBackRecalledFrom == nil
                return isQuiet ? nil : actions
            }
            return actions.map { take($0, of: account, tenure: tenure, in: &state) }
        }
        if let effects { perform(effects) }
    }

    /// Runs the wake that was armed for this moment; one that an earlier wake replaced is void.
    func wake(
        _ account: AccountID,
        armedFor moment: ContinuousClock.Instant,
        now: ContinuousClock.Instant
    ) {
        let isArmed = state.withLock { state in
            guard state.wakes[account] == moment else { return false }
            state.wakes[account] = nil
            return true
        }
        if isArmed { apply(to: account) { $0.tick(now: now, tenure: $1) } }
    }

    /// Sweeps every book and forgets those that have nothing left.
    func sweep(now: ContinuousClock.Instant) {
        let effects = state.withLock { state -> [Effects] in
            guard let tenure = state.tenure else { return [] }
            var all: [Effects] = []
            for account in Array(state.books.keys) {
                guard let index = state.books.index(forKey: account) else { continue }
                let actions = state.books.values[index].sweep(now: now, tenure: tenure)
                if state.books.values[index].isDisposable(at: now) {
                    state.books.remove(at: index)
                }
                guard !actions.isEmpty else { continue }
                all.append(take(actions, of: account, tenure: tenure, in: &state))
            }
            return all
        }
        effects.forEach(perform)
    }

    /// Tells all books of a new tenure; what it ends is decided at once.
    func adopt(_ tenure: EscrowTenure, now: ContinuousClock.Instant) {
        let isChanged = state.withLock { state in
            defer { state.tenure = tenure }
            return state.tenure?.phase != tenure.phase
                || state.tenure?.identity.incarnation != tenure.identity.incarnation
        }
        if isChanged { sweep(now: now) }
    }

    func observe(_ account: AccountID, _ head: HeadSummary, now: ContinuousClock.Instant) {
        let isBlocking = head.isSuspended || head.overdrawn > .zero
        state.withLock { state in
            if isBlocking {
                state.books[account, default: freshBook(account)].observe(head, now: now)
            } else {
                state.books[account]?.observe(head, now: now)
            }
        }
    }

    func read<Value: Sendable>(_ account: AccountID, _ body: (LeaseBook) -> Value) -> Value? {
        state.withLock { state in
            guard let index = state.books.index(forKey: account) else { return nil }
            return change(&state.books.values[index]) { body($0) }
        }
    }

    func reduce<Value: Sendable>(_ initial: Value, _ body: (Value, LeaseBook) -> Value) -> Value {
        state.withLock { $0.books.values.reduce(initial, body) }
    }
}

/// Lets the body at a book where it lies: to read one out of its dictionary copies it whole.
private func change<Result>(
    _ book: inout LeaseBook,
    _ body: (inout LeaseBook) -> Result
) -> Result {
    body(&book)
}

extension EscrowShard {
    private func freshBook(_ account: AccountID) -> LeaseBook {
        var generator = SystemRandomNumberGenerator()
        let lease = LeaseID(
            at: Instant(microseconds: 0),
            random: (generator.next(), generator.next())
        )
        return LeaseBook(account: account, firstLease: lease, settings: settings)
    }

    /// Turns a book's actions into what is left to do, and arms its next wake.
    private func take(
        _ actions: [LeaseAction],
        of account: AccountID,
        tenure: EscrowTenure,
        in state: inout State
    ) -> Effects {
        var effects = Effects()
        for action in actions {
            switch action {
            case .acquire(let request): effects.commands.append(.acquire(request))
            case .giveBack(let request): effects.commands.append(.giveBack(request))
            case .reclaim(let request): effects.commands.append(.reclaim(request))
            case .recall(let account): effects.commands.append(.recall(account))
            case .resume(let waiter, let result):
                guard let continuation = state.continuations.removeValue(forKey: waiter) else {
                    continue
                }
                effects.resumptions.append((continuation, result))
            }
        }
        if let wake = state.books[account]?.nextWake(tenure: tenure),
            state.wakes[account].map({ wake < $0 }) ?? true
        {
            state.wakes[account] = wake
            effects.commands.append(.wake(account, at: wake))
        }
        return effects
    }

    private func perform(_ effects: Effects) {
        for command in effects.commands { send(command) }
        for (continuation, result) in effects.resumptions {
            continuation.resume(returning: result)
        }
    }
}
