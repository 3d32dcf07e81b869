import Foundation
import Testing

@testable import Journal

@Suite struct CrashTests {
    @Test func `what returned before the crash is there after it`() async throws {
        let fixture = try Fixture()
        let journal = try await fixture.open()
        for number in 1...3 { try await journal.enter(entryID(number), payload("draft")) }
        try await journal.settle(entryID(2), payload("end"))
        let reopened = try await fixture.crashed().open()
        #expect(reopened.instance == journal.instance)
        #expect(reopened.depth.openCount == 2)
        #expect(try await reopened.unshipped(limit: 9).map(\.payload) == [payload("end")])
        await reopened.close()
        await journal.close()
    }

    @Test func `a log cut anywhere opens with a prefix of what was written`() async throws {
        let fixture = try Fixture()
        let journal = try await fixture.open()
        for number in 1...8 {
            try await journal.enter(entryID(number), payload("draft"))
            try await journal.settle(entryID(number), payload("end \(number)"))
        }
        let whole = FileManager.default.contents(atPath: fixture.path + "-wal") ?? Data()
        try #require(whole.count > 100_000)
        for cut in stride(from: whole.count, to: whole.count - 70_000, by: -1_777) {
            let copy = try fixture.crashed()
            try whole.prefix(cut).write(to: URL(fileURLWithPath: copy.path + "-wal"))
            let reopened = try await copy.open()
            let numbers = try await reopened.unshipped(limit: 9).map(\.id.low)
            #expect(numbers == Array((1...8).prefix(numbers.count)))
            #expect(reopened.depth.openCount <= 1)
            await reopened.close()
        }
        await journal.close()
    }

    @Test func `drafts of the last opening are settled, those of this one left alone`()
        async throws
    {
        let fixture = try Fixture()
        let before = try await fixture.open()
        for number in 1...1_300 { try await before.enter(entryID(number), payload("\(number)")) }
        let copy = try fixture.crashed()
        await before.close()
        let after = try await copy.open()
        try await after.enter(entryID(5_000), payload("running"))
        let recovery = try await after.recover { id, draft in
            id.low % 100 == 0 ? nil : draft + payload(" interrupted")
        }
        #expect(recovery == Recovery(settledCount: 1_287, keptCount: 13))
        #expect(after.depth.openCount == 14)
        #expect(after.depth.unshippedCount == 1_287)
        let first = try await after.unshipped(limit: 1)
        #expect(first.map(\.payload) == [payload("1 interrupted")])
        #expect(try await after.recover { _, _ in nil }.settledCount == 0)
        await after.close()
    }

    @Test func `a sequence is never given twice, even when all entries are pruned`() async throws {
        let fixture = try Fixture()
        var journal = try await fixture.open()
        _ = await failure { try await journal.settle(entryID(1), []) }
        let first = try await journal.unshipped(limit: 1)
        try await journal.markShipped(first)
        #expect(try await journal.pruneShipped(before: .max, limit: 1) == 1)
        await journal.close()
        journal = try await fixture.open()
        _ = await failure { try await journal.settle(entryID(2), []) }
        let second = try await journal.unshipped(limit: 1)
        #expect(second.map(\.id) == [entryID(2)])
        #expect(try #require(second.first).sequence > #require(first.first).sequence)
        await journal.close()
    }
}

@Suite struct LockTests {
    @Test func `a second opener is refused until the first has closed`() async throws {
        let fixture = try Fixture()
        let journal = try await fixture.open()
        #expect(
            await failure {
                _ = try await Journal.open(fixture.configuration())
            } == .inUse
        )
        await journal.close()
        let next = try await fixture.open()
        #expect(next.instance == journal.instance)
        await next.close()
    }

    @Test func `the kernel frees the lock of a killed process`() async throws {
        let fixture = try Fixture()
        let other = Process()
        other.executableURL = URL(fileURLWithPath: "/usr/bin/flock")
        other.arguments = ["--no-fork", fixture.path + "-lock", "sleep", "60"]
        try other.run()
        // Until the other process has it, the lock is free.
        try await eventually {
            do {
                let free = try await fixture.open()
                await free.close()
                return false
            } catch let error as JournalError {
                return error.code == .inUse
            }
        }
        kill(other.processIdentifier, SIGKILL)
        other.waitUntilExit()
        let free = try await fixture.open()
        await free.close()
    }

    @Test func `a file of something else is refused, not overwritten`() async throws {
        let fixture = try Fixture()
        let text = Data(repeating: 0x41, count: 8_192)
        try text.write(to: URL(fileURLWithPath: fixture.path))
        #expect(
            await failure {
                _ = try await Journal.open(fixture.configuration())
            } == .cannotOpen
        )
        #expect(FileManager.default.contents(atPath: fixture.path) == text)
        var missing = fixture.configuration()
        missing.path = fixture.directory + "/missing/journal.db"
        #expect(
            await failure {
                _ = try await Journal.open(missing)
            } == .cannotOpen
        )
    }

    @Test func `a file in which ended drafts were deleted keeps the others`() async throws {
        let fixture = try Fixture()
        let journal = try await fixture.open()
        for number in 1...20 { try await journal.enter(entryID(number), payload("\(number)")) }
        await journal.close()
        do {
            let connection = try Connection(path: fixture.path)
            try connection.execute(
                """
                DELETE FROM drafts WHERE slot IN (0, 2, 17);
                PRAGMA user_version = 1
                """
            )
        }
        let upgraded = try await fixture.open()
        let open = try await upgraded.openEntries(limit: 99).map { Int($0.id.low) }
        #expect(open.sorted() == (1...20).filter { $0 != 2 && $0 != 17 })
        let recovery = try await upgraded.recover { _, draft in draft }
        #expect(recovery == Recovery(settledCount: 18, keptCount: 0))
        #expect(upgraded.depth.openCount == 0)
        await upgraded.close()
    }

    @Test func `a row whose draft has ended is none again after a crash`() async throws {
        let fixture = try Fixture()
        let journal = try await fixture.open()
        for number in 1...3 { try await journal.enter(entryID(number), payload("old")) }
        // The same id again, in another row than the one that still has it.
        try await journal.discard(entryID(1))
        try await journal.discard(entryID(2))
        try await journal.enter(entryID(1), payload("new"))
        let reopened = try await fixture.crashed().open()
        let open = try await reopened.openEntries(limit: 9)
        #expect(
            Dictionary(uniqueKeysWithValues: open.map { ($0.id, $0.payload) }) == [
                entryID(1): payload("new"), entryID(3): payload("old"),
            ]
        )
        let recovery = try await reopened.recover { _, draft in draft }
        #expect(recovery.settledCount == 2)
        #expect(try await reopened.unshipped(limit: 9).map(\.payload).contains(payload("new")))
        await reopened.close()
        await journal.close()
    }
}
