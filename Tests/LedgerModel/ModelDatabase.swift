import Digest
import Ledger
import Schema

/// The ledger's side of PostgreSQL as a value: its tables, its constraints, its transactions.
///
/// What is decided is decided by the ledger's own rules (`LeaseOperation`, `AppendDecision`); the
/// model stands for the SQL around them: which rows a transaction reads, in which order it refuses,
/// what it writes. `ModelEqualityTests` hold it against a real server.
///
/// A method is a transaction: it throws and changes nothing, or commits.
package struct ModelDatabase: Sendable {
    /// A row of `leases`.
    package struct Lease: Hashable, Sendable {
        package let instance: InstanceID
        package let epoch: Int64
        package internal(set) var row: LeaseRow
    }

    /// A row of `instances`.
    package struct Instance: Hashable, Sendable {
        package internal(set) var epoch: Int64
        package internal(set) var nonce: Nonce
        package internal(set) var renewedAt: Instant
        /// Since when it was heard without a break.
        package internal(set) var heardSince: Instant
        /// How often others have closed leases of it.
        package internal(set) var releases: Int64 = 0
        /// The history of the database that it is registered in.
        package internal(set) var incarnation: Incarnation
    }

    /// Everything that has the account first in its key.
    package struct Account: Sendable {
        package internal(set) var head: HeadSummary
        /// Before which usage is not charged any more.
        package internal(set) var chargedFrom: Instant?
        package internal(set) var stream: [RecordedEvent] = []
        package internal(set) var leases: [LeaseID: Lease] = [:]
        package internal(set) var parked: [ParkedEvent] = []
        package internal(set) var caps = ModelCaps()
        /// Those that were granted by the command, which alone can end.
        package internal(set) var grants: [GrantID: ModelGrant] = [:]
        package internal(set) var projection = ModelProjection()
        /// The fold of the stream, as far as it was needed.
        package internal(set) var burnDown = GrantBurnDown()
        /// The content of the ids in the stream.
        var contents: [EventID: SHA256Digest] = [:]
    }

    package internal(set) var accounts: [AccountID: Account] = [:]
    package internal(set) var instances: [InstanceID: Instance] = [:]
    /// Parked events of accounts that do not exist.
    package internal(set) var strays: [ParkedEvent] = []
    /// The server's clock.
    package var now: Instant
    /// Which history this is; another one after a promotion or a restore.
    package internal(set) var incarnation: Incarnation
    /// The one that was last noticed, and when the leases that it may not know have run out.
    var noticed: Incarnation
    var grantsFrom: Instant?
    /// The one before it.
    var forgotten: Incarnation?
    /// How long an instance must be silent until no call of it can be running.
    package let releaseAfter: Duration
    /// How long one must have been heard, and without which break, to close what others lost.
    let hearingMin: Duration
    let hearingBreak: Duration

    package init(
        now: Instant,
        incarnation: Incarnation = .sole,
        releaseAfter: Duration? = nil,
        settings: EscrowSettings = EscrowSettings()
    ) {
        self.now = now
        self.incarnation = incarnation
        self.releaseAfter = releaseAfter ?? settings.releaseAfter
        (hearingMin, hearingBreak) = (settings.hearingMin, settings.hearingBreak)
        noticed = incarnation
    }

    /// Makes an account without credit.
    package mutating func create(_ account: AccountID) {
        accounts[account] = Account(
            head: HeadSummary(
                version: 0,
                balance: .zero,
                creditLimit: .zero,
                escrowed: .zero,
                reserved: .zero,
                overdrawn: .zero,
                isSuspended: false
            )
        )
    }

    /// Writes into a head what no transaction would: for the simulator's mutations alone.
    package mutating func tamper(_ account: AccountID, _ body: (inout HeadSummary) -> Void) {
        guard var head = accounts[account]?.head else { return }
        body(&head)
        accounts[account]?.head = head
    }

    /// The same of the instant before which usage is not charged any more.
    package mutating func tamperChargedFrom(_ account: AccountID, _ instant: Instant?) {
        accounts[account]?.chargedFrom = instant
    }

    /// The same of an account's caps.
    package mutating func tamperCaps(_ account: AccountID, _ body: (inout ModelCaps) -> Void) {
        guard var caps = accounts[account]?.caps else { return }
        body(&caps)
        accounts[account]?.caps = caps
    }

    package mutating func setSuspended(_ isSuspended: Bool, _ account: AccountID) {
        accounts[account]?.head.isSuspended = isSuspended
    }
}

// MARK: - Instances

extension ModelDatabase {
    /// `PostgresLeaseAuthority.register`.
    package mutating func register(
        _ instance: InstanceID,
        expectedNonce: Nonce?,
        freshNonce: Nonce,
        epochKnown: Int64
    ) throws(LedgerError) -> InstanceIdentity {
        notice()
        guard var row = instances[instance] else {
            let before = epochKnown == 0 ? incarnation : forgotten
            guard expectedNonce == nil, let before else {
                throw LedgerError(.journalCopied, "the instance is not known")
            }
            instances[instance] = Instance(
                epoch: epochKnown + 1,
                nonce: freshNonce,
                renewedAt: now,
                heardSince: now,
                incarnation: before
            )
            return InstanceIdentity(
                instance: instance,
                epoch: epochKnown + 1,
                nonce: freshNonce,
                incarnation: before
            )
        }
        if row.nonce != freshNonce {
            guard row.nonce == expectedNonce else {
                throw LedgerError(.journalCopied, "another process has registered")
            }
            row.epoch = max(row.epoch, epochKnown) + 1
            row.nonce = freshNonce
            (row.renewedAt, row.heardSince) = (now, now)
            instances[instance] = row
        }
        // One that was registered in another incarnation must first rejoin.
        return InstanceIdentity(
            instance: instance,
            epoch: row.epoch,
            nonce: freshNonce,
            incarnation: row.incarnation
        )
    }

    /// `PostgresLeaseAuthority.heartbeat`.
    package mutating func heartbeat(_ request: HeartbeatRequest) -> HeartbeatReply {
        let identity = request.identity
        guard identity.incarnation == incarnation, isKnown(identity),
            let releases = instances[identity.instance]?.releases
        else {
            notice()
            return identity.incarnation == incarnation ? .superseded : .failedOver
        }
        if !isHeard(identity) { instances[identity.instance]?.heardSince = now }
        instances[identity.instance]?.renewedAt = now
        return releases == request.releasesKnown ? .current : .released(releases)
    }

    /// Whether the last heartbeat was no break ago.
    private func isHeard(_ identity: InstanceIdentity) -> Bool {
        let limit = now.adding(seconds: -hearingBreak.components.seconds)
        return instances[identity.instance].map { $0.renewedAt >= limit } ?? false
    }

    /// `InstanceIdentity.isHeard`.
    func mayCloseLost(_ identity: InstanceIdentity) -> Bool {
        let limit = now.adding(seconds: -hearingMin.components.seconds)
        guard isKnown(identity), isHeard(identity), let row = instances[identity.instance] else {
            return false
        }
        return row.heardSince <= limit
    }

    func isKnown(_ identity: InstanceIdentity) -> Bool {
        guard let row = instances[identity.instance] else { return false }
        return row.epoch == identity.epoch && row.nonce == identity.nonce
    }

    func requireCurrent(_ identity: InstanceIdentity) throws(LedgerError) {
        guard identity.incarnation == incarnation else {
            throw LedgerError(.failedOver, "the database was promoted or restored")
        }
        guard isKnown(identity) else {
            throw LedgerError(.superseded, "a later process has registered")
        }
    }
}
