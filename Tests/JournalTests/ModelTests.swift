import Synchronization
import Testing

@testable import Journal

/// Random operations against a dictionary that cannot be wrong.
@Suite struct ModelTests {
    private struct Model {
        var drafts: [Int: [UInt8]] = [:]
        var settled: [(number: Int, payload: [UInt8])] = []
        var everSettled: Set<Int> = []
        var shipped: Set<Int> = []

        var unshipped: [(number: Int, payload: [UInt8])] {
            settled.filter { !shipped.contains($0.number) }
        }
    }

    private struct Seeded: RandomNumberGenerator {
        var state: UInt64

        mutating func next() -> UInt64 {
            state &+= 0x9e37_79b9_7f4a_7c15
            var word = state
            word = (word ^ (word >> 30)) &* 0xbf58_476d_1ce4_e5b9
            word = (word ^ (word >> 27)) &* 0x94d0_49bb_1331_11eb
            return word ^ (word >> 31)
        }
    }

    @Test(arguments: 1...12 as ClosedRange<UInt64>)
    func `the journal agrees with a dictionary through crashes`(seed: UInt64) async throws {
        var random = Seeded(state: seed)
        var model = Model()
        var base = 0
        var fixture = try Fixture()
        var journal = try await fixture.open()
        for _ in 0..<400 {
            var number = base + Int.random(in: 0..<40, using: &random)
            if Int.random(in: 0..<4, using: &random) == 0 {
                number = model.drafts.keys.sorted().randomElement(using: &random) ?? number
            }
            let bytes = (0..<Int.random(in: 0..<300, using: &random)).map { UInt8($0 & 0xff) }
            switch Int.random(in: 0..<100, using: &random) {
            case 0..<35:
                let code = await failure {
                    try await journal.enter(entryID(number), bytes)
                }
                let isUsed = model.drafts[number] != nil || model.everSettled.contains(number)
                #expect(code == (isUsed ? .alreadyEntered : nil))
                if !isUsed { model.drafts[number] = bytes }
            case 35..<65:
                let code = await failure {
                    try await journal.settle(entryID(number), bytes)
                }
                guard model.everSettled.insert(number).inserted else {
                    #expect(code == .alreadySettled)
                    continue
                }
                let draft = model.drafts.removeValue(forKey: number)
                #expect(code == (draft == nil ? .notEntered : nil))
                model.settled.append((number, bytes))
            case 65..<75:
                let code = await failure {
                    try await journal.discard(entryID(number))
                }
                let draft = model.drafts.removeValue(forKey: number)
                #expect(code == (draft == nil ? .notEntered : nil))
            case 75..<90:
                let entries = try await journal.unshipped(limit: 5)
                let chosen = entries.filter { _ in Bool.random(using: &random) }
                try await journal.markShipped(chosen)
                model.shipped.formUnion(chosen.map { Int($0.id.low) })
            case 90..<95:
                let count = try await journal.pruneShipped(before: .max, limit: 3)
                let prefix = model.settled.prefix { model.shipped.contains($0.number) }
                #expect(count == min(3, prefix.count))
                model.settled.removeFirst(count)
            default:
                let copy = try fixture.crashed()
                await journal.close()
                fixture = copy
                journal = try await fixture.open()
                // A new opening does not remember what was settled before; ids are not reused.
                base += 40
            }
            try await check(journal, model)
        }
        await journal.close()
    }

    private func check(_ journal: Journal, _ model: Model) async throws {
        #expect(journal.depth.openCount == model.drafts.count)
        #expect(journal.depth.unshippedCount == model.unshipped.count)
        let open = try await journal.openEntries(limit: 100)
        #expect(
            Dictionary(uniqueKeysWithValues: open.map { (Int($0.id.low), $0.payload) })
                == model.drafts
        )
        let entries = try await journal.unshipped(limit: 1_000)
        #expect(entries.map { Int($0.id.low) } == model.unshipped.map(\.number))
        #expect(entries.map(\.payload) == model.unshipped.map(\.payload))
    }
}
