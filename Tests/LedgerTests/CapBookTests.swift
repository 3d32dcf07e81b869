import Ledger
import Schema
import Testing

@testable import Ledger

/// The books of one instance, where calls under caps and without come together.
@Suite struct CapBookTests {
    @Test func `a key that waits for its cap keeps the account's other keys waiting`() {
        var desk = Desk()
        desk.answer(account: 1_000, caps: [(desk.key, granted: 0, limit: 100, escrowed: 100)]) {
            $0.wait(1, for: 10, under: [$0.key])
        }
        #expect(desk.served.isEmpty)
        // Another instance has the cap's money: the call waits, and nobody else does.
        desk.expect(canHold: false, 10, under: [desk.key])
        desk.expect(canHold: true, 10, under: [])
        desk.answer(account: 1_000, caps: []) { $0.wait(2, for: 10, under: []) }
        #expect(desk.served == [2])
    }

    @Test func `credit beside a call that its cap keeps waiting is kept from other instances`() {
        var desk = Desk()
        desk.answer(account: 1_000, caps: [(desk.key, granted: 0, limit: 100, escrowed: 100)]) {
            $0.wait(1, for: 10, under: [$0.key])
        }
        desk.recall()
        desk.pass(.seconds(1))
        #expect(desk.givenBack == Pico(10))
        // It waits on, for its cap.
        #expect(desk.served.isEmpty && desk.refused.isEmpty)
    }

    @Test func `a call under no cap that says it was taken from one`() {
        var desk = Desk()
        desk.answer(account: 1_000, caps: [(desk.key, granted: 50, limit: 100, escrowed: 50)]) {
            $0.wait(1, for: 10, under: [$0.key])
        }
        #expect(desk.holds[1]?.capped == .key)
        desk.answer(account: 1_000, caps: []) { $0.wait(2, for: 10, under: []) }
        #expect(desk.holds[2]?.capped == [])
    }

    @Test func `a raised cap still refuses, on the answer to another call's question`() {
        var desk = Desk()
        desk.answer(account: 1_000, caps: [(desk.key, granted: 0, limit: 9, escrowed: 0)]) {
            $0.wait(1, for: 10, under: [$0.key])
        }
        #expect(desk.refused[1]?.reason == .insufficient)
        // The second's question is asked again after the third has come, and does not name its cap.
        desk.wait(2, for: 20, under: [])
        desk.lose()
        desk.answer(account: 1_000, caps: []) { desk in
            desk.wait(3, for: 10, under: [desk.key])
            desk.pass(.seconds(5))
        }
        #expect(desk.served == [2])
        #expect(desk.refused[3] == nil)
        desk.answer(account: 1_000, caps: [(desk.key, granted: 10, limit: 50, escrowed: 10)]) {
            $0.pass(.seconds(1))
        }
        #expect(desk.served == [2, 3])
    }

    @Test(arguments: [false, true])
    func `scraps of a cap that go to a database which does not know their lease`(isLost: Bool) {
        var desk = Desk()
        // Five are too little for the call; together with what others have they may be enough.
        desk.answer(account: 1_000, caps: [(desk.key, granted: 5, limit: 100, escrowed: 95)]) {
            $0.wait(1, for: 10, under: [$0.key])
        }
        if isLost { desk.failOver() }
        desk.pass(.seconds(1), sweeping: true)
        #expect(desk.returned.map(\.amount) == (isLost ? [] : [Pico(5)]))
        #expect(desk.reclaims == (isLost ? 1 : 0))
    }

    @Test func `a refusal that does not name its cap, or comes before the deadline`() {
        var desk = Desk()
        desk.answer(account: 1_000, caps: [(desk.key, granted: 0, limit: 100, escrowed: 95)]) {
            $0.wait(1, for: 10, under: [$0.key])
        }
        #expect(desk.refused.isEmpty)
        desk.pass(.seconds(61))
        #expect(desk.refused[1]?.reason == .tiedUp(retryAfter: .seconds(1)))
        #expect(desk.refused[1]?.cap?.name == "key_cap_day")

        desk.answer(account: 1_000, caps: [(desk.key, granted: 0, limit: 9, escrowed: 0)]) {
            $0.wait(2, for: 10, under: [$0.key])
        }
        #expect(desk.refused[2]?.reason == .insufficient)
        #expect(desk.refused[2]?.cap?.window.limit == Pico(9))
    }

