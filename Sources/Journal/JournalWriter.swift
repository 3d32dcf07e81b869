/// A request to the journal's thread.
enum Letter: Sendable {
    /// One step of a call; many of them share a transaction.
    case call(CallStep, CheckedContinuation<JournalError?, Never>)
    /// Anything else, in the order of arrival.
    case work(@Sendable (JournalWriter) -> Void)
    case close(CheckedContinuation<Void, Never>)
}

/// What a call does to its entry.
enum CallStep: Sendable {
    case enter(EntryID, [UInt8])
    case revise(EntryID, [UInt8])
    case settle(EntryID, [UInt8])
    case discard(EntryID)
}

/// The journal's thread: takes what is queued, writes it in one transaction, answers.
final class JournalWriter {
    let store: JournalStore
    let configuration: JournalConfiguration
    let gauges: JournalGauges

    private typealias Waiting = (
        step: CallStep, continuation: CheckedContinuation<JournalError?, Never>
    )

    private let mailbox: Mailbox<Letter>
    private let doorbell: AsyncStream<Void>.Continuation
    private let room: JournalRoom
    private let checkpointer: JournalCheckpointer
    /// Frames of the log that are in the file.
    private var movedFrames = 0
    private var calls: [Waiting] = []
    private var answers: [JournalError?] = []
    private var turnCount = 0
    private var settlementsAnnounced = 0
    private var nextProbe = ContinuousClock.now

    /// Opens the file, whose lock the thread holds.
    init(
        _ configuration: JournalConfiguration,
        mailbox: Mailbox<Letter>,
        gauges: JournalGauges,
        doorbell: AsyncStream<Void>.Continuation
    ) throws(JournalError) {
        self.configuration = configuration
        self.mailbox = mailbox
        self.gauges = gauges
        self.doorbell = doorbell
        store = try Self.openStore(configuration)
        room = JournalRoom(store.connection, configuration)
        checkpointer = JournalCheckpointer(configuration)
        do {
            try store.transaction { () throws(JournalError) in try store.deleteEndedDrafts() }
            try room.restore()
        } catch {
            note(error)
        }
        publish()
        measure()
        if store.unshippedCount > 0 { doorbell.yield() }
    }

    /// Opens the file; on a full disk with the reserve's room, for a new format of it is written.
    private static func openStore(
        _ configuration: JournalConfiguration
    ) throws(JournalError) -> JournalStore {
        do {
            return try JournalStore(path: configuration.path, sync: configuration.sync)
        } catch {
            guard error.isOfDisk else { throw error }
            DiskReserve(configuration).yield()
            return try JournalStore(path: configuration.path, sync: configuration.sync)
        }
    }

    /// Serves until the mailbox is closed and empty; returns who waits for that.
    func run() -> [CheckedContinuation<Void, Never>] {
        var letters: [Letter] = []
        var closers: [CheckedContinuation<Void, Never>] = []
        while mailbox.take(into: &letters, timeoutMilliseconds: probeTimeout) {
            for letter in letters {
                switch letter {
                case .call(let step, let continuation):
                    calls.append((step, continuation))
                    if calls.count == Journal.batchMax { flush() }
                case .work(let work):
                    flush()
                    work(self)
                case .close(let continuation):
                    closers.append(continuation)
                }
            }
            letters.removeAll(keepingCapacity: true)
            flush()
            tidy()
        }
        // The last connection to close moves the rest of the log, and that is ours.
        checkpointer.close()
        doorbell.finish()
        return closers
    }

    /// While the disk fails the thread wakes to try it; else it sleeps until there is work.
    private var probeTimeout: Int? {
        gauges.health == .ok ? nil : configuration.probeIntervalMilliseconds
    }
}

// MARK: - Calls

extension JournalWriter {
    /// Writes the calls collected so far in one transaction, and resumes them.
    private func flush() {
        guard !calls.isEmpty else { return }
        answers.removeAll(keepingCapacity: true)
        let now = configuration.now()
        do {
            try store.transaction { () throws(JournalError) in
                for call in calls { answers.append(try answer(call.step, at: now)) }
            }
        } catch {
            flushOneByOne(at: now)
        }
        publish()
        for (call, answer) in zip(calls, answers) { call.continuation.resume(returning: answer) }
        calls.removeAll(keepingCapacity: true)
        ring()
    }

