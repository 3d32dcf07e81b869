/// The durable memory of one instance between the last byte to a client and PostgreSQL.
///
/// One thread owns one SQLite file. Callers queue; each turn of the thread writes everything
/// queued in one transaction and resumes the callers, so what returned without an error outlives
/// `kill -9`. Payloads are opaque.
///
///     enter ──► draft ──► settle ──► unshipped ──► markShipped ──► shipped ──► pruneShipped
///                 ├─────► discard
///                 └─────► revise ──► draft
package final class Journal: Sendable {
    /// The longest payload, in bytes.
    package static let payloadBytesMax = 1 << 20
    /// How many requests may wait for the thread.
    package static let queueMax = 65_536
    /// How many calls share a transaction, and drafts a turn of `recover`.
    static let batchMax = 512
    /// How many entries one request reads, marks or deletes.
    package static let pageMax = 4_096
    /// How much of the log, in pages of 4 KiB, is moved into the file at once.
    static let checkpointFrames = 2_000
    /// The length at which calls wait until all of the log is in the file, so that it begins anew.
    static let logFramesMax = 8_000
    /// How many turns pass between two looks at the files' sizes.
    static let turnsPerMeasurement = 64

    /// Made at first open; copied with the file, which registration guards against.
    package let instance: InstanceIdentifier

    /// Rings after settlements, once for however many there were since the last ring.
    ///
    /// Rings at open, too, when entries are unshipped. For one consumer; ends when the journal
    /// closes.
    package let settlements: AsyncStream<Void>

    private let mailbox: Mailbox<Letter>
    private let gauges: JournalGauges

    private init(
        instance: InstanceIdentifier,
        settlements: AsyncStream<Void>,
        mailbox: Mailbox<Letter>,
        gauges: JournalGauges
    ) {
        self.instance = instance
        self.settlements = settlements
        self.mailbox = mailbox
        self.gauges = gauges
    }

    deinit { mailbox.close() }

    /// Opens or creates a journal; `inUse` when anybody has it open.
    package static func open(
        _ configuration: JournalConfiguration
    ) async throws(JournalError) -> Journal {
        let mailbox = Mailbox<Letter>(letterCountMax: queueMax)
        let gauges = JournalGauges()
        let (settlements, doorbell) = AsyncStream.makeStream(
            of: Void.self,
            bufferingPolicy: .bufferingNewest(1)
        )
        let opened: Result<InstanceIdentifier, JournalError> =
            await withCheckedContinuation { continuation in
                let thread = JournalThread(
                    configuration: configuration,
                    mailbox: mailbox,
                    gauges: gauges,
                    doorbell: doorbell,
                    opened: continuation
                )
                thread.start()
            }
        return Journal(
            instance: try opened.get(),
            settlements: settlements,
            mailbox: mailbox,
            gauges: gauges
        )
    }

    /// How much is in the journal; from any thread, without waiting.
    package var depth: JournalDepth { gauges.depth }

    /// Whether it takes calls; from any thread, without waiting.
    package var health: JournalHealth { gauges.health }

    /// Serves what is queued, closes the file and releases its lock.
    package func close() async {
        await withCheckedContinuation { continuation in
            // A close must get past a full queue, and past another close.
            if !mailbox.postLast(.close(continuation)) { continuation.resume() }
        }
    }
}

// MARK: - Calls

extension Journal {
    /// Writes a call's draft, before its request leaves; durable on return.
    ///
    /// Throws `alreadyEntered` for an id that was used, and at once while the disk fails.
    /// - Parameter wakes: false when the caller will soon call `wake` for a whole batch.
    package func enter(
        _ id: EntryID,
        _ payload: [UInt8],
        wakes: Bool = true
    ) async throws(JournalError) {
        try await submit(.enter(id, payload), byteCount: payload.count, wakes: wakes)
    }

    /// Replaces a call's draft by a later state of it; durable on return.
    ///
    /// Throws `notEntered` when there is no draft of this opening. Whatever it throws, the draft
    /// stands as it was.
    /// - Parameter wakes: false when the caller will soon call `wake` for a whole batch.
    package func revise(
        _ id: EntryID,
        _ payload: [UInt8],
        wakes: Bool = true
    ) async throws(JournalError) {
        try await submit(.revise(id, payload), byteCount: payload.count, wakes: wakes)
    }

    /// Replaces a call's draft by its end, which is then to be shipped; durable on return.
    ///
    /// Throws `notEntered` when there was no draft, but keeps the settlement all the same, and
    /// `alreadySettled` when there was one already, which stands.
    /// - Parameter wakes: false when the caller will soon call `wake` for a whole batch.
    package func settle(
        _ id: EntryID,
        _ payload: [UInt8],
        wakes: Bool = true
    ) async throws(JournalError) {
        try await submit(.settle(id, payload), byteCount: payload.count, wakes: wakes)
    }

    /// Sends the thread to work on what was queued without waking it.
    ///
    /// An event loop calls this once a turn, so that the calls of the turn share a transaction.
    package func wake() { mailbox.wake() }

    /// Removes the draft of a call that never left; `notEntered` when there is none.
    package func discard(_ id: EntryID) async throws(JournalError) {
        try await submit(.discard(id), byteCount: 0, wakes: true)
    }

    private func submit(
        _ step: CallStep,
        byteCount: Int,
        wakes: Bool
    ) async throws(JournalError) {
        guard byteCount <= Self.payloadBytesMax else { throw JournalError(.payloadTooLarge) }
        let failure = await withCheckedContinuation { continuation in
            if let refusal = mailbox.post(.call(step, continuation), wakes: wakes).refusal {
                continuation.resume(returning: refusal)
            }
        }
        if let failure { throw failure }
    }
}

