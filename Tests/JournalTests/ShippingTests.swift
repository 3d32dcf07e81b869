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

    @Test func `batches that follow each other closely are kept until the last of them may go`()
        async throws
    {
        let fixture = try Fixture()
        let journal = try await fixture.open()
        let entries = try await settled(9, in: journal)
        fixture.clock.store(5_000_000, ordering: .relaxed)
        try await journal.markShipped(Array(entries[..<3]))
        fixture.clock.store(5_400_000, ordering: .relaxed)
        try await journal.markShipped(Array(entries[3..<6]))
        // The clock was set back: the entries are kept by what it said then.
        fixture.clock.store(1_000_000, ordering: .relaxed)
        try await journal.markShipped(Array(entries[6..<9]))
        let replayed = try await journal.shipped(since: 5_400_000, limit: 99)
        #expect(replayed.entries == Array(entries[..<6]))
        #expect(try await journal.pruneShipped(before: 5_400_000, limit: 99) == 3)
        #expect(try await journal.shipped(since: 0, limit: 99).entries == Array(entries[..<6]))
        #expect(try await journal.pruneShipped(before: 5_400_001, limit: 99) == 6)
        await journal.close()
    }

    @Test func `what was shipped out of order keeps its own instant`() async throws {
        let fixture = try Fixture()
        var journal = try await fixture.open()
        let entries = try await settled(8, in: journal)
        fixture.clock.store(2_000_000, ordering: .relaxed)
        try await journal.markShipped(Array(entries[..<2]))
        fixture.clock.store(9_000_000, ordering: .relaxed)
        try await journal.markShipped([entries[3]])
        await journal.close()
        journal = try await fixture.open()
        #expect(journal.depth.unshippedCount == 5)
        fixture.clock.store(12_000_000, ordering: .relaxed)
        try await journal.markShipped([entries[2], entries[3], entries[4]])
        try await journal.markShipped(Array(entries[5...]))
        #expect(journal.depth.unshippedCount == 0)
        #expect(
            try await journal.shipped(since: 9_000_000, limit: 99).entries == Array(entries[2...])
        )
        #expect(try await journal.pruneShipped(before: 12_000_000, limit: 99) == 3)
        #expect(
            try await journal.shipped(since: 0, limit: 99).entries
                == [entries[2]] + Array(entries[4...])
        )
        await journal.close()
    }

    private func execute(_ sql: String, in path: String) throws {
        try Connection(path: path).execute(sql)
    }

    @Test func `a file without shipments is read by what its entries say`() async throws {
        let fixture = try Fixture()
        var journal = try await fixture.open()
        let entries = try await settled(4, in: journal)
        await journal.close()
        try execute(
            """
            DROP TABLE shipments;
            UPDATE settled SET shipped_at = 700 WHERE sequence <= 2;
            UPDATE identity SET shipped_through = 2;
            """,
            in: fixture.path
        )
        journal = try await fixture.open()
        #expect(try await journal.unshipped(limit: 9) == Array(entries[2...]))
        try await journal.markShipped(Array(entries[2...]))
        #expect(try await journal.pruneShipped(before: 701, limit: 9) == 2)
        #expect(try await journal.pruneShipped(before: .max, limit: 9) == 2)
        await journal.close()
    }
}
