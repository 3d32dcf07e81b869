import Ledger
import Schema

/// An authority that does what the real one does, but for what it says otherwise.
protocol ForwardingAuthority: LeaseAuthority {
    var real: PostgresLeaseAuthority { get }
}

extension ForwardingAuthority {
    func register(
        instance: InstanceID,
        label: String,
        expectedNonce: Nonce?,
        freshNonce: Nonce,
        epochKnown: Int64
    ) async throws(LedgerError) -> InstanceIdentity {
        try await real.register(
            instance: instance,
            label: label,
            expectedNonce: expectedNonce,
            freshNonce: freshNonce,
            epochKnown: epochKnown
        )
    }

    func heartbeat(_ request: HeartbeatRequest) async throws(LedgerError) -> HeartbeatReply {
        try await real.heartbeat(request)
    }

    func acquire(_ request: AcquireRequest) async throws(LedgerError) -> AcquireReply {
        try await real.acquire(request)
    }

    func giveBack(_ request: GiveBackRequest) async throws(LedgerError) -> GiveBackReply {
        try await real.giveBack(request)
    }

    func rejoin(_ request: RejoinRequest) async throws(LedgerError) -> InstanceIdentity {
        try await real.rejoin(request)
    }

    func reclaim(_ request: ReclaimRequest) async throws(LedgerError) -> ReclaimReply {
        try await real.reclaim(request)
    }

    func stopped(_ identity: InstanceIdentity) async throws(LedgerError) {
        try await real.stopped(identity)
    }

    func closeLost(_ identity: InstanceIdentity) async throws(LedgerError) -> Int {
        try await real.closeLost(identity)
    }

    func recall(_ accounts: [AccountID], by identity: InstanceIdentity) async throws(LedgerError) {
        try await real.recall(accounts, by: identity)
    }

    func recalled(
        from identity: InstanceIdentity,
        within age: Duration
    ) async throws(LedgerError) -> [AccountID] {
        try await real.recalled(from: identity, within: age)
    }

    func closeEarlierEpochs(_ identity: InstanceIdentity) async throws(LedgerError) -> Int {
        try await real.closeEarlierEpochs(identity)
    }
}

extension LeaseAuthority {
    /// Registers for a journal that knows no epoch.
    func register(
        instance: InstanceID,
        label: String,
        expectedNonce: Nonce?,
        freshNonce: Nonce
    ) async throws(LedgerError) -> InstanceIdentity {
        try await register(
            instance: instance,
            label: label,
            expectedNonce: expectedNonce,
            freshNonce: freshNonce,
            epochKnown: 0
        )
    }
}
