import Digest
import Schema
import Testing

@testable import Ledger

@Suite struct EventEncodingTests {
    static let account = AccountID(high: 0x0193_0000_0000_7000, low: 0x8000_0000_0000_0001)

    static let samples: [Event] =
        [
            .usage(charge: Pico(112_500), lease: LeaseID(high: 3, low: 4), of: account),
            .usage(charge: .zero, of: account) {
                $0.firstByteMilliseconds = nil
                $0.upstreamCost = nil
                $0.model = "модель-🚕"
            },
            .usage(charge: .zero, of: account) { $0.attempts = attempts },
            .usage(charge: Pico(1), of: account) { $0.loweredCap = 312 },
            .usage(charge: Pico(1), of: account) { $0.upstreamCostCurrency = Currency("EUR") },
            .usage(charge: Pico(1), of: account) { $0.capped = .project },
            .usage(charge: Pico(1), of: account) {
                $0.attempts = attempts
                $0.capped = [.key, .project]
            },
            .grant(.balanceMax, to: account),
            Event(
                account: account,
                id: EventID(high: 5, low: 6),
                occurredAt: Instant(microseconds: -1),
                body: .creditAdjusted(CreditAdjusted(amount: Pico(-1), reason: ""))
            ),
            Event(
                account: account,
                id: EventID(high: 5, low: 7),
                occurredAt: Instant(microseconds: .max),
                body: .creditLimitSet(CreditLimitSet(limit: .zero))
            ),
        ]
        + credit.map {
            Event(account: account, id: EventID(high: 5, low: 8), occurredAt: .sample, body: $0)
        }

    static let attempts = [
        UpstreamAttempt(
            upstream: "a",
            upstreamModel: "m",
            end: .failed,
            status: 503,
            milliseconds: 12
        ),
        UpstreamAttempt(
            upstream: "b",
            upstreamModel: "модель",
            end: .unreachable,
            status: nil,
            milliseconds: 0
        ),
    ]

    private static let credit: [EventBody] = [
        .creditGranted(
            CreditGranted(
                grant: GrantID(high: 6, low: 7),
                kind: .promotional,
                amount: Pico(1),
                reference: nil,
                priority: -3,
                expiresAt: Instant(microseconds: 9)
            )
        ),
        .creditExpired(
            CreditWithdrawn(grant: GrantID(high: 6, low: 7), amount: Pico(4), kept: .zero)
        ),
        .creditVoided(
            CreditWithdrawn(grant: GrantID(high: 6, low: 7), amount: .zero, kept: Pico(4))
        ),
        .creditChargedBack(
            CreditChargedBack(grant: GrantID(high: 6, low: 7), amount: Pico(4), reason: "fraud")
        ),
        .payment(Payment(amount: Pico(4), invoice: "2026-1", reference: "bank")),
        .creditNote(
            CreditNote(amount: Pico(4), invoice: "2026-1", number: "C-1", reason: "wrong")
        ),
        .rounding(InvoiceRounding(amount: Pico(-4), invoice: "2026-1")),
        .periodClosed(
            PeriodClosed(month: .first, endsAt: Instant(microseconds: 2_678_400_000_000))
        ),
        .periodClosed(
            PeriodClosed(
                month: .first,
                endsAt: Instant(microseconds: 2_678_400_000_000),
                chargedFrom: Instant(microseconds: 9)
            )
        ),
        .leaseLost(
            LeaseLost(
                lease: LeaseID(high: 8, low: 9),
                instance: InstanceID(high: 10, low: 11),
                epoch: 3,
                bound: Pico(4)
            )
        ),
    ]

    @Test(arguments: samples) func `an event comes back as it was`(event: Event) throws {
        let bytes = EventEncoding.encode(event)
        #expect(try EventEncoding.decode(bytes) == event)
    }

    @Test(arguments: samples) func `cut off anywhere it is refused`(event: Event) {
        let bytes = EventEncoding.encode(event)
        for count in 0..<bytes.count {
            #expect(throws: EventDecodingError.self) {
                try EventEncoding.decode(Array(bytes[..<count]))
            }
        }
        #expect(throws: EventDecodingError.trailingBytes) {
            try EventEncoding.decode(bytes + [0])
        }
    }

    @Test(arguments: samples) func `no flipped bit leaves the bytes canonical`(event: Event) throws
    {
        let bytes = EventEncoding.encode(event)
        for index in bytes.indices {
            for bit in 0..<8 {
                var changed = bytes
                changed[index] ^= 1 << UInt8(bit)
                guard let other = try? EventEncoding.decode(changed) else { continue }
                #expect(other != event)
                #expect(EventEncoding.encode(other) == changed)
            }
        }
    }

    @Test func `a newer version is named`() {
        #expect(throws: EventDecodingError.unknownVersion(6)) { try EventEncoding.decode([6, 0]) }
    }

    @Test func `a cap that there is none of`() throws {
        let event = Event.usage(charge: Pico(1), of: Self.account) { $0.capped = .key }
        var bytes = EventEncoding.encode(event)
        #expect(bytes.last == 1)
        bytes[bytes.count - 1] = 4
        #expect(throws: EventDecodingError.unknownValue) { try EventEncoding.decode(bytes) }
    }

    /// Stored hashes depend on these bytes: a change here needs a new version of the encoding.
    @Test func `the bytes of version 1 never change`() {
        let event = Event(
            account: AccountID(high: 1, low: 2),
            id: EventID(high: 3, low: 4),
            occurredAt: Instant(microseconds: 5),
            body: .creditGranted(
                CreditGranted(
                    grant: GrantID(high: 6, low: 7),
                    kind: .paid,
                    amount: Pico(8),
                    reference: "r"
                )
            )
        )
        let expected =
            "01" + "0000000e" + Hex.encode("credit_granted".utf8) + "0000000000000001"
            + "0000000000000002" + "0000000000000003" + "0000000000000004" + "0000000000000005"
            + "0000000000000006" + "0000000000000007" + "00000004" + Hex.encode("paid".utf8)
            + "00000000000000000000000000000008" + "01" + "00000001" + "72"
        #expect(Hex.encode(EventEncoding.encode(event)) == expected)
    }
}
