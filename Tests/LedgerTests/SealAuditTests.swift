import Digest
import Schema
import Testing

@testable import Ledger

/// The audit alone: streams and chains made by hand.
@Suite struct SealAuditTests {
    private static let account = AccountID(high: 1, low: 1)
    private static let other = AccountID(high: 1, low: 2)

    private static func event(_ version: Int64, amount: Int128 = 1) -> SealedEvent {
        SealedEvent(
            version: version,
            recordedAt: Instant(microseconds: version),
            amount: Pico(amount),
            contentHash: SHA256.hash([UInt8(version)])
        )
    }

    /// Seals of these many events each, one after the other.
    private static func chain(
        _ counts: [Int],
        of account: AccountID = account,
        after hash: SHA256Digest = Seal.hashBeforeAll
    ) -> [Seal] {
        var seals: [Seal] = []
        for count in counts {
            let first = (seals.last?.lastVersion ?? 0) + 1
            seals.append(
                Seal(
                    account: account,
                    firstVersion: first,
                    events: (first..<(first + Int64(count))).map { event($0).hash },
                    after: seals.last?.hash ?? hash,
                    at: Instant(microseconds: 1_000 + first)
                )
            )
        }
        return seals
    }

    private static func findings(_ events: [SealedEvent], _ seals: [Seal]) -> [Int64?] {
        var audit = SealAudit(PinnedSeals([]))
        var rest = seals[...]
        for event in events {
            while let seal = rest.first, seal.firstVersion <= event.version {
                audit.begin(rest.removeFirst())
            }
            audit.add(event, of: account)
        }
        for seal in rest { audit.begin(seal) }
        audit.finish()
        return audit.findings.map(\.version)
    }

    private static func events(_ versions: ClosedRange<Int64>) -> [SealedEvent] {
        versions.map { event($0) }
    }

    @Test func `a whole stream under a whole chain has no findings, sealed to its end or not`() {
        #expect(Self.findings(Self.events(1...9), Self.chain([3, 1, 4])) == [])
        #expect(Self.findings(Self.events(1...8), Self.chain([3, 1, 4])) == [])
        #expect(Self.findings(Self.events(1...3), []) == [])
        #expect(Self.findings([], []) == [])
    }

    @Test func `a changed event is named, whichever it is`() {
        for version in Int64(1)...8 {
            var events = Self.events(1...8)
            events[Int(version) - 1] = Self.event(version, amount: 2)
            #expect(Self.findings(events, Self.chain([3, 1, 4])) == [version])
        }
    }

    @Test func `a missing event is named, in the middle and at the end`() {
        for version in Int64(1)...8 {
            let events = Self.events(1...8).filter { $0.version != version }
            #expect(Self.findings(events, Self.chain([3, 1, 4])) == [version])
        }
        #expect(Self.findings(Self.events(1...5), Self.chain([3, 1, 4])) == [6])
        #expect(Self.findings(Self.events(1...3), Self.chain([3, 1, 4])) == [4, 5])
        #expect(Self.findings([], Self.chain([3])) == [1])
    }

    @Test func `a seal made anew over changed events breaks the link of the next one`() {
        var events = Self.events(1...8)
        events[4] = Self.event(5, amount: 2)
        var chain = Self.chain([3, 3, 2])
        chain[1] = Seal(
            account: Self.account,
            firstVersion: 4,
            events: events[3..<6].map(\.hash),
            after: chain[0].hash,
            at: chain[1].sealedAt
        )
        #expect(Self.findings(events, chain) == [4])
    }

    @Test func `a missing seal is named by the first version that it covered`() {
        let chain = Self.chain([3, 3, 2])
        #expect(Self.findings(Self.events(1...8), [chain[0], chain[2]]) == [4])
        #expect(Self.findings(Self.events(1...8), [chain[1], chain[2]]) == [1])
    }

    @Test func `a chain that begins in the middle of another is found`() {
        let chain = Self.chain([3, 3], after: SHA256.hash([1]))
        #expect(Self.findings(Self.events(1...6), chain) == [1])
    }

    @Test func `a pin that does not hold names the first version behind the last that does`() {
        let chain = Self.chain([3, 3, 2])
        func pin(_ index: Int, _ hash: SHA256Digest? = nil) -> SealPin {
            let seal = chain[index]
            return SealPin(
                account: seal.account,
                lastVersion: seal.lastVersion,
                hash: hash ?? seal.hash
            )
        }
        func judge(_ pins: [SealPin]) -> [Int64?] {
            var pinned = PinnedSeals(pins)
            for seal in chain { pinned.note(seal) }
            return pinned.findings.map(\.version)
        }
        #expect(judge([pin(0), pin(2)]) == [])
        #expect(judge([pin(2, .zero), pin(0)]) == [4])
        #expect(judge([pin(0, .zero), pin(1)]) == [1])
        let lost = SealPin(account: Self.other, lastVersion: 3, hash: .zero)
        let beyond = SealPin(account: Self.account, lastVersion: 9, hash: .zero)
        #expect(judge([lost, beyond, pin(2)]) == [9, 1])
    }
}
