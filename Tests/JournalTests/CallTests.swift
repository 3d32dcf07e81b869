import Testing

@testable import Journal

@Suite struct CallTests {
    @Test func `a call is entered, settled, shipped and pruned`() async throws {
        let fixture = try Fixture()
        let journal = try await fixture.open()
        try await journal.enter(entryID(1), payload("draft"))
        #expect(journal.depth.openCount == 1)
        #expect(try await journal.unshipped(limit: 10).isEmpty)
        try await journal.settle(entryID(1), payload("end"))
        #expect(journal.depth.openCount == 0)
        #expect(journal.depth.unshippedCount == 1)
        let entries = try await journal.unshipped(limit: 10)
        #expect(entries.map(\.payload) == [payload("end")])
        try await journal.markShipped(entries)
        try await journal.markShipped(entries)
        #expect(journal.depth.unshippedCount == 0)
        #expect(try await journal.unshipped(limit: 10).isEmpty)
        #expect(try await journal.pruneShipped(before: 1_000_000, limit: 10) == 0)
        #expect(try await journal.pruneShipped(before: 1_000_001, limit: 10) == 1)
        #expect(journal.depth.fileBytes > 0)
        #expect(journal.health == .ok)
        await journal.close()
    }

    @Test func `entries come in the order of settlement`() async throws {
        let fixture = try Fixture()
        let journal = try await fixture.open()
        for number in 0..<20 { try await journal.enter(entryID(number), []) }
        for number in (0..<20).reversed() { try await journal.settle(entryID(number), [1]) }
        let first = try await journal.unshipped(limit: 12)
        let rest = try await journal.unshipped(after: first[11].sequence, limit: 12)
        #expect((first + rest).map(\.id) == (0..<20).reversed().map(entryID))
        await journal.close()
    }

    @Test func `misuse is refused by name and loses nothing`() async throws {
        let fixture = try Fixture()
        let journal = try await fixture.open()
        try await journal.enter(entryID(1), payload("draft"))
        #expect(await failure { try await journal.enter(entryID(1), []) } == .alreadyEntered)
        try await journal.settle(entryID(1), payload("first"))
        let again = await failure {
            try await journal.settle(entryID(1), payload("second"))
        }
        #expect(again == .alreadySettled)
        #expect(await failure { try await journal.enter(entryID(1), []) } == .alreadyEntered)
        let unknown = await failure {
            try await journal.settle(entryID(2), payload("stray"))
        }
        #expect(unknown == .notEntered)
        #expect(await failure { try await journal.discard(entryID(3)) } == .notEntered)
        let large = [UInt8](repeating: 0, count: Journal.payloadBytesMax + 1)
        #expect(await failure { try await journal.enter(entryID(4), large) } == .payloadTooLarge)
        let kept = try await journal.unshipped(limit: 10)
        #expect(kept.map(\.payload) == [payload("first"), payload("stray")])
        await journal.close()
    }

    @Test func `a draft is what it was revised to last, also after a crash`() async throws {
        let fixture = try Fixture()
        let journal = try await fixture.open()
        try await journal.enter(entryID(1), payload("first"))
        try await journal.enter(entryID(2), payload("other"))
        try await journal.revise(entryID(1), payload("second"))
        try await journal.revise(entryID(1), payload("a third, and longer"))
        #expect(journal.depth.openCount == 2)
        #expect(try await journal.unshipped(limit: 10).isEmpty)
        let crashed = try fixture.crashed()
        let next = try await crashed.open()
        #expect(await failure { try await next.revise(entryID(1), []) } == .notEntered)
        _ = try await next.recover { _, draft in draft }
        let kept = try await next.unshipped(limit: 10)
        #expect(Set(kept.map(\.payload)) == [payload("a third, and longer"), payload("other")])
        await next.close()
        try await journal.settle(entryID(1), payload("end"))
        #expect(await failure { try await journal.revise(entryID(1), []) } == .notEntered)
        #expect(await failure { try await journal.revise(entryID(3), []) } == .notEntered)
        #expect(try await journal.unshipped(limit: 10).map(\.payload) == [payload("end")])
        await journal.close()
    }

    @Test func `a discarded draft leaves nothing behind`() async throws {
        let fixture = try Fixture()
        let journal = try await fixture.open()
        try await journal.enter(entryID(1), payload("draft"))
        try await journal.discard(entryID(1))
        #expect(journal.depth.openCount == 0)
        #expect(try await journal.openEntries(limit: 10).isEmpty)
        try await journal.enter(entryID(1), [])
        #expect(try await journal.openEntries(limit: 10).map(\.id) == [entryID(1)])
        await journal.close()
    }

    @Test func `the doorbell rings for settlements, not for drafts`() async throws {
        let fixture = try Fixture()
        let journal = try await fixture.open()
        let rings = Counter()
        let listener = Task {
            for await _ in journal.settlements { rings.increment() }
        }
        for number in 0..<10 { try await journal.enter(entryID(number), []) }
        #expect(rings.value == 0)
        for number in 0..<10 { try await journal.settle(entryID(number), []) }
        try await eventually { rings.value >= 1 }
        #expect(rings.value <= 10)
        await journal.close()
        await listener.value
    }

    @Test func `64 tasks of 200 calls are all durable and counted`() async throws {
        let fixture = try Fixture()
        let journal = try await fixture.open()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for task in 0..<64 {
                group.addTask {
                    for call in 0..<200 {
                        let id = entryID(task * 1_000 + call)
                        try await journal.enter(id, [UInt8](repeating: 1, count: 200))
                        try await journal.settle(id, [UInt8](repeating: 2, count: 400))
                    }
                }
            }
            try await group.waitForAll()
        }
        #expect(journal.depth.openCount == 0)
        #expect(journal.depth.unshippedCount == 12_800)
        let copy = try fixture.crashed()
        await journal.close()
        for survivor in [copy, fixture] {
            let reopened = try await survivor.open()
            #expect(reopened.depth.unshippedCount == 12_800)
            var ids: Set<EntryID> = []
            var last: Int64 = 0
            while let page = try? await reopened.unshipped(after: last, limit: 4_096),
                let end = page.last
            {
                ids.formUnion(page.map(\.id))
                last = end.sequence
            }
            #expect(ids.count == 12_800)
            await reopened.close()
        }
    }

    @Test func `closing while busy answers every call, and what it took is there`() async throws {
        let fixture = try Fixture()
        let journal = try await fixture.open()
        let taken = Counter()
        await withTaskGroup(of: Void.self) { group in
            for task in 0..<16 {
                group.addTask {
                    for call in 0..<10_000 {
                        let code = await failure {
                            try await journal.enter(entryID(task * 100_000 + call), [1])
                        }
                        guard code == nil else {
                            #expect(code == .closed)
                            return
                        }
                        taken.increment()
                    }
                }
            }
            while taken.value < 200 { await Task.yield() }
            await journal.close()
        }
        await journal.close()
        let reopened = try await fixture.open()
        #expect(reopened.depth.openCount == taken.value)
        await reopened.close()
    }

    @Test func `full synchronization keeps the same promises`() async throws {
        let fixture = try Fixture()
        let journal = try await Journal.open(fixture.configuration(sync: .full))
        try await journal.enter(entryID(1), payload("draft"))
        try await journal.settle(entryID(1), payload("end"))
        let copy = try fixture.crashed()
        await journal.close()
        let reopened = try await copy.open()
        #expect(try await reopened.unshipped(limit: 1).map(\.payload) == [payload("end")])
        await reopened.close()
    }
}
