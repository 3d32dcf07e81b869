import Synchronization
import Testing

@testable import Journal

@Suite struct ShippingTests {
    private func settled(_ count: Int, in journal: Journal) async throws -> [JournalEntry] {
        for number in 1...count {
            try await journal.enter(entryID(number), [])
            try await journal.settle(entryID(number), payload("\(number)"))
        }
        return try await journal.unshipped(limit: count)
    }

    @Test func `an entry that cannot be shipped holds up no other`() async throws {
        let fixture = try Fixture()
        var journal = try await fixture.open()
        let entries = try await settled(10, in: journal)
        try await journal.markShipped(Array(entries[3...]))
        #expect(try await journal.unshipped(limit: 9) == Array(entries[..<3]))
        #expect(try await journal.unshipped(after: entries[0].sequence, limit: 1) == [entries[1]])
        #expect(journal.depth.unshippedCount == 3)
        await journal.close()
        journal = try await fixture.open()
        #expect(journal.depth.unshippedCount == 3)
        #expect(try await journal.pruneShipped(before: .max, limit: 99) == 0)
        try await journal.markShipped(Array(entries[..<3]))
        #expect(journal.depth.unshippedCount == 0)
        #expect(try await journal.pruneShipped(before: .max, limit: 99) == 10)
        await journal.close()
    }

    @Test func `pruning is bounded and begins with the oldest`() async throws {
        let fixture = try Fixture()
        let journal = try await fixture.open()
        let entries = try await settled(10, in: journal)
        try await journal.markShipped(Array(entries[..<5]))
        fixture.clock.store(2_000_000, ordering: .relaxed)
        try await journal.markShipped(Array(entries[5..<8]))
        #expect(try await journal.pruneShipped(before: 2_000_000, limit: 3) == 3)
        #expect(try await journal.pruneShipped(before: 2_000_000, limit: 3) == 2)
        #expect(try await journal.pruneShipped(before: 2_000_000, limit: 3) == 0)
        let kept = try await journal.shipped(since: 0, limit: 99)
        #expect(kept == ReplayPage(entries: Array(entries[5..<8]), next: nil))
        #expect(try await journal.unshipped(limit: 9) == Array(entries[8...]))
        await journal.close()
    }

    @Test func `shipped entries are replayed page by page from an instant on`() async throws {
        let fixture = try Fixture()
        let journal = try await fixture.open()
        let entries = try await settled(25, in: journal)
        try await journal.markShipped(Array(entries[..<12]))
        fixture.clock.store(2_000_000, ordering: .relaxed)
        try await journal.markShipped(Array(entries[12..<20]))
        var replayed: [JournalEntry] = []
        var next: Int64? = 0
        while let after = next {
            let page = try await journal.shipped(since: 2_000_000, after: after, limit: 4)
            #expect(page.entries.count <= 4)
            replayed += page.entries
            next = page.next
        }
        #expect(replayed == Array(entries[12..<20]))
        await journal.close()
    }
}
