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
    }

    /// Everything that has the account first in its key.
    package struct Account: Sendable {
        package internal(set) var head: HeadSummary
        package internal(set) var stream: [RecordedEvent] = []
        package internal(set) var leases: [LeaseID: Lease] = [:]
        package internal(set) var parked: [ParkedEvent] = []
        /// The content of the ids in the stream.
        var contents: [EventID: SHA256Digest] = [:]
    }

    package internal(set) var accounts: [AccountID: Account] = [:]
    package internal(set) var instances: [InstanceID: Instance] = [:]
    /// Parked events of accounts that do not exist.
    package internal(set) var strays: [ParkedEvent] = []
    /// The server's clock.
    package var now: Instant

    /// The only history that it has.
    private let incarnation: Incarnation

    package init(now: Instant, incarnation: Incarnation = .sole) {
        self.now = now
        self.incarnation = incarnation
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
        freshNonce: Nonce
    ) throws(LedgerError) -> InstanceIdentity {
        guard var row = instances[instance] else {
            guard expectedNonce == nil else {
                throw LedgerError(.journalCopied, "the instance is not known")
            }
            instances[instance] = Instance(epoch: 1, nonce: freshNonce, renewedAt: now)
            return identity(instance, epoch: 1, freshNonce)
        }
        if row.nonce != freshNonce {
            guard row.nonce == expectedNonce else {
                throw LedgerError(.journalCopied, "another process has registered")
            }
            row.epoch += 1
            row.nonce = freshNonce
            row.renewedAt = now
            instances[instance] = row
        }
        return identity(instance, epoch: row.epoch, freshNonce)
    }

    private func identity(
        _ instance: InstanceID,
        epoch: Int64,
        _ nonce: Nonce
    ) -> InstanceIdentity {
        InstanceIdentity(
            instance: instance,
            epoch: epoch,
            nonce: nonce,
            incarnation: incarnation
        )
    }

    /// `PostgresLeaseAuthority.heartbeat`.
    package mutating func heartbeat(_ identity: InstanceIdentity) -> HeartbeatReply {
        guard isCurrent(identity) else { return .superseded }
        instances[identity.instance]?.renewedAt = now
        return .current
    }

    func isCurrent(_ identity: InstanceIdentity) -> Bool {
        guard let row = instances[identity.instance] else { return false }
        return row.epoch == identity.epoch && row.nonce == identity.nonce
    }

    func requireCurrent(_ identity: InstanceIdentity) throws(LedgerError) {
        guard isCurrent(identity) else {
            throw LedgerError(.superseded, "a later process has registered")
        }
    }
}
