import Ledger
import LedgerModel
import Postgres
import Schema
import TestSupport
import Testing

@testable import Ledger

/// The simulator's model of the database answers as PostgreSQL does, and keeps the same figures.
@Suite(.enabled(if: TestServer.isConfigured, "FAREBOX_TEST_OWNER_URL is not set"))
struct ModelEqualityTests {
    @Test(arguments: 1...6 as ClosedRange<UInt64>)
    func `The model and the server answer random commands alike`(seed: UInt64) async throws {
        try await LedgerFixture.run { ledger in
            // An instance that takes no part tells which history the server has.
            let incarnation = try await ledger.register().incarnation
            var commands = RandomCommands(seed: seed, incarnation: incarnation)
            for _ in 0..<2 {
                let account = try await ledger.account()
                commands.open(account, try await ledger.scopes(of: account))
            }
            for _ in 0..<400 {
                let command = commands.next()
                let expected = commands.model(command)
                let found = await ledger.perform(command)
                #expect(found.sorted == expected.sorted, "seed \(seed): \(command)")
                if found.sorted != expected.sorted { return }
            }
            try await commands.compare(with: ledger)
            #expect(commands.kindsReached.count >= 26, "\(commands.kindsReached)")
        }
    }
}

/// What both sides are told.
enum LedgerCommand: Sendable {
    case register(InstanceID, expected: Nonce?, fresh: Nonce, epochKnown: Int64)
    case rejoin(RejoinRequest)
    case reclaim(ReclaimRequest)
    case heartbeat(InstanceIdentity)
    case acquire(AcquireRequest)
    case giveBack(GiveBackRequest)
    case closeEarlierEpochs(InstanceIdentity)
    case append([Event])
    case suspend(AccountID, Bool)
    case limit(AccountID, CapScope, SpendLimitChanges)
    case grant(AccountID, CreditGranted, EventID, Instant)
    case void(AccountID, GrantID, Instant)
    case settleDue(Instant)
}

/// What both sides answer.
enum LedgerAnswer: Hashable, Sendable {
    case registered(InstanceIdentity)
    case heartbeat(HeartbeatReply)
    case acquired(AcquireReply)
    case gaveBack(GiveBackReply)
    case reclaimed(ReclaimReply)
    case closed(Int)
    case appended([AppendOutcome])
    case settled(Int)
    case done
    case refused(LedgerError.Code)

    /// One of the kinds of answers that a run should reach.
    var kind: String {
        switch self {
        case .registered: "registered"
        case .heartbeat(let reply): "heartbeat \(reply)"
        case .acquired(let reply):
            "acquired \(reply.isLeaseClosed) \(reply.granted > .zero)"
                + (reply.caps.isEmpty ? "" : " cap \(reply.caps.contains { $0.granted > .zero })")
        case .gaveBack(let reply): "gave back \(reply.isLeaseClosed) \(reply.returned > .zero)"
        case .reclaimed(let reply): "reclaimed \(reply.isLeaseClosed) \(reply.remaining > .zero)"
        case .closed(let count): "closed \(count > 0)"
        case .appended(let outcomes): "appended \(Set(outcomes.map(\.name)).sorted())"
        case .settled(let count): "settled \(count > 0)"
        case .done: "done"
        case .refused(let code): "refused \(code)"
        }
    }
}

extension AppendOutcome {
    fileprivate var name: String {
        switch self {
        case .appended(_, _, let excess): excess > .zero ? "beyond" : "appended"
        case .late: "late"
        case .duplicate: "duplicate"
        case .parked(let reason): reason.rawValue
        }
    }
}

extension LedgerFixture {
    func perform(_ command: LedgerCommand) async -> LedgerAnswer {
        do {
            switch command {
            case .register(let instance, let expected, let fresh, let epochKnown):
                return .registered(
                    try await authority.register(
                        instance: instance,
                        label: "model",
                        expectedNonce: expected,
                        freshNonce: fresh,
                        epochKnown: epochKnown
                    )
                )
            case .rejoin(let request):
                return .registered(try await authority.rejoin(request))
            case .reclaim(let request):
                return .reclaimed(try await authority.reclaim(request))
            case .heartbeat(let identity):
                return .heartbeat(try await authority.heartbeat(HeartbeatRequest(identity)))
            case .acquire(let request):
                return .acquired(try await authority.acquire(request))
            case .limit(let account, let scope, let changes):
                try await service.transaction { session in
                    try SpendCapChange(session, account, scope).apply(changes)
                }
                return .done
            case .grant(let account, let grant, let event, let now):
                try await insert(grant, event, of: account, at: now)
                return .done
            case .void(_, let grant, let now):
                _ = try await Credits(service).void(grant, at: now)
                return .done
            case .settleDue(let now):
                return .settled(try await DueCredit(service).settle(at: now).accounts)
            case .giveBack(let request):
                return .gaveBack(try await authority.giveBack(request))
            case .closeEarlierEpochs(let identity):
                return .closed(try await authority.closeEarlierEpochs(identity))
            case .append(let batch):
                return .appended(try await events.append(batch))
            case .suspend(let account, let isSuspended):
                try await service.transaction { session in
                    _ = try session.execute(
                        """
                        UPDATE account_heads SET status = \(isSuspended ? "suspended" : "active")
                        WHERE account_id = \(account)
                        """
                    )
                }
                return .done
            }
        } catch let error as LedgerError {
            return .refused(error.code)
        } catch {
            return .refused(.corrupt)
        }
    }
}

extension LedgerFixture {
    /// A project of an account and a key of it.
    fileprivate func scopes(of account: AccountID) async throws -> [CapScope] {
        let slug = "a-\(account)"
        let project = try await Projects(service).create("web", in: slug, at: .sample)
        var creation = APIKeys.Creation(account: slug)
        creation.project = "web"
        let key = try await APIKeys(service).create(creation, at: .sample).key
        return [.key(key.id), .project(project.id)]
    }

    private func insert(
        _ grant: CreditGranted,
        _ event: EventID,
        of account: AccountID,
        at now: Instant
    ) async throws {
        var command = Credits.Grant(account: "a-\(account)", amount: grant.amount)
        command.kind = grant.kind
        command.priority = grant.priority
        command.expiresAt = grant.expiresAt
        let inserted = command
        try await service.transaction { session in
            let summary = try AccountSummary.lock(slug: inserted.account, session)
            try Credits.insert(inserted, grant.grant, event, summary, at: now, session)
        }
    }
}

extension LedgerAnswer {
    /// With the caps in one order: the server has none.
    fileprivate var sorted: LedgerAnswer {
        guard case .acquired(let reply) = self else { return self }
        return .acquired(
            AcquireReply(
                granted: reply.granted,
                head: reply.head,
                isLeaseClosed: reply.isLeaseClosed,
                caps: reply.caps.sorted {
                    ($0.figures.scope.id, $0.figures.dayStartsAt)
                        < ($1.figures.scope.id, $1.figures.dayStartsAt)
                }
            )
        )
    }
}
