import Ledger
import LedgerModel
import Postgres
import Schema
import Testing

@testable import Ledger

/// Commands such as instances send, in an order that no instance would, and the model's answers.
struct RandomCommands {
    var random: SeededGenerator
    private(set) var database: ModelDatabase
    private(set) var accounts: [AccountID] = []
    /// The key and the project of each account, which may have caps.
    private(set) var scopes: [AccountID: [CapScope]] = [:]
    /// The clock of those who move credit.
    var clock = Instant.sample
    private var grants: [(account: AccountID, grant: GrantID)] = []
    /// Every identity that was ever granted, the latest of each instance last.
    private var identities: [InstanceIdentity] = []
    private var nonces: [Nonce] = []
    private let instances: [InstanceID]
    private var leases: [(identity: InstanceIdentity, account: AccountID, lease: LeaseID)] = []
    private var events: [Event] = []
    private(set) var kindsReached: Set<String> = []

    /// - Parameter incarnation: of the server that answers the same commands.
    init(seed: UInt64, incarnation: Incarnation) {
        random = SeededGenerator(seed: seed)
        database = ModelDatabase(now: .sample, incarnation: incarnation)
        instances = (0..<3).map { _ in .make(at: .sample) }
    }

    mutating func open(_ account: AccountID, _ scopes: [CapScope]) {
        accounts.append(account)
        self.scopes[account] = scopes
        database.create(account)
    }

    mutating func next() -> LedgerCommand {
        switch number(0...99) {
        case 0..<8: return register()
        case 8..<12:
            guard let identity = identities.randomElement(using: &random) else { return register() }
            return .heartbeat(identity)
        case 12..<45: return acquire()
        case 45..<62: return giveBack()
        case 62..<64: return rejoin()
        case 64..<68: return reclaim()
        case 68..<71:
            guard let identity = identities.randomElement(using: &random) else { return register() }
            return .closeEarlierEpochs(identity)
        case 71..<74:
            return .suspend(accounts[number(0...1)], chance(30))
        case 74..<78: return limit()
        case 78..<80: return grant()
        case 80..<81: return void()
        case 81..<84: return .settleDue(advanceClock())
        default: return append()
        }
    }

    /// The model's answer; what it changes is remembered for the commands that follow.
    mutating func model(_ command: LedgerCommand) -> LedgerAnswer {
        let answer = answer(command)
        kindsReached.insert(answer.kind)
        if case .registered(let identity) = answer, !identities.contains(identity) {
            identities.append(identity)
        }
        return answer
    }

    private mutating func answer(_ command: LedgerCommand) -> LedgerAnswer {
        database.now = .sample
        do throws(LedgerError) {
            switch command {
            case .register(let instance, let expected, let fresh, let epochKnown):
                return .registered(
                    try database.register(
                        instance,
                        expectedNonce: expected,
                        freshNonce: fresh,
                        epochKnown: epochKnown
                    )
                )
            case .rejoin(let request): return .registered(try database.rejoin(request))
            case .reclaim(let request): return .reclaimed(try database.reclaim(request))
            case .heartbeat(let identity):
                return .heartbeat(database.heartbeat(HeartbeatRequest(identity)))
            case .acquire(let request): return .acquired(try database.acquire(request))
            case .giveBack(let request): return .gaveBack(try database.giveBack(request))
            case .closeEarlierEpochs(let identity):
                return .closed(try database.closeEarlierEpochs(identity))
            case .append(let batch): return .appended(try database.append(batch))
            case .suspend(let account, let isSuspended):
                database.setSuspended(isSuspended, account)
                return .done
            case .limit(let account, let scope, let changes):
                database.limit(scope, of: account, changes)
                return .done
            case .grant(let account, let grant, let event, let now):
                grants.append((account, grant.grant))
                try database.grant(grant, to: account, event: event, at: now)
                return .done
            case .void(let account, let grant, let now):
                _ = try database.void(grant, of: account, at: now) { .make(at: now) }
                return .done
            case .settleDue(let now):
                return .settled(try settleDue(at: now))
            }
        } catch {
            return .refused(error.code)
        }
    }

    mutating func number(_ bounds: ClosedRange<Int>) -> Int {
        Int.random(in: bounds, using: &random)
    }

    mutating func chance(_ percent: Int) -> Bool { number(0...99) < percent }

    /// `DueCredit.settle`, which counts the accounts that it changes.
    private mutating func settleDue(at now: Instant) throws(LedgerError) -> Int {
        var count = 0
        for account in accounts {
            let done = try database.settleDue(account, at: now) { .make(at: now) }
            if done.hasChanged { count += 1 }
        }
        return count
    }

    private mutating func void() -> LedgerCommand {
        let now = advanceClock()
        guard let known = grants.randomElement(using: &random) else { return .settleDue(now) }
        return .void(known.account, chance(95) ? known.grant : .make(at: now), now)
    }

    private mutating func register() -> LedgerCommand {
        let fresh =
            chance(15)
            ? nonces.randomElement(using: &random) ?? .random() : Nonce.random()
        nonces.append(fresh)
        let instance = instances[number(0...2)]
        let recorded = database.instances[instance]?.nonce
        let expected = chance(80) ? recorded : nonces.randomElement(using: &random)
        let epochKnown = chance(70) ? 0 : Int64(number(1...9))
        return .register(instance, expected: expected, fresh: fresh, epochKnown: epochKnown)
    }

