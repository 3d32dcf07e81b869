import Foundation
import Testing

@testable import Journal

@Suite struct LogTests {
    private static let frameBytes = 4_096 + 24

    @Test func `without a pause between calls the log begins anew, and keeps its bound`()
        async throws
    {
        let fixture = try Fixture()
        let journal = try await fixture.open()
        let callCount = 12_000
        var logBytesMost = 0
        try await withThrowingTaskGroup(of: Void.self) { group in
            for task in 0..<16 {
                group.addTask {
                    for number in stride(from: task, to: callCount, by: 16) {
                        try await journal.enter(entryID(number), payload("draft"))
                        try await journal.settle(
                            entryID(number),
                            [UInt8](repeating: 1, count: 4_000)
                        )
                    }
                }
            }
            for try await _ in group { logBytesMost = max(logBytesMost, logBytes(fixture)) }
        }
        // More than the bound was written, and what a transaction adds may lie above it.
        #expect(callCount > Journal.logFramesMax)
        #expect(logBytesMost > 0)
        #expect(logBytesMost < 2 * Journal.logFramesMax * Self.frameBytes)
        #expect(journal.depth.unshippedCount == callCount)
        await journal.close()
        let reopened = try await fixture.open()
        #expect(reopened.depth.unshippedCount == callCount)
        #expect(reopened.depth.openCount == 0)
        await reopened.close()
    }

    @Test func `a long log is moved into the file while nobody calls`()
        async throws
    {
        let fixture = try Fixture()
        let journal = try await fixture.open()
        for number in 0..<Journal.checkpointFrames {
            try await journal.enter(entryID(number), [UInt8](repeating: 1, count: 4_000))
        }
        // A call writes more than one page, and each of these is in the log.
        try await eventually { fileBytes(fixture) > Journal.checkpointFrames / 4 * 4_096 }
        await journal.close()
    }

    private func logBytes(_ fixture: Fixture) -> Int { bytes(fixture.path + "-wal") }

    private func fileBytes(_ fixture: Fixture) -> Int { bytes(fixture.path) }

    private func bytes(_ path: String) -> Int {
        let attributes = try? FileManager.default.attributesOfItem(atPath: path)
        return (attributes?[.size] as? Int) ?? 0
    }
}
