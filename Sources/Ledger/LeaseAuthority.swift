import Schema

/// PostgreSQL's side of the escrow, as an instance sees it.
///
/// Every operation on a lease carries the lease's next `opSequence` (1 for the first) and is
/// applied once; a repeat of the last one returns its recorded result, so an answer that was
/// lost is asked for again with the same number. A lease has one operation outstanding at most.
package protocol LeaseAuthority: Sendable {
    /// Makes this process the one that owns the instance, in a new epoch.
    ///
    /// A compare-and-set: `expectedNonce` is what the journal remembers of the last registration,
    /// nil for a journal that was never registered. `freshNonce` is drawn by this process and is
    /// durable in the journal before it is sent; repeating it returns the same identity, so no
    /// later process may send it again as fresh.
    ///
    /// - Parameter epochKnown: the last epoch that the journal knows of, 0 for none: the new one is
    ///   above it, whatever a database that was promoted or restored has lost. Only such a database
    ///   takes nil for the nonce of a journal that knows an epoch.
    /// - Throws: `.journalCopied` when the recorded nonce is neither of the two.
    func register(
        instance: InstanceID,
        label: String,
        expectedNonce: Nonce?,
        freshNonce: Nonce,
        epochKnown: Int64
    ) async throws(LedgerError) -> InstanceIdentity

    /// Renews the validity of all leases of the identity. The instance counts the new validity
    /// from before it sent this.
    func heartbeat(_ request: HeartbeatRequest) async throws(LedgerError) -> HeartbeatReply

    /// Registers an identity and its epoch with a database that was promoted or restored, when
    /// its events are offered again, and closes all its leases but those that it keeps.
    ///
    /// - Throws: `.superseded` when a later epoch is known.
    func rejoin(_ request: RejoinRequest) async throws(LedgerError) -> InstanceIdentity

    /// Sets what a lease has left to what its holder counts, as far as credit is free, opening it
    /// when it is not known. The only operation whose number may leave a gap.
    func reclaim(_ request: ReclaimRequest) async throws(LedgerError) -> ReclaimReply

    /// Notes that the instance has given everything back and ends.
    func stopped(_ identity: InstanceIdentity) async throws(LedgerError)

    /// Closes the leases of instances that were silent for so long that no call of theirs can be
    /// running, as events, and returns how many they were; each once, by whoever comes first.
    ///
    /// Does nothing unless the asking instance was heard for a while without a break.
    func closeLost(_ identity: InstanceIdentity) async throws(LedgerError) -> Int

    /// Asks for between `least` and `want` more for a lease, opening it when it is new.
    ///
    /// - Throws: `.superseded`, `.notFound` (no such account), `.outOfSequence`.
    func acquire(_ request: AcquireRequest) async throws(LedgerError) -> AcquireReply

    /// Returns a part of a lease, or closes it and returns all that is left.
    ///
    /// A lease that is not known is kept as closed by an operation that closes it.
    ///
    /// - Throws: `.superseded`, `.notFound` (no such lease), `.outOfSequence`; `.invalid` for
    ///   more than the lease has left.
    func giveBack(_ request: GiveBackRequest) async throws(LedgerError) -> GiveBackReply

    /// Asks the other holders of leases of these accounts to give back what they do not use.
    ///
    /// A hint: it may be lost, and may be repeated.
    func recall(_ accounts: [AccountID], by identity: InstanceIdentity) async throws(LedgerError)

    /// The accounts that other instances have recalled within the last `age`.
    func recalled(
        from identity: InstanceIdentity,
        within age: Duration
    ) async throws(LedgerError) -> [AccountID]

    /// Closes the leases of the instance's earlier epochs and returns how many they were.
    ///
    /// To be called when the events of those epochs are appended: what comes later settles
    /// against free balance, and what does not fit there is excess.
    func closeEarlierEpochs(_ identity: InstanceIdentity) async throws(LedgerError) -> Int
}