    /// After a failed transaction: each call in one of its own, so that none fails another.
    private func flushOneByOne(at now: Int64) {
        answers.removeAll(keepingCapacity: true)
        for call in calls {
            do {
                answers.append(
                    try store.transaction { () throws(JournalError) in
                        try answer(call.step, at: now)
                    }
                )
            } catch {
                note(error)
                answers.append(retryInReserve(call.step, after: error, at: now))
            }
        }
    }

    /// A settlement that found no room is tried again in the room that `note` freed.
    private func retryInReserve(
        _ step: CallStep,
        after error: JournalError,
        at now: Int64
    ) -> JournalError? {
        guard case .settle = step, error.code == .diskFull else { return error }
        do {
            return try store.transaction { () throws(JournalError) in
                try answer(step, at: now)
            }
        } catch {
            return error
        }
    }

    /// Applies one step: throws what undoes the transaction, returns what only the caller hears.
    private func answer(_ step: CallStep, at now: Int64) throws(JournalError) -> JournalError? {
        do {
            switch step {
            case .enter(let id, let payload):
                if case .failing(let error) = gauges.health { return error }
                try store.enter(id, payload, at: now)
            case .revise(let id, let payload):
                if case .failing(let error) = gauges.health { return error }
                try store.revise(id, payload, at: now)
            case .settle(let id, let payload):
                let hadDraft = try store.settle(id, payload, at: now)
                if !hadDraft { return JournalError(.notEntered, "kept all the same") }
            case .discard(let id):
                try store.discard(id)
            }
            return nil
        } catch  where error.fault == .caller {
            return error
        }
    }

    /// Tells the shipper once for however many settlements a batch had.
    private func ring() {
        guard store.index.settlementCount != settlementsAnnounced else { return }
        settlementsAnnounced = store.index.settlementCount
        doorbell.yield()
    }
}

// MARK: - Everything else

extension JournalWriter {
    /// Runs work for a caller, and notices when the disk fails it.
    func perform<Output>(
        _ body: (JournalWriter) throws(JournalError) -> Output
    ) -> Result<Output, JournalError> {
        do {
            let output = try body(self)
            publish()
            measure()
            ring()
            return .success(output)
        } catch {
            note(error)
            publish()
            return .failure(error)
        }
    }

    /// Makes the journal refuse new calls when the disk is at fault, and frees the reserve.
    private func note(_ error: JournalError) {
        guard error.isOfDisk else { return }
        gauges.health = .failing(error)
        room.yield()
    }

    /// After the answers: has a long log moved into the file, and tries a disk that failed.
    private func tidy() {
        moveLog()
        turnCount += 1
        if turnCount % Journal.turnsPerMeasurement == 0 { measure() }
        guard gauges.health != .ok, !checkpointer.isRunning else { return }
        let now = ContinuousClock.now
        guard now >= nextProbe else { return }
        nextProbe = now + .milliseconds(configuration.probeIntervalMilliseconds)
        do {
            try store.connection.checkpoint()
            try store.transaction { () throws(JournalError) in
                try store.connection.execute("UPDATE identity SET probes = probes + 1")
                try store.deleteEndedDrafts()
            }
            try room.restore()
            gauges.health = .ok
        } catch {
            note(error)
        }
    }

    private func moveLog() {
        if let result = checkpointer.takeResult() { checkpointEnded(result) }
        let frames = store.connection.walFrameCount
        // It has begun anew.
        if frames < movedFrames { movedFrames = 0 }
        guard frames - movedFrames >= Journal.checkpointFrames, !checkpointer.isRunning
        else { return }
        checkpointer.start()
    }

    /// Goes on where a checkpoint beside this thread has ended.
    ///
    /// Without a pause between calls the log never is in the file as a whole: when it has become
    /// long, the few frames that are left are moved while calls wait.
    private func checkpointEnded(_ result: Result<Int, JournalError>) {
        do throws(JournalError) {
            movedFrames = try result.get()
            guard store.connection.walFrameCount >= Journal.logFramesMax else { return }
            movedFrames = try store.connection.checkpoint()
        } catch {
            note(error)
        }
    }

    /// Before any caller resumes, so that it finds its own effect counted.
    private func publish() {
        gauges.setCounts(open: store.index.drafts.count, unshipped: store.unshippedCount)
    }

    private func measure() {
        gauges.setFileBytes(
            fileByteCount(configuration.path) + fileByteCount(configuration.path + "-wal")
        )
    }
}
