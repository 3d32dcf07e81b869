import Schema

/// What the database's answers change.
extension LeaseBook {
    /// Takes the answer to an acquire; one that comes late or twice changes nothing.
    package mutating func completed(
        _ request: AcquireRequest,
        _ result: Result<AcquireReply, LedgerError>,
        now: Moment,
        tenure: EscrowTenure
    ) -> [LeaseAction] {
        guard let operation, case .acquire(let asked) = operation.kind, asked == request else {
            return []
        }
        switch result {
        case .success(let reply):
            self.operation = nil
            note(reply.head, now: now)
            lease?.answered(request.opSequence)
            lease?.granted += reply.granted
            for grant in reply.caps { caps.note(grant, now: now) }
            lease?.lapses = operation.lapses
            guard reply.isLeaseClosed else {
                queue.note(.answered, upTo: operation.arrivals)
                retriesFrom = now + settings.waiterRetryInterval
                let recalls = recallWhatIsShort(now: now)
                return recalls + advance(isHeadFresh: true, now: now, tenure: tenure)
            }
            retireLease()
        case .failure(let error):
            failed(operation, with: error, now: now)
            return advance(now: now, tenure: tenure)
        }
        return advance(isHeadFresh: true, now: now, tenure: tenure)
    }

    /// Takes the answer to a give-back; one that comes late or twice changes nothing.
    package mutating func completed(
        _ request: GiveBackRequest,
        _ result: Result<GiveBackReply, LedgerError>,
        now: Moment,
        tenure: EscrowTenure
    ) -> [LeaseAction] {
        guard let operation, case .giveBack(let asked) = operation.kind, asked == request else {
            return []
        }
        switch result {
        case .success(let reply):
            self.operation = nil
            note(reply.head, now: now)
            lease?.answered(request.opSequence)
            lease?.lapses = operation.lapses
            if reply.isLeaseClosed || request.closes { retireLease() }
        case .failure(let error):
            failed(operation, with: error, now: now)
        }
        return advance(now: now, tenure: tenure)
    }

    mutating func failed(
        _ operation: PendingOperation,
        with error: LedgerError,
        now: Moment
    ) {
        queue.note(.failed, upTo: operation.arrivals)
        if error.isRetrySafe {
            var operation = operation
            operation.failures += 1
            operation.repeatsAt = now + settings.backoff(afterFailures: operation.failures)
            self.operation = operation
            return
        }
        // The database has applied nothing, and the same request would fare no better; but a copy
        // of it that is still on its way may.
        self.operation = nil
        if case .acquire = operation.kind { lease?.isInDoubt = true }
        acquiresFrom = now + settings.backoffMax
        pausedUntil = acquiresFrom
        if error.code == .notFound || error.code == .outOfSequence { retireLease() }
    }
}
