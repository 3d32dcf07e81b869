import LedgerModel
import Schema
import Testing

@testable import Ledger

/// The fold alone: what each event leaves of which grant.
@Suite struct GrantBurnDownTests {
    private var stream = BurnDownStream()

    @Test func `grants burn by priority, sooner expiry, promotional before paid, then age`() {
        var stream = stream
        let paid = stream.grant(10, .paid)
        let younger = stream.grant(10, .paid)
        let promotional = stream.grant(10, .promotional)
        let late = stream.grant(10, .paid, expiresAt: 90)
        let soon = stream.grant(10, .paid, expiresAt: 50)
        let first = stream.grant(10, .paid, priority: -1)
        let last = stream.grant(10, .promotional, priority: 1, expiresAt: 20)
        let order = [first, soon, late, promotional, paid, younger, last]
        #expect(stream.burnDown.grants.map(\.id) == order)
        for (index, grant) in order.enumerated() {
            #expect(stream.burnDown.rest(of: grant) == Pico(10))
            stream.charge(10, admittedAt: 10)
            #expect(stream.burnDown.rest(of: grant) == .zero)
            #expect(stream.burnDown.grants.count == order.count - index - 1)
        }
        #expect(stream.burnDown.unpaid == .zero)
    }

    @Test func `a call burns what was live when it was admitted, however late it settles`() {
        var stream = stream
        stream.limit(100)
        let expiring = stream.grant(10, expiresAt: 50)
        let lasting = stream.grant(10)
        stream.now = 60
        stream.charge(4, admittedAt: 49)
        #expect(stream.burnDown.rest(of: expiring) == Pico(6))
        stream.charge(4, admittedAt: 50)
        #expect(stream.burnDown.rest(of: expiring) == Pico(6))
        #expect(stream.burnDown.rest(of: lasting) == Pico(6))
        stream.expire(expiring, 6)
        #expect(stream.burnDown.grants.map(\.id) == [lasting])
        #expect(stream.burnDown.totals.expired == Pico(6))
    }

    @Test func `usage within the limit stays unpaid, and a later grant does not pay it`() {
        var stream = stream
        stream.limit(100)
        stream.charge(30, admittedAt: 1)
        stream.now = 2
        let grant = stream.grant(50)
        #expect(stream.burnDown.unpaid == Pico(30))
        #expect(stream.burnDown.rest(of: grant) == Pico(50))
        #expect(stream.burnDown.balance == Pico(20))
        stream.charge(10, admittedAt: 1)
        #expect(stream.burnDown.unpaid == Pico(40))
        stream.charge(10, admittedAt: 2)
        #expect(stream.burnDown.rest(of: grant) == Pico(40))
    }

    @Test func `money pays first what a forced event left beyond the limit`() {
        var stream = stream
        let grant = stream.grant(50)
        stream.charge(20, admittedAt: 1)
        stream.chargeBack(grant, 50)
        #expect(stream.burnDown.unpaid == Pico(20))
        #expect(stream.burnDown.totals.voided == Pico(30))
        let later = stream.grant(25)
        #expect(stream.burnDown.unpaid == .zero)
        #expect(stream.burnDown.rest(of: later) == Pico(5))
    }

    @Test func `a lowered limit is paid out of what there is`() {
        var stream = stream
        stream.limit(100)
        stream.charge(30, admittedAt: 0)
        let grant = stream.grant(50)
        stream.limit(10)
        #expect(stream.burnDown.unpaid == Pico(10))
        #expect(stream.burnDown.rest(of: grant) == Pico(30))
    }

    @Test func `a payment pays what is unpaid, and its surplus is credit`() {
        var stream = stream
        stream.limit(100)
        stream.charge(30, admittedAt: 0)
        stream.pay(40)
        #expect(stream.burnDown.unpaid == .zero)
        #expect(stream.burnDown.rest == Pico(10))
        stream.round(-3)
        #expect(stream.burnDown.unpaid == Pico(3))
        #expect(stream.burnDown.rest == Pico(10))
        stream.round(3)
        #expect(stream.burnDown.unpaid == .zero)
    }

    @Test func `a voided grant is burned by the calls before its void only`() {
        var stream = stream
        let grant = stream.grant(50)
        let other = stream.grant(50)
        stream.now = 10
        stream.void(grant, 30, kept: 20)
        stream.charge(5, admittedAt: 9)
        #expect(stream.burnDown.rest(of: grant) == Pico(15))
        stream.charge(5, admittedAt: 10)
        #expect(stream.burnDown.rest(of: grant) == Pico(15))
        #expect(stream.burnDown.rest(of: other) == Pico(45))
        stream.void(grant, 15, kept: 0)
        #expect(stream.burnDown.totals.voided == Pico(45))
    }

    @Test func `at every version all that was granted is left, burned, expired or voided`() {
        for seed in 0..<200 {
            var random = SeededGenerator(seed: UInt64(seed))
            var stream = stream
            for _ in 0..<150 {
                stream.addRandom(&random)
                let (burnDown, totals) = (stream.burnDown, stream.burnDown.totals)
                #expect(burnDown.balance == stream.balance)
                #expect(
                    burnDown.rest + totals.burned + totals.expired + totals.voided
                        == totals.granted
                )
                #expect(burnDown.unpaid >= .zero)
                #expect(burnDown.grants.allSatisfy { $0.rest > .zero })
                #expect(burnDown.unpaid <= burnDown.creditLimit || burnDown.grants.isEmpty)
            }
        }
    }
}