// MARK: - Shipping

extension Journal {
    /// The oldest unshipped entries behind a sequence, in the order of settlement.
    ///
    /// Begin after 0; go on behind an entry that cannot be shipped yet to reach later ones.
    /// - Parameter limit: at most `pageMax`.
    package func unshipped(
        after sequence: Int64 = 0,
        limit: Int
    ) async throws(JournalError) -> [JournalEntry] {
        try await perform { writer throws(JournalError) in
            try writer.store.unshipped(after: sequence, limit: min(limit, Self.pageMax))
        }
    }

    /// Records that entries are in PostgreSQL; to say so again changes nothing.
    package func markShipped(_ entries: [JournalEntry]) async throws(JournalError) {
        let sequences = entries.map(\.sequence)
        try await perform { writer throws(JournalError) in
            let now = writer.configuration.now()
            try writer.store.transaction { () throws(JournalError) in
                try writer.store.markShipped(sequences, at: now)
            }
        }
    }

    /// Deletes the oldest entries that were shipped before an instant; returns how many.
    ///
    /// Entries behind an unshipped one are kept until it is shipped. Call again while the count
    /// equals the limit.
    /// - Parameter limit: at most `pageMax`.
    package func pruneShipped(
        before instant: Int64,
        limit: Int
    ) async throws(JournalError) -> Int {
        try await perform { writer throws(JournalError) in
            try writer.store.transaction { () throws(JournalError) in
                try writer.store.pruneShipped(before: instant, limit: min(limit, Self.pageMax))
            }
        }
    }

    /// A page of the entries that were shipped at or after an instant, for replaying them.
    ///
    /// Begin after 0 and go on after `next` until it is nil; a page may be empty on the way.
    /// - Parameter limit: how many settled entries are looked at, at most `pageMax`.
    package func shipped(
        since instant: Int64,
        after sequence: Int64 = 0,
        limit: Int
    ) async throws(JournalError) -> ReplayPage {
        try await perform { writer throws(JournalError) in
            try writer.store.shipped(
                since: instant,
                after: sequence,
                limit: max(1, min(limit, Self.pageMax))
            )
        }
    }
}

// MARK: - Start

extension Journal {
    /// Settles the drafts that an earlier opening left, with what `transform` makes of each.
    ///
    /// A draft for which it returns nil stays open. Drafts of this opening are not touched. Runs
    /// on the journal's thread, a bounded transaction at a time.
    package func recover(
        _ transform: @escaping @Sendable (EntryID, [UInt8]) -> [UInt8]?
    ) async throws(JournalError) -> Recovery {
        try await perform { writer throws(JournalError) in
            let now = writer.configuration.now()
            var recovery = Recovery()
            var next: Int64? = 0
            while let slot = next {
                next = try writer.store.transaction { () throws(JournalError) in
                    try writer.store.recover(
                        after: slot,
                        limit: Self.batchMax,
                        at: now,
                        into: &recovery,
                        transform
                    )
                }
            }
            return recovery
        }
    }

    /// Calls without an end.
    /// - Parameter limit: at most `pageMax`.
    package func openEntries(
        limit: Int
    ) async throws(JournalError) -> [(id: EntryID, payload: [UInt8])] {
        try await perform { writer throws(JournalError) in
            try writer.store.openEntries(limit: min(limit, Self.pageMax))
        }
    }

    /// What is known of the instance's registrations.
    package func registration() async throws(JournalError) -> Registration {
        try await perform { writer throws(JournalError) in
            try writer.store.registrations().registration
        }
    }

    /// Writes a fresh nonce and returns what PostgreSQL may hold before it is set there.
    ///
    /// Call it only when PostgreSQL answers, right before the compare-and-set. Try the expected
    /// nonces in order; when all are refused, this is a copy. When an outcome stays unknown,
    /// begin again with another nonce.
    package func beginRegistration(
        _ nonce: RegistrationNonce
    ) async throws(JournalError) -> Registration {
        try await perform { writer throws(JournalError) in
            let registration = try writer.store.registrations().registration
            try writer.store.changeRegistrations(sync: writer.configuration.sync) { history in
                history.add(nonce)
            }
            return registration
        }
    }

    /// Records that PostgreSQL took the nonce and began an epoch.
    package func confirmRegistration(
        _ nonce: RegistrationNonce,
        epoch: Int64
    ) async throws(JournalError) {
        try await perform { writer throws(JournalError) in
            try writer.store.changeRegistrations(sync: writer.configuration.sync) {
                (history) throws(JournalError) in
                try history.confirm(nonce, epoch: epoch)
            }
        }
    }

    private func perform<Output: Sendable>(
        _ body: @escaping @Sendable (JournalWriter) throws(JournalError) -> Output
    ) async throws(JournalError) -> Output {
        let result: Result<Output, JournalError> = await withCheckedContinuation { continuation in
            let receipt = mailbox.post(
                .work { writer in continuation.resume(returning: writer.perform(body)) }
            )
            if let refusal = receipt.refusal { continuation.resume(returning: .failure(refusal)) }
        }
        return try result.get()
    }
}

extension Mailbox.Receipt {
    fileprivate var refusal: JournalError? {
        switch self {
        case .posted: nil
        case .full: JournalError(.queueFull)
        case .closed: JournalError(.closed)
        }
    }
}
