import LedgerModel
import Postgres
import Schema
import TestSupport
import Testing

@testable import Ledger

/// Random commands, calls and clock steps against a real PostgreSQL.
@Suite(.enabled(if: TestServer.isConfigured, "FAREBOX_TEST_OWNER_URL is not set"))
struct CreditPropertyTests {
    @Test(arguments: [1, 2, 3] as [UInt64])
    func `the rests add up at every version, and no repeat changes anything`(seed: UInt64)
        async throws
    {
        try await CreditStage.run(at: "2025-01-01", limit: seed == 2 ? 40 : 0) { stage in
            var play = CreditPlay(stage, seed: seed, lease: try await stage.lease())
            for step in 0..<60 {
                try await play.act(step)
                let head = try await play.stage.head()
                let total = head.balance + head.creditLimit + head.overdrawn
                #expect(total >= head.escrowed && head.escrowed >= .zero)
                #expect(head.reserved >= .zero && head.overdrawn >= .zero)
                _ = try await play.stage.list()
            }
            let report = try await Verification(stage.ledger.service).run()
            #expect(report.findings == [])
        }
    }
}

/// Draws what happens next.
private struct CreditPlay {
    var stage: CreditStage
    private var random: SeededGenerator
    private let lease: TestLease
    private var leaseSequence: Int64 = 0
    private var grants: [GrantID] = []

    init(_ stage: CreditStage, seed: UInt64, lease: TestLease) {
        self.stage = stage
        random = SeededGenerator(seed: seed)
        self.lease = lease
    }

    mutating func act(_ step: Int) async throws {
        stage.now = stage.now.adding(seconds: .random(in: 0...900, using: &random))
        let amount = Int128.random(in: 1...40, using: &random)
        let key = "step \(step)"
        switch Int.random(in: 0..<9, using: &random) {
        case 0, 1: try await grant(amount, key)
        case 2: try await void(key)
        case 3: try await chargeBack(key)
        case 4: try await adjust(Bool.random(using: &random) ? amount : -amount, key)
        case 5: try await acquire(amount)
        case 6: try await settle(amount)
        case 7: try await giveBack()
        default: try await stage.settleDue()
        }
    }

    private mutating func grant(_ amount: Int128, _ key: String) async throws {
        var grant = Credits.Grant(account: CreditStage.slug, amount: Pico(amount))
        grant.kind = Bool.random(using: &random) ? .paid : .promotional
        if Bool.random(using: &random) {
            grant.expiresAt = stage.now.adding(seconds: .random(in: 1_000...6_000, using: &random))
        }
        if Int.random(in: 0..<3, using: &random) == 0 {
            grant.startsAt = stage.now.adding(seconds: .random(in: 1...900, using: &random))
        }
        let (wanted, credits, now) = (grant, stage.credits, stage.now)
        var id: GrantID?
        try await twice {
            let made = try await credits.grant(wanted, at: now, idempotencyKey: key).id
            #expect(id == nil || id == made)
            id = made
        }
        if let id { grants.append(id) }
    }

    private mutating func void(_ key: String) async throws {
        guard let grant = grants.randomElement(using: &random) else { return }
        let (credits, now) = (stage.credits, stage.now)
        try await twice { _ = try await credits.void(grant, at: now, idempotencyKey: key) }
    }

    private mutating func chargeBack(_ key: String) async throws {
        guard let grant = grants.randomElement(using: &random) else { return }
        let (credits, now) = (stage.credits, stage.now)
        let chargeback = Credits.Chargeback(
            account: CreditStage.slug,
            payment: grant.description,
            reason: "disputed"
        )
        try await twice {
            _ = try await credits.chargeBack(chargeback, at: now, idempotencyKey: key)
        }
    }

    private mutating func adjust(_ amount: Int128, _ key: String) async throws {
        var adjustment = Credits.Adjustment(
            account: CreditStage.slug,
            amount: Pico(amount),
            reason: "random"
        )
        adjustment.isForced = Bool.random(using: &random)
        let (wanted, credits, now) = (adjustment, stage.credits, stage.now)
        try await twice { _ = try await credits.adjust(wanted, at: now, idempotencyKey: key) }
    }

    private mutating func acquire(_ amount: Int128) async throws {
        leaseSequence += 1
        _ = try await lease.acquire(leaseSequence, want: amount, least: 1)
    }

    private mutating func giveBack() async throws {
        guard leaseSequence > 0 else { return }
        let held = try await stage.head().escrowed
        leaseSequence += 1
        _ = try await lease.giveBack(leaseSequence, held.units / 2)
    }

    private mutating func settle(_ amount: Int128) async throws {
        let admittedAt = stage.now.adding(seconds: -.random(in: 0...600, using: &random))
        let event = Event.usage(
            charge: Pico(amount),
            lease: leaseSequence > 0 ? lease.id : nil,
            of: stage.account,
            at: stage.now
        ) {
            $0.admittedAt = admittedAt
        }
        let events = stage.ledger.events
        try await twice { _ = try await events.append([event]) }
    }

    /// Does it, and again: the second time changes nothing; a refusal is no failure here.
    private func twice(_ body: () async throws -> Void) async throws {
        try await allowingRefusal(body)
        let before = (try await stage.head(), try await stage.list())
        try await allowingRefusal(body)
        let after = (try await stage.head(), try await stage.list())
        #expect(before == after)
    }

    private func allowingRefusal(_ body: () async throws -> Void) async throws {
        do {
            try await body()
        } catch let error as LedgerError where error.code == .refused {}
    }
}
