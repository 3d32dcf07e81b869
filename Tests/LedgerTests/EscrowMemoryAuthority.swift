import Ledger
import Schema
import Synchronization

/// The model of the database behind the protocol, for one account and without a server.
final class EscrowMemoryAuthority: LeaseAuthority {
    struct State {
        var model: EscrowModelAuthority
        var nonce: Nonce?
        var epoch: Int64 = 0
        var isAway = false
        var releases: Int64 = 0
        /// Who has recalled, in order.
        var recalls: [InstanceID] = []
    }

    let state: Mutex<State>

    init(balance: Pico) {
        state = Mutex(State(model: EscrowModelAuthority(balance: balance)))
    }

    func register(
        instance: InstanceID,
        label: String,
        expectedNonce: Nonce?,
        freshNonce: Nonce,
        epochKnown: Int64
    ) async throws(LedgerError) -> InstanceIdentity {
        try answer { state throws(LedgerError) in
            if state.nonce != freshNonce {
                guard state.nonce == expectedNonce else {
                    throw LedgerError(.journalCopied, "another nonce")
                }
                state.nonce = freshNonce
                state.epoch += 1
            }
            return InstanceIdentity(instance: instance, epoch: state.epoch, nonce: freshNonce)
        }
    }

    func heartbeat(_ request: HeartbeatRequest) async throws(LedgerError) -> HeartbeatReply {
        try answer { state throws(LedgerError) in
            guard state.nonce == request.identity.nonce else { return .superseded }
            return state.releases == request.releasesKnown ? .current : .released(state.releases)
        }
    }

    func rejoin(_ request: RejoinRequest) async throws(LedgerError) -> InstanceIdentity {
        request.identity
    }

    func reclaim(_ request: ReclaimRequest) async throws(LedgerError) -> ReclaimReply {
        throw LedgerError(.invalid, "one incarnation only")
    }

    func stopped(_ identity: InstanceIdentity) async throws(LedgerError) {}

    func closeLost(_ identity: InstanceIdentity) async throws(LedgerError) -> Int { 0 }

    func acquire(_ request: AcquireRequest) async throws(LedgerError) -> AcquireReply {
        await Task.yield()
        return try answer { state throws(LedgerError) in try state.model.acquire(request) }
    }

    func giveBack(_ request: GiveBackRequest) async throws(LedgerError) -> GiveBackReply {
        await Task.yield()
        return try answer { state throws(LedgerError) in try state.model.giveBack(request) }
    }

    func recall(_ accounts: [AccountID], by identity: InstanceIdentity) async throws(LedgerError) {
        try answer { state throws(LedgerError) in state.recalls.append(identity.instance) }
    }

    func recalled(
        from identity: InstanceIdentity,
        within age: Duration
    ) async throws(LedgerError) -> [AccountID] { [] }

    func closeEarlierEpochs(_ identity: InstanceIdentity) async throws(LedgerError) -> Int { 0 }

    /// Appends a usage event and says so to the escrow.
    func ship(_ hold: EscrowHold, charge: Pico, to escrow: Escrow) {
        guard let lease = hold.lease else { return }
        state.withLock { state in
            state.model.append(charge: charge, of: lease)
        }
        escrow.shipped(hold.account, lease: lease, amount: charge)
    }

    var head: HeadSummary { state.withLock { $0.model.head } }

    private func answer<Reply>(
        _ body: (inout State) throws(LedgerError) -> Reply
    ) throws(LedgerError) -> Reply {
        let result: Result<Reply, LedgerError> = state.withLock { state in
            if state.isAway { return .failure(LedgerError(.unavailable, "away")) }
            do throws(LedgerError) {
                return .success(try body(&state))
            } catch {
                return .failure(error)
            }
        }
        return try result.get()
    }
}

/// The journal's part in registrations, in memory.
final class EscrowMemoryNonces: EscrowNonces {
    private let known = Mutex<[Nonce]>([])

    init(_ nonces: [Nonce] = []) { known.withLock { $0 = nonces } }

    func begin(_ fresh: Nonce) async throws(LedgerError) -> KnownRegistrations {
        known.withLock { known in
            defer { known.append(fresh) }
            return KnownRegistrations(epoch: 0, nonces: known.reversed() + [nil])
        }
    }

    func confirm(_ fresh: Nonce, epoch: Int64) async throws(LedgerError) {
        known.withLock { $0 = [fresh] }
    }

    var copy: EscrowMemoryNonces { EscrowMemoryNonces(known.withLock { $0 }) }
}

/// An escrow at work against an authority.
struct EscrowAtWork {
    let escrow: Escrow
    let service: EscrowService
    private let notices = NoticeLog()

    init(
        authority: any LeaseAuthority,
        settings: EscrowSettings = EscrowSettings(),
        nonces: EscrowMemoryNonces = EscrowMemoryNonces(),
        instance: InstanceID = .make(at: .sample),
        reoffer: @escaping @Sendable () async throws(LedgerError) -> Int = { 0 }
    ) {
        var settings = settings
        // No test may fail because the machine is slow.
        settings.holdWaitMax = .seconds(60)
        escrow = Escrow(settings: settings)
        service = EscrowService(
            escrow: escrow,
            authority: authority,
            instance: instance,
            label: "test",
            nonces: nonces,
            reoffer: { () async throws(LedgerError) in try await reoffer() },
            report: { [notices] in notices.append($0) }
        )
    }

    /// Starts, lets the body work, and drains.
    func run<Value: Sendable>(
        _ body: @escaping @Sendable (Escrow) async throws -> Value
    ) async throws -> Value {
        _ = try await service.start()
        async let running: Void = service.run()
        let result: Result<Value, any Error>
        do {
            result = .success(try await body(escrow))
        } catch {
            result = .failure(error)
        }
        await service.stop(by: .now + .seconds(30))
        await running
        return try result.get()
    }

    var wasSuperseded: Bool {
        notices.all.contains { if case .superseded = $0 { true } else { false } }
    }

    var wasReleased: Bool {
        notices.all.contains { if case .released = $0 { true } else { false } }
    }

    var didDrain: Bool {
        !notices.all.contains { if case .drainIncomplete = $0 { true } else { false } }
    }

    private final class NoticeLog: Sendable {
        private let notices = Mutex<[EscrowNotice]>([])
        var all: [EscrowNotice] { notices.withLock { $0 } }
        func append(_ notice: EscrowNotice) { notices.withLock { $0.append(notice) } }
    }
}

/// What a caller does that is told to come again: until it is admitted, or told no.
func holdInsisting(
    _ escrow: Escrow,
    _ account: AccountID,
    _ amount: Pico
) async throws -> EscrowHold? {
    while true {
        do throws(EscrowRefusal) {
            return try await escrow.hold(
                EscrowRequest(
                    account,
                    want: amount,
                    least: amount,
                    waitMax: .milliseconds(200)
                )
            )
        } catch {
            switch error.reason {
            case .tiedUp, .unavailable: continue
            case .insufficient: return nil
            case .suspended, .cancelled: throw error
            }
        }
    }
}
