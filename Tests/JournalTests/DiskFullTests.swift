import Foundation
import Testing

@testable import Journal

@Suite struct DiskFullTests {
    @Test func `a used up quota refuses calls, settles running ones, and recovers`() async throws {
        let fixture = try Fixture()
        let journal = try await Journal.open(
            fixture.configuration(fileBytesMax: 40 * 4_096, reserveBytes: 20 * 4_096)
        )
        let (entered, refusal) = try await fill(journal)
        #expect(refusal.code == .diskFull)
        #expect(refusal.fault == .us)
        #expect(refusal.isRetrySafe)
        #expect(isFull(journal))
        try await drain(journal, entered)
        await journal.close()
    }

    @Test(.enabled(if: Tmpfs.isAllowed))
    func `a full disk refuses calls, settles running ones, and recovers`() async throws {
        let disk = try Tmpfs(byteCount: 16 << 20)
        defer { disk.unmount() }
        let fixture = try Fixture()
        var configuration = fixture.configuration(reserveBytes: 8 << 20)
        configuration.path = disk.path + "/journal.db"
        let journal = try await Journal.open(configuration)
        let (entered, refusal) = try await fill(journal)
        #expect(refusal.code == .diskFull)
        // The disk gives no room back before somebody makes some.
        try await Task.sleep(for: .milliseconds(50))
        #expect(isFull(journal))
        for number in entered.prefix(100) {
            try await journal.settle(entryID(number), [UInt8](repeating: 2, count: 2_000))
        }
        #expect(journal.depth.unshippedCount == 100)
        await journal.close()
        configuration.reserveBytes = 0
        let reopened = try await Journal.open(configuration)
        #expect(reopened.depth.openCount == entered.count - 100)
        #expect(reopened.depth.unshippedCount == 100)
        await reopened.close()
    }

    @Test(.enabled(if: Tmpfs.isAllowed))
    func `a file of an older format is opened on a full disk, in the reserve's room`()
        async throws
    {
        let disk = try Tmpfs(byteCount: 4 << 20)
        defer { disk.unmount() }
        let fixture = try Fixture()
        var configuration = fixture.configuration(reserveBytes: 1 << 20)
        configuration.path = disk.path + "/journal.db"
        let journal = try await Journal.open(configuration)
        for number in 1...5 { try await journal.enter(entryID(number), payload("\(number)")) }
        await journal.close()
        do {
            let connection = try Connection(path: configuration.path)
            try connection.execute("DELETE FROM drafts WHERE slot = 0; PRAGMA user_version = 1")
        }
        try disk.fill()
        let upgraded = try await Journal.open(configuration)
        #expect(isFull(upgraded))
        #expect(upgraded.depth.openCount == 5)
        #expect(await failure { try await upgraded.enter(entryID(6), []) } == .diskFull)
        try await upgraded.settle(entryID(1), payload("end"))
        #expect(upgraded.depth.unshippedCount == 1)
        await upgraded.close()
    }

    @Test func `of a batch without room for all, the calls that failed left nothing`() async throws
    {
        let fixture = try Fixture()
        let journal = try await Journal.open(
            fixture.configuration(fileBytesMax: 60 * 4_096, reserveBytes: 0)
        )
        let accepted = await withTaskGroup(of: Int?.self) { group in
            for number in 0..<200 {
                group.addTask {
                    let code = await failure {
                        try await journal.enter(
                            entryID(number),
                            [UInt8](repeating: 9, count: 3_000)
                        )
                    }
                    #expect(code == nil || code == .diskFull)
                    return code == nil ? number : nil
                }
            }
            return await group.reduce(into: Set()) { $0.formUnion($1.map { [$0] } ?? []) }
        }
        #expect(!accepted.isEmpty && accepted.count < 200)
        #expect(journal.depth.openCount == accepted.count)
        await journal.close()
        let reopened = try await fixture.open()
        let kept = try await reopened.openEntries(limit: 300).map(\.id)
        #expect(Set(kept) == Set(accepted.map(entryID)))
        await reopened.close()
    }

    private func isFull(_ journal: Journal) -> Bool {
        guard case .failing(let error) = journal.health else { return false }
        return error.code == .diskFull
    }

    /// Enters calls until one is refused.
    private func fill(_ journal: Journal) async throws -> ([Int], JournalError) {
        var entered: [Int] = []
        for number in 0..<10_000 {
            do throws(JournalError) {
                try await journal.enter(entryID(number), [UInt8](repeating: 1, count: 2_000))
                entered.append(number)
            } catch {
                return (entered, error)
            }
        }
        throw JournalError(.closed, "the disk never filled")
    }

    /// Settles, ships and prunes what is there, until new calls are taken again.
    private func drain(_ journal: Journal, _ entered: [Int]) async throws {
        #expect(await failure { try await journal.enter(entryID(99_999), []) } == .diskFull)
        for number in entered { try await journal.settle(entryID(number), payload("end")) }
        let entries = try await journal.unshipped(limit: 4_096)
        #expect(entries.map(\.id) == entered.map(entryID))
        try await journal.markShipped(entries)
        #expect(try await journal.pruneShipped(before: .max, limit: 4_096) == entered.count)
        try await eventually { journal.health == .ok }
        try await journal.enter(entryID(99_999), payload("again"))
        #expect(journal.depth.openCount == 1)
    }
}

/// A small file system in memory, for those who may mount one.
struct Tmpfs {
    let path: String

    static let isAllowed: Bool = {
        guard let probe = try? Tmpfs(byteCount: 1 << 16) else { return false }
        probe.unmount()
        return true
    }()

    init(byteCount: Int) throws {
        path = NSTemporaryDirectory() + "journal-disk-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        guard Self.run("mount", ["-t", "tmpfs", "-o", "size=\(byteCount)", "tmpfs", path]) else {
            try? FileManager.default.removeItem(atPath: path)
            throw JournalError(.cannotOpen, "mount is not allowed")
        }
    }

    /// Leaves no room for a single byte.
    func fill() throws {
        let filler = path + "/filler"
        try Data().write(to: URL(fileURLWithPath: filler))
        let file = try FileHandle(forWritingTo: URL(fileURLWithPath: filler))
        let page = Data(repeating: 1, count: 4_096)
        while (try? file.write(contentsOf: page)) != nil {}
        try file.close()
    }

    func unmount() {
        _ = Self.run("umount", [path])
        try? FileManager.default.removeItem(atPath: path)
    }

    private static func run(_ tool: String, _ arguments: [String]) -> Bool {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = [tool] + arguments
        process.standardError = FileHandle.nullDevice
        guard (try? process.run()) != nil else { return false }
        process.waitUntilExit()
        return process.terminationStatus == 0
    }
}