/// Sixteen random bytes that tell one start of an instance from every other, and from its copies.
package struct Nonce: Hashable, Sendable {
    package let high: UInt64
    package let low: UInt64

    package init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }
}

/// Who asks: one start of one instance.
package struct InstanceIdentity: Hashable, Sendable {
    package let instance: InstanceID
    /// Counts the registrations of the instance, from 1.
    package let epoch: Int64
    package let nonce: Nonce
    /// The history of the database that its leases are registered in.
    package private(set) var incarnation: Incarnation

    package init(
        instance: InstanceID,
        epoch: Int64,
        nonce: Nonce,
        incarnation: Incarnation = .sole
    ) {
        self.instance = instance
        self.epoch = epoch
        self.nonce = nonce
        self.incarnation = incarnation
    }

    /// The same process, in another incarnation of the database.
    package func rejoined(_ incarnation: Incarnation) -> InstanceIdentity {
        var rejoined = self
        rejoined.incarnation = incarnation
        return rejoined
    }
}

/// A sign of life, and what it tells about the instance.
package struct HeartbeatRequest: Hashable, Sendable {
    package let identity: InstanceIdentity
    /// How often, as far as the instance knows, others have closed leases of it.
    package let releasesKnown: Int64
    package let runningCalls: Int64
    /// What those calls hold.
    package let held: Pico

    package init(
        _ identity: InstanceIdentity,
        releasesKnown: Int64 = 0,
        runningCalls: Int64 = 0,
        held: Pico = .zero
    ) {
        self.identity = identity
        self.releasesKnown = releasesKnown
        self.runningCalls = runningCalls
        self.held = held
    }
}

/// Whether the identity still owns its instance.
package enum HeartbeatReply: Hashable, Sendable {
    case current
    /// Others have closed leases of it, by now so often: it must ask about each before it uses
    /// any.
    case released(Int64)
    /// The database was promoted or restored since the identity registered: its validity is not
    /// renewed, and it must rejoin.
    case failedOver
    /// Another process has registered since: admit nothing more.
    case superseded
}

package struct RejoinRequest: Hashable, Sendable {
    package let identity: InstanceIdentity
    package let label: String
    /// The leases that the identity will reclaim.
    package let keeping: [LeaseID]

    package init(identity: InstanceIdentity, label: String, keeping: [LeaseID]) {
        self.identity = identity
        self.label = label
        self.keeping = keeping
    }
}

package struct ReclaimRequest: Hashable, Sendable {
    package let identity: InstanceIdentity
    package let account: AccountID
    package let lease: LeaseID
    package let opSequence: Int64
    /// What the lease must have left: zero or above.
    package let remaining: Pico
    /// What it must have left of each day of a cap; of any other nothing.
    package let caps: [CapRemainder]

    package init(
        identity: InstanceIdentity,
        account: AccountID,
        lease: LeaseID,
        opSequence: Int64,
        remaining: Pico,
        caps: [CapRemainder] = []
    ) {
        self.identity = identity
        self.account = account
        self.lease = lease
        self.opSequence = opSequence
        self.remaining = remaining
        self.caps = caps
    }
}

package struct ReclaimReply: Hashable, Sendable {
    /// What the lease has left now; less than asked when credit is not free any more.
    package let remaining: Pico
    package let head: HeadSummary
    package let isLeaseClosed: Bool
    /// What it has left of the days that were asked for, likewise.
    package let caps: [CapRemainder]

    package init(
        remaining: Pico,
        head: HeadSummary,
        isLeaseClosed: Bool,
        caps: [CapRemainder] = []
    ) {
        self.remaining = remaining
        self.head = head
        self.isLeaseClosed = isLeaseClosed
        self.caps = caps
    }
}