    @Test func `a lowered cap goes on admitting from what was set aside before`() throws {
        var desk = Desk()
        desk.answer(account: 1_000, caps: [(desk.key, granted: 50, limit: 100, escrowed: 50)]) {
            $0.wait(1, for: 50, under: [$0.key])
        }
        let hold = try #require(desk.holds[1])
        desk.settle(hold, charge: 10)
        // Forty are left, and the next call takes of them.
        let second = desk.hold(10, under: [desk.key])
        desk.settle(try #require(second), charge: 10)
        desk.limit = 20
        desk.expect(canHold: false, 10, under: [desk.key])
        desk.wait(2, for: 10, under: [desk.key])
        #expect(desk.returned.map(\.amount) == [Pico(30)])
    }

    @Test func `a call after midnight takes from yesterday's money`() throws {
        var desk = Desk()
        desk.answer(account: 1_000, caps: [(desk.key, granted: 50, limit: 100, escrowed: 50)]) {
            $0.wait(1, for: 10, under: [$0.key])
        }
        desk.settle(try #require(desk.holds[1]), charge: 0)
        let noon = desk.instant
        desk.instant = noon.adding(seconds: 43_200)
        desk.expect(canHold: false, 10, under: [desk.key])
        desk.instant = noon
        desk.expect(canHold: true, 10, under: [desk.key])
    }

    @Test func `idle money of a cap stays where nobody needs it`() throws {
        var desk = Desk()
        desk.answer(account: 1_000, caps: [(desk.key, granted: 50, limit: 100, escrowed: 50)]) {
            $0.wait(1, for: 10, under: [$0.key])
        }
        let hold = try #require(desk.holds[1])
        desk.settle(hold, charge: 10)
        // The account goes on to be used, by a key without a cap.
        for _ in 0..<10 {
            desk.answer(account: 1_000, caps: []) { $0.wait(9, for: 1, under: []) }
            desk.pass(.milliseconds(500), sweeping: true)
        }
        #expect(desk.returned.map(\.amount.units).reduce(0, +) == 40)
    }
}

/// A book, and a database that answers as it is told.
private struct Desk {
    let key = CapScope.key(KeyID(high: 1, low: 1))
    var limit: Int128 = 100
    var instant = Instant(microseconds: 1_800_000_000_000_000)
    private(set) var served: [UInt64] = []
    private(set) var holds: [UInt64: EscrowHold] = [:]
    private(set) var refused: [UInt64: EscrowRefusal] = [:]
    private(set) var returned: [CapReturn] = []
    private(set) var givenBack = Pico.zero

    private var book = LeaseBook(
        account: AccountID(high: 1, low: 1),
        firstLease: LeaseID(high: 2, low: 0x8000_0000_0000_0000),
        settings: EscrowSettings()
    )
    private var now = ContinuousClock.now
    private var tenure: EscrowTenure
    private(set) var reclaims = 0
    private var pending: [LeaseAction] = []

    init() {
        let identity = InstanceIdentity(
            instance: InstanceID(high: 3, low: 3),
            epoch: 1,
            nonce: Nonce(high: 4, low: 4)
        )
        tenure = EscrowTenure(identity: identity, validUntil: now + .seconds(6_000))
    }

    private func caps(_ scopes: [CapScope]) -> [SpendCap] {
        scopes.map { SpendCap($0, SpendLimits(day: Pico(limit))) }
    }

    mutating func hold(_ amount: Int128, under scopes: [CapScope]) -> EscrowHold? {
        book.tryHold(Pico(amount), caps: caps(scopes), at: instant, now: now, tenure: tenure)
    }

    /// Whether a call is admitted at once.
    mutating func expect(
        canHold: Bool,
        _ amount: Int128,
        under scopes: [CapScope],
        _ location: SourceLocation = #_sourceLocation
    ) {
        let hold = hold(amount, under: scopes)
        #expect((hold != nil) == canHold, sourceLocation: location)
    }

    mutating func wait(_ waiter: UInt64, for amount: Int128, under scopes: [CapScope]) {
        perform(
            book.wait(
                waiter,
                want: Pico(amount),
                least: Pico(amount),
                caps: caps(scopes),
                at: instant,
                deadline: now + .seconds(60),
                now: now,
                tenure: tenure
            )
        )
    }

    mutating func settle(_ hold: EscrowHold, charge: Int128) {
        perform(book.settle(hold, charge: Pico(charge), now: now, tenure: tenure))
        if let lease = hold.lease {
            perform(book.shipped(Pico(charge), of: lease, now: now, tenure: tenure))
        }
    }

    /// Another instance is short of the account's credit.
    mutating func recall() { perform(book.recalled(now: now, tenure: tenure)) }

    mutating func pass(_ time: Duration, sweeping: Bool = false) {
        now += time
        perform(
            sweeping
                ? book.sweep(now: now, tenure: tenure) : book.tick(now: now, tenure: tenure)
        )
    }

    /// Lets a call come, and the database answer what it asks for: to the account all of it.
    mutating func answer(
        account balance: Int128,
        caps: [(scope: CapScope, granted: Int128, limit: Int128, escrowed: Int128)],
        _ body: (inout Desk) -> Void
    ) {
        now += .milliseconds(20)
        body(&self)
        let asked = pending
        pending = []
        for case .acquire(let request) in asked {
            let head = HeadSummary(
                version: 1,
                balance: Pico(balance),
                creditLimit: .zero,
                escrowed: .zero,
                reserved: .zero,
                overdrawn: .zero,
                isSuspended: false
            )
            let grants = caps.map { cap in
                CapGrant(
                    granted: Pico(cap.granted),
                    figures: figures(cap.scope, cap.limit, cap.escrowed)
                )
            }
            let reply = AcquireReply(
                granted: request.capped.reduce(request.want) { $0 + $1.want },
                head: head,
                isLeaseClosed: false,
                caps: grants
            )
            perform(book.completed(request, .success(reply), now: now, tenure: tenure))
        }
    }

    /// The database is another one, which may not know the lease.
    mutating func failOver() {
        tenure.identity = InstanceIdentity(
            instance: tenure.identity.instance,
            epoch: 1,
            nonce: tenure.identity.nonce,
            incarnation: Incarnation(system: 9, timeline: 2)
        )
        tenure.lapses += 1
    }

    /// What was asked gets no answer.
    mutating func lose() {
        let asked = pending
        pending = []
        for case .acquire(let request) in asked {
            let lost = LedgerError(.unavailable, "the connection is lost")
            perform(book.completed(request, .failure(lost), now: now, tenure: tenure))
        }
    }

    private func figures(_ scope: CapScope, _ limit: Int128, _ escrowed: Int128) -> CapFigures {
        CapFigures(
            scope: scope,
            dayStartsAt: instant.adding(seconds: -43_200),
            dayEndsAt: instant.adding(seconds: 43_200),
            monthStartsAt: instant.adding(seconds: -43_200),
            windows: [
                CapFigures.Window(
                    period: .day,
                    limit: Pico(limit),
                    spent: .zero,
                    escrowed: Pico(escrowed)
                )
            ]
        )
    }

    private mutating func perform(_ actions: [LeaseAction]) {
        for action in actions {
            switch action {
            case .acquire: pending.append(action)
            case .reclaim where tenure.lapses > 0: reclaims += 1
            case .recall, .reclaim: Issue.record("unexpected \(action)")
            case .giveBack(let request):
                returned += request.caps
                givenBack += request.amount
                let reply = GiveBackReply(
                    returned: request.amount,
                    head: HeadSummary(
                        version: 1,
                        balance: Pico(1_000),
                        creditLimit: .zero,
                        escrowed: .zero,
                        reserved: .zero,
                        overdrawn: .zero,
                        isSuspended: false
                    ),
                    isLeaseClosed: request.closes
                )
                perform(book.completed(request, .success(reply), now: now, tenure: tenure))
            case .resume(let waiter, .success(let hold)):
                served.append(waiter)
                holds[waiter] = hold
            case .resume(let waiter, .failure(let refusal)):
                refused[waiter] = refusal
            }
        }
    }
}
