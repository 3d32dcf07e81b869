import LedgerModel
import Schema

@testable import Ledger

/// A stream of events in words, folded as it grows; times are seconds.
struct BurnDownStream {
    private(set) var burnDown = GrantBurnDown()
    /// What the amounts of the events sum to.
    private(set) var balance = Pico.zero
    var now: Int64 = 0

    private let account = AccountID(high: 1, low: 1)

    @discardableResult
    mutating func grant(
        _ amount: Int128,
        _ kind: CreditGranted.Kind = .paid,
        priority: Int32 = 0,
        expiresAt: Int64? = nil
    ) -> GrantID {
        let id = GrantID(high: 7, low: UInt64(burnDown.version))
        let grant = CreditGranted(
            grant: id,
            kind: kind,
            amount: Pico(amount),
            reference: nil,
            priority: priority,
            expiresAt: expiresAt.map(Self.instant)
        )
        add(.creditGranted(grant), amount)
        return id
    }

    mutating func charge(_ amount: Int128, admittedAt: Int64) {
        let event = Event.usage(
            charge: Pico(amount),
            of: account,
            at: Self.instant(admittedAt)
        )
        add(event.body, -amount)
    }

    mutating func limit(_ limit: Int128) {
        add(.creditLimitSet(CreditLimitSet(limit: Pico(limit))), 0)
    }

    mutating func adjust(_ amount: Int128) {
        add(.creditAdjusted(CreditAdjusted(amount: Pico(amount), reason: "test")), amount)
    }

    mutating func expire(_ grant: GrantID, _ amount: Int128) {
        let body = CreditWithdrawn(grant: grant, amount: Pico(amount), kept: .zero)
        add(.creditExpired(body), -amount)
    }

    mutating func void(_ grant: GrantID, _ amount: Int128, kept: Int128) {
        let body = CreditWithdrawn(grant: grant, amount: Pico(amount), kept: Pico(kept))
        add(.creditVoided(body), -amount)
    }

    mutating func chargeBack(_ grant: GrantID, _ amount: Int128) {
        let body = CreditChargedBack(grant: grant, amount: Pico(amount), reason: "test")
        add(.creditChargedBack(body), -amount)
    }

    mutating func pay(_ amount: Int128) {
        let body = Payment(amount: Pico(amount), invoice: "1", reference: "bank")
        add(.payment(body), amount)
    }

    mutating func round(_ amount: Int128) {
        add(.rounding(InvoiceRounding(amount: Pico(amount), invoice: "1")), amount)
    }

    /// Any event that a sound ledger could append now.
    mutating func addRandom(_ random: inout SeededGenerator) {
        now += .random(in: 0...3, using: &random)
        let amount = Int128.random(in: 1...50, using: &random)
        let open = burnDown.grants.randomElement(using: &random)
        switch Int.random(in: 0..<12, using: &random) {
        case 0, 1:
            grant(
                amount,
                .random(using: &random),
                priority: .random(in: 0...1, using: &random),
                expiresAt: Bool.random(using: &random)
                    ? now + .random(in: 1...20, using: &random) : nil
            )
        case 2: limit(amount)
        case 3: adjust(Bool.random(using: &random) ? amount : -amount)
        case 4: pay(amount)
        case 5: round(Bool.random(using: &random) ? 1 : -1)
        case 6: if let open { chargeBack(open.id, open.rest.units + 5) }
        case 7: if let open { void(open.id, min(amount, open.rest.units), kept: 0) }
        case 8: if let open, open.expiresAt != nil { expire(open.id, open.rest.units) }
        default: charge(amount, admittedAt: now - .random(in: 0...5, using: &random))
        }
    }

    private mutating func add(_ body: EventBody, _ amount: Int128) {
        balance += Pico(amount)
        let version = burnDown.version + 1
        burnDown.apply(
            BurnDownEntry(
                RecordedEvent(
                    version: version,
                    recordedAt: Self.instant(now),
                    amount: Pico(amount),
                    excess: .zero,
                    event: Event(
                        account: account,
                        id: EventID(high: 9, low: UInt64(version)),
                        occurredAt: Self.instant(now),
                        body: body
                    )
                )
            )
        )
    }

    private static func instant(_ seconds: Int64) -> Instant {
        Instant(microseconds: seconds * 1_000_000)
    }
}

extension CreditGranted.Kind {
    static func random(using random: inout SeededGenerator) -> Self {
        Bool.random(using: &random) ? .paid : .promotional
    }
}