package struct AcquireRequest: Hashable, Sendable {
    package let identity: InstanceIdentity
    package let account: AccountID
    /// Minted by the instance.
    package let lease: LeaseID
    package let opSequence: Int64
    /// At least `least`.
    package let want: Pico
    /// Above zero, or with needs under caps zero like `want`: less than this is of no use and is
    /// not granted.
    package let least: Pico
    /// What is asked for besides, for calls under caps.
    package let capped: [CappedNeed]

    package init(
        identity: InstanceIdentity,
        account: AccountID,
        lease: LeaseID,
        opSequence: Int64,
        want: Pico,
        least: Pico,
        capped: [CappedNeed] = []
    ) {
        self.identity = identity
        self.account = account
        self.lease = lease
        self.opSequence = opSequence
        self.want = want
        self.least = least
        self.capped = capped
    }
}

package struct AcquireReply: Hashable, Sendable {
    /// What this operation added to the lease; zero when it was refused.
    package let granted: Pico
    /// The account after the operation; after a repeat, as it is now.
    package let head: HeadSummary
    /// The lease is closed and gives nothing any more: open another.
    package let isLeaseClosed: Bool
    /// Each day of a cap that was asked for.
    package let caps: [CapGrant]

    package init(
        granted: Pico,
        head: HeadSummary,
        isLeaseClosed: Bool,
        caps: [CapGrant] = []
    ) {
        self.granted = granted
        self.head = head
        self.isLeaseClosed = isLeaseClosed
        self.caps = caps
    }
}

package struct GiveBackRequest: Hashable, Sendable {
    package let identity: InstanceIdentity
    package let account: AccountID
    package let lease: LeaseID
    package let opSequence: Int64
    /// Zero or above; without meaning when `closes`.
    package let amount: Pico
    /// Closes the lease and returns all that is left of it.
    ///
    /// Only for a lease without open holds and with all its events appended.
    package let closes: Bool
    /// What of caps goes back too; what is left of them goes back with a lease that closes.
    package let caps: [CapReturn]

    package init(
        identity: InstanceIdentity,
        account: AccountID,
        lease: LeaseID,
        opSequence: Int64,
        amount: Pico,
        closes: Bool,
        caps: [CapReturn] = []
    ) {
        self.identity = identity
        self.account = account
        self.lease = lease
        self.opSequence = opSequence
        self.amount = amount
        self.closes = closes
        self.caps = caps
    }
}

package struct GiveBackReply: Hashable, Sendable {
    /// What went back to the account's free balance.
    package let returned: Pico
    /// The account after the operation; after a repeat, as it is now.
    package let head: HeadSummary
    package let isLeaseClosed: Bool

    package init(returned: Pico, head: HeadSummary, isLeaseClosed: Bool) {
        self.returned = returned
        self.head = head
        self.isLeaseClosed = isLeaseClosed
    }
}

/// An account's figures at one version of its stream.
package struct HeadSummary: Hashable, Sendable {
    package var version: Int64
    package var balance: Pico
    package var creditLimit: Pico
    /// Set aside in open leases.
    package var escrowed: Pico
    /// Kept from being leased, for credit that is being withdrawn.
    package var reserved: Pico
    /// By how much forced events have driven the account below its limit; zero otherwise.
    package var overdrawn: Pico
    package var isSuspended: Bool

    package init(
        version: Int64,
        balance: Pico,
        creditLimit: Pico,
        escrowed: Pico,
        reserved: Pico,
        overdrawn: Pico,
        isSuspended: Bool
    ) {
        self.version = version
        self.balance = balance
        self.creditLimit = creditLimit
        self.escrowed = escrowed
        self.reserved = reserved
        self.overdrawn = overdrawn
        self.isSuspended = isSuspended
    }

    /// What a lease could be granted now; nothing while suspended or overdrawn.
    package var available: Pico {
        guard !isSuspended, overdrawn == .zero else { return .zero }
        return (balance + creditLimit - escrowed - reserved).clampedToZero
    }
}
