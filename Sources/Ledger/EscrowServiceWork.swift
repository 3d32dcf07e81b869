import Schema
import Synchronization

extension EscrowService {
    /// Works until `stop` has ended or the task is cancelled; to be called after `start`, once.
    package func run() async {
        await withDiscardingTaskGroup { group in
            group.addTask { await self.keepHeartbeating() }
            group.addTask { await self.keepSweeping() }
            group.addTask { await self.keepClosingLost() }
            group.addTask { await self.keepRecalling() }
            group.addTask { await self.keepReadingRecalls() }
            for await command in escrow.commands {
                group.addTask { await self.execute(command) }
            }
            group.cancelAll()
        }
    }

    /// Drains: refuses new calls, waits until others have settled and shipped what runs, gives
    /// everything back, closes the leases and ends `run`.
    ///
    /// At the deadline what is left stays: the next start settles it, or validity ends it.
    package func stop(by deadline: Moment) async {
        escrow.stopAdmitting()
        while !isFinished, Moment.now < deadline {
            escrow.sweep()
            try? await Task.sleep(for: settings.drainInterval)
            if Task.isCancelled { break }
        }
        if isFinished {
            await noteStopped()
        } else {
            report(.drainIncomplete(escrow.totals))
        }
        escrow.finish()
    }

    private var isFinished: Bool {
        if isSuperseded.load(ordering: .relaxed) { return escrow.totals.holdCount == 0 }
        return escrow.isClosed
    }

    /// Closes the leases of this instance's earlier epochs and returns how many they were.
    ///
    /// To be called when the events that the journal had kept from them are in the ledger.
    package func closeEarlierEpochs() async throws(LedgerError) -> Int {
        while true {
            guard let identity else {
                throw LedgerError(.refused, "the instance isn't registered")
            }
            do throws(LedgerError) {
                return try await authority.closeEarlierEpochs(identity)
            } catch {
                guard error.code == .failedOver, !Task.isCancelled else { throw error }
                // A heartbeat may find out too, where there are any: rejoining twice is harmless.
                await rejoin()
            }
        }
    }

    private func noteStopped() async {
        guard let identity, !isSuperseded.load(ordering: .relaxed) else { return }
        // Only for people to see: it holds nothing any more.
        try? await authority.stopped(identity)
    }

    private func heartbeat(_ identity: InstanceIdentity) -> HeartbeatRequest {
        let totals = escrow.totals
        return HeartbeatRequest(
            identity,
            releasesKnown: releasesKnown.load(ordering: .relaxed),
            runningCalls: Int64(totals.holdCount),
            held: totals.held
        )
    }

    /// Closes what instances that fell silent for good have left, whoever sees it first.
    private func keepClosingLost() async {
        while !Task.isCancelled {
            if let identity, let count = try? await authority.closeLost(identity), count > 0 {
                report(.closedLost(count))
            }
            try? await Task.sleep(for: settings.lostLeaseInterval)
        }
    }

    private func keepSweeping() async {
        while !Task.isCancelled {
            try? await Task.sleep(for: settings.sweepInterval)
            escrow.sweep()
        }
    }

    private func keepHeartbeating() async {
        var failures = 0
        while !Task.isCancelled, !isSuperseded.load(ordering: .relaxed), let identity {
            let pause =
                failures == 0
                ? settings.heartbeatInterval : settings.backoff(afterFailures: failures)
            try? await Task.sleep(for: pause)
            if Task.isCancelled { return }
            let sentAt = Moment.now
            do throws(LedgerError) {
                switch try await authority.heartbeat(heartbeat(identity)) {
                case .current: escrow.renew(until: sentAt + settings.validity)
                case .released(let count):
                    releasesKnown.store(count, ordering: .relaxed)
                    escrow.renew(until: sentAt + settings.validity, isReleased: true)
                    report(.released)
                case .failedOver: await rejoin()
                case .superseded: supersede()
                }
                failures = 0
            } catch {
                if error.code == .superseded { return supersede() }
                failures += 1
                report(.heartbeatFailed(error))
            }
        }
    }

    private func execute(_ command: EscrowCommand) async {
        switch command {
        case .acquire(let request):
            let result: Result<AcquireReply, LedgerError>
            do throws(LedgerError) {
                result = .success(try await authority.acquire(request))
            } catch {
                noteFailure(error, of: request.account)
                result = .failure(error)
            }
            escrow.completed(request, result)
        case .giveBack(let request):
            let result: Result<GiveBackReply, LedgerError>
            do throws(LedgerError) {
                result = .success(try await authority.giveBack(request))
            } catch {
                noteFailure(error, of: request.account)
                result = .failure(error)
            }
            escrow.completed(request, result)
        case .reclaim(let request):
            let result: Result<ReclaimReply, LedgerError>
            do throws(LedgerError) {
                result = .success(try await authority.reclaim(request))
            } catch {
                noteFailure(error, of: request.account)
                result = .failure(error)
            }
            escrow.completed(request, result)
        case .recall(let account):
            outbox.add(account)
        case .wake(let account, let moment):
            try? await Task.sleep(until: moment, clock: .continuous)
            if !Task.isCancelled { escrow.wake(account, armedFor: moment) }
        }
    }

    private func noteFailure(_ error: LedgerError, of account: AccountID) {
        if error.code == .superseded {
            supersede()
        } else if !error.isRetrySafe {
            report(.operationRejected(account, error))
        }
    }

    func supersede() {
        guard !isSuperseded.exchange(true, ordering: .relaxed) else { return }
        escrow.supersede()
        report(.superseded)
    }
}