    /// Mostly of an identity that is known; sometimes of one that the database has lost.
    private mutating func rejoin() -> LedgerCommand {
        guard var identity = identities.randomElement(using: &random) else { return register() }
        if chance(30) {
            identity = InstanceIdentity(
                instance: chance(50) ? identity.instance : .make(at: .sample),
                epoch: max(identity.epoch + Int64(number(-1...2)), 1),
                nonce: chance(50) ? identity.nonce : .random(),
                incarnation: identity.incarnation
            )
        }
        let keeping = leases.filter { $0.identity == identity && chance(60) }.map(\.lease)
        return .rejoin(RejoinRequest(identity: identity, label: "model", keeping: keeping))
    }

    private mutating func reclaim() -> LedgerCommand {
        guard let known = leases.randomElement(using: &random) else { return acquire() }
        return .reclaim(
            ReclaimRequest(
                identity: known.identity,
                account: known.account,
                lease: chance(85) ? known.lease : .make(at: .sample),
                opSequence: sequence(of: known.lease, known.account) + Int64(number(0...2)),
                remaining: Pico(Int128(number(chance(3) ? -2...0 : 0...80))),
                caps: remainders(of: known.lease, known.account)
            )
        )
    }

    /// Mostly the next operation of a lease; sometimes a repeat, or one of another epoch.
    private mutating func acquire() -> LedgerCommand {
        guard let identity = identities.suffix(4).randomElement(using: &random) else {
            return register()
        }
        let account = chance(2) ? AccountID.make(at: .sample) : accounts[number(0...1)]
        let known = leases.last { $0.identity == identity && $0.account == account }
        let lease = chance(8) ? leases.randomElement(using: &random)?.lease : known?.lease
        let chosen = lease ?? .make(at: .sample)
        if known?.lease != chosen { leases.append((identity, account, chosen)) }
        let capped = chance(50) ? needs(of: account) : []
        let least = capped.isEmpty || chance(50) ? number(0...30) : 0
        let more = number(chance(3) ? -2...0 : 0...60)
        return .acquire(
            AcquireRequest(
                identity: identity,
                account: account,
                lease: chosen,
                opSequence: sequence(of: chosen, account),
                want: Pico(Int128(least == 0 && !capped.isEmpty ? 0 : least + more)),
                least: Pico(Int128(least)),
                capped: capped
            )
        )
    }

    private mutating func giveBack() -> LedgerCommand {
        guard let known = leases.randomElement(using: &random) else { return acquire() }
        let identity = chance(90) ? known.identity : identities.randomElement(using: &random)
        return .giveBack(
            GiveBackRequest(
                identity: identity ?? known.identity,
                account: known.account,
                lease: chance(90) ? known.lease : .make(at: .sample),
                opSequence: sequence(of: known.lease, known.account),
                amount: Pico(Int128(number(chance(5) ? -3...300 : 0...25))),
                closes: chance(25),
                caps: returns(of: known.lease, known.account)
            )
        )
    }

    private mutating func sequence(of lease: LeaseID, _ account: AccountID) -> Int64 {
        let last = database.accounts[account]?.leases[lease]?.row.opSequence ?? 0
        return last + Int64(chance(80) ? 1 : number(-1...2))
    }

    private mutating func append() -> LedgerCommand {
        var batch: [Event] = []
        for _ in 0..<number(1...4) {
            if chance(12), let old = events.randomElement(using: &random) {
                batch.append(chance(70) ? old : changed(old))
            } else {
                let event = event()
                events.append(event)
                batch.append(event)
            }
        }
        return .append(batch)
    }

    private mutating func event() -> Event {
        let account = chance(2) ? AccountID.make(at: .sample) : accounts[number(0...1)]
        switch number(0...9) {
        case 0, 1: return .grant(Pico(Int128(number(1...200))), to: account)
        case 2: return command(.creditLimitSet(CreditLimitSet(limit: amount(0...40))), account)
        case 3:
            let adjustment = CreditAdjusted(amount: amount(-60...30), reason: "test")
            return command(.creditAdjusted(adjustment), account)
        case 4 where chance(25):
            // All usage is of one instant, so this one gives up all that comes behind it, or none.
            let end = Instant.sample.adding(seconds: 1)
            let from = chance(50) ? nil : end.adding(seconds: -Int64(number(0...1)))
            return command(
                .periodClosed(PeriodClosed(month: .first, endsAt: end, chargedFrom: from)),
                account
            )
        default:
            let named = leases.filter { $0.account == account }.suffix(6)
            let hold = number(0...40)
            let charge = number(0...(chance(5) ? hold + 5 : hold))
            let scopes = chance(90) ? scopes[account] ?? [] : []
            let admittedAt = admission()
            let capped = CappedScopes(rawValue: UInt8(number(0...3)))
            return .usage(
                charge: Pico(Int128(charge)),
                hold: Pico(Int128(hold)),
                lease: chance(90) ? named.randomElement(using: &random)?.lease : nil,
                of: account,
                at: chance(3) ? Instant.sample.adding(seconds: 90_000) : .sample,
                change: { usage in
                    for case .key(let key) in scopes { usage.key = key }
                    for case .project(let project) in scopes { usage.project = project }
                    usage.admittedAt = admittedAt
                    usage.capped = capped
                }
            )
        }
    }

    mutating func amount(_ bounds: ClosedRange<Int>) -> Pico {
        Pico(Int128(number(bounds)))
    }

    private func command(_ body: EventBody, _ account: AccountID) -> Event {
        Event(account: account, id: .make(at: .sample), occurredAt: .sample, body: body)
    }

    private func changed(_ event: Event) -> Event {
        Event(
            account: event.account,
            id: event.id,
            occurredAt: event.occurredAt.adding(seconds: 1),
            body: event.body
        )
    }
}
