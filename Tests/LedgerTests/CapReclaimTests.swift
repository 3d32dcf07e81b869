import Schema
import Testing

@testable import Ledger

/// What a lease counts on of a cap, behind a failover to a database that has less of it.
@Suite struct CapReclaimTests {
    private static let scope = CapScope.key(KeyID(high: 1, low: 1))
    private let cap = SpendCap(Self.scope, SpendLimits(day: Pico(100)))
    private let instant = Instant(microseconds: 1_800_000_000_000_000)
    private let now = ContinuousClock.now

    @Test func `what running calls held of a cap and did not use is given back by none`() {
        var book = book(granted: 10)
        let places = book.take(Pico(6), of: [cap], at: instant, now: now)
        restore(2, in: &book)
        book.settle(places, held: Pico(6), charge: Pico(1), now: now)
        #expect(returned(&book) == [Pico(1)])
    }

    @Test func `charges on their way to a database that has too little come off the next grant`() {
        var book = book(granted: 10)
        let places = book.take(Pico(6), of: [cap], at: instant, now: now)
        book.settle(places, held: Pico(6), charge: Pico(6), now: now)
        // Of the four that are left and the six that are on their way, two.
        restore(2, unshipped: 6, in: &book)
        #expect(returned(&book) == [])
        book.note(grant(10), now: now)
        #expect(returned(&book) == [Pico(6)])
    }

    private func book(granted: Int128) -> CapBook {
        var book = CapBook()
        book.adopt([cap])
        book.note(grant(granted), now: now)
        return book
    }

    private func grant(_ amount: Int128) -> CapGrant {
        CapGrant(
            granted: Pico(amount),
            figures: CapFigures(
                scope: Self.scope,
                dayStartsAt: instant.adding(seconds: -43_200),
                dayEndsAt: instant.adding(seconds: 43_200),
                monthStartsAt: instant.adding(seconds: -43_200),
                windows: []
            )
        )
    }

    /// Reclaims, and gets so much.
    private func restore(_ amount: Int128, unshipped: Int128 = 0, in book: inout CapBook) {
        let asked = book.remainders(unshipped: Pico(unshipped))
        let found = asked.map { CapRemainder(day: $0.day, amount: Pico(amount)) }
        book.reclaimed(found, asked: asked)
    }

    private func returned(_ book: inout CapBook) -> [Pico] {
        book.takeReturns(.scraps([Self.scope]), now: now, settings: EscrowSettings()).map(\.amount)
    }
}
