import Ledger
import LedgerModel
import Schema

/// What `EscrowShard` and `EscrowService` do around the books.
extension World {
    /// Lets a book decide, and carries out what it says.
    func drive(
        _ process: Process,
        _ account: AccountID,
        _ decide: (inout LeaseBook, ContinuousClock.Instant, EscrowTenure) -> [LeaseAction]
    ) {
        drive(process, Int(account.low), decide)
    }

    func drive(
        _ process: Process,
        _ index: Int,
        _ decide: (inout LeaseBook, ContinuousClock.Instant, EscrowTenure) -> [LeaseAction]
    ) {
        guard let tenure = process.tenure, process.books[index] != nil,
            let actions = process.books[index].mutate({ decide(&$0, process.clock(now), tenure) })
        else { return }
        for action in actions {
            switch action {
            case .acquire(let request): send(.acquire(request), from: process)
            case .giveBack(let request): send(.giveBack(request), from: process)
            case .recall: recall(index, askedBy: process)
            case .reclaim(let request): send(.reclaim(request), from: process)
            case .resume(let waiter, let result): resume(process, waiter, result)
            }
        }
        guard let wake = process.books[index]?.value.nextWake(tenure: tenure) else { return }
        if let armed = process.wakes[index], armed <= wake { return }
        process.wakes[index] = wake
        agenda.add(
            .local(process.id, .wake(accountIndex: index, armedFor: wake)),
            at: max(process.moment(of: wake), now)
        )
    }

    /// Tells the other processes; a recall is a hint, which some miss.
    private func recall(_ index: Int, askedBy asker: Process) {
        for case let id? in hosts.map(\.process) where id != asker.id {
            let other = processes[id]
            guard other.phase == .serving, other.pausedUntil <= now else { continue }
            if plan.losesMessages, !isHealed, dice.chance(20) { continue }
            schedule(.recalled(accountIndex: index), on: other, within: .milliseconds(20))
        }
    }

    func recalled(_ process: Process, _ index: Int) {
        guard process.phase == .serving else { return }
        drive(process, index) { $0.recalled(now: $1, tenure: $2) }
    }

    /// Takes over the caps as they are now.
    func learnLimits(_ process: Process) {
        process.limits = accounts.map { database.accounts[$0]?.caps.limits ?? [:] }
    }

    func wake(
        _ process: Process,
        _ index: Int,
        armedFor moment: ContinuousClock.Instant
    ) {
        guard process.wakes[index] == moment else { return }
        process.wakes[index] = nil
        drive(process, index) { $0.tick(now: $1, tenure: $2) }
    }

    func freshBook(_ process: Process, _ index: Int) -> Book {
        Book(
            LeaseBook(
                account: accounts[index],
                firstLease: LeaseID(
                    at: Instant(microseconds: 0),
                    random: (dice.word(), dice.word())
                ),
                settings: plan.settings
            )
        )
    }

    func sweep(_ process: Process) {
        if mutation != .neverSweeps { sweepBooks(process) }
        agenda.add(
            .local(process.id, .sweep),
            at: now + Moment(plan.settings.sweepInterval)
        )
    }

    func sweepBooks(_ process: Process) {
        for index in accounts.indices {
            drive(process, index) { $0.sweep(now: $1, tenure: $2) }
            if process.books[index]?.value.isDisposable(at: process.clock(now)) == true {
                process.books[index] = nil
            }
        }
    }

    // MARK: Tenure

    func heartbeat(_ process: Process) {
        guard let tenure = process.tenure, tenure.phase != .superseded else { return }
        let request = HeartbeatRequest(tenure.identity, releasesKnown: process.releasesKnown)
        send(.heartbeat(request, sentAt: process.clock(now)), from: process)
    }

    func tookHeartbeat(
        _ process: Process,
        _ result: Result<HeartbeatReply, LedgerError>,
        sentAt: ContinuousClock.Instant
    ) {
        guard process.tenure?.phase != .superseded else { return }
        var pause = plan.settings.heartbeatInterval
        switch result {
        case .success(.released(let count)):
            process.heartbeatFailures = 0
            process.releasesKnown = count
            process.tenure?.renew(until: sentAt + plan.settings.validity, now: process.clock(now))
            process.tenure?.lapses += 1
        case .success(.failedOver):
            note("process \(process.id): the database is another one")
            return reoffer(process)
        case .success(.current):
            process.heartbeatFailures = 0
            process.tenure?.renew(until: sentAt + plan.settings.validity, now: process.clock(now))
        case .success(.superseded):
            supersede(process)
            guard mutation == .outlivesItsSuccessor else { return }
            process.tenure?.renew(until: sentAt + plan.settings.validity, now: process.clock(now))
        case .failure:
            process.heartbeatFailures += 1
            pause = plan.settings.backoff(afterFailures: process.heartbeatFailures)
        }
        agenda.add(.local(process.id, .heartbeat), at: now + Moment(pause))
    }

    func supersede(_ process: Process) {
        guard process.tenure?.phase != .superseded else { return }
        note("process \(process.id): superseded")
        if mutation == .outlivesItsSuccessor { return }
        process.tenure?.phase = .superseded
        sweepBooks(process)
    }
}

/// A book in a place of its own, where it is looked at after every step without being copied.
final class Book {
    var value: LeaseBook

    init(_ value: LeaseBook) { self.value = value }
}

extension Optional where Wrapped == Book {
    /// Changes the book in its place; nil when there is none.
    func mutate<Output>(_ body: (inout LeaseBook) -> Output) -> Output? {
        map { body(&$0.value) }
    }
}
