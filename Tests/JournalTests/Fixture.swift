import Foundation
import Synchronization
import Testing

@testable import Journal

/// A directory for one test, with a clock that the test sets.
final class Fixture: Sendable {
    let directory: String
    let clock = Atomic<Int64>(1_000_000)

    init() throws {
        directory = NSTemporaryDirectory() + "journal-\(UUID().uuidString)"
        try FileManager.default.createDirectory(
            atPath: directory,
            withIntermediateDirectories: true
        )
    }

    deinit { try? FileManager.default.removeItem(atPath: directory) }

    var path: String { directory + "/journal.db" }

    func configuration(
        sync: JournalSync = .normal,
        fileBytesMax: Int? = nil,
        reserveBytes: Int = 64 << 10
    ) -> JournalConfiguration {
        var configuration = JournalConfiguration(path: path)
        configuration.sync = sync
        configuration.fileBytesMax = fileBytesMax
        configuration.reserveBytes = reserveBytes
        configuration.probeIntervalMilliseconds = 5
        configuration.now = { [self] in clock.load(ordering: .relaxed) }
        return configuration
    }

    func open() async throws -> Journal { try await Journal.open(configuration()) }

    /// What `kill -9` would leave: the files as they are, while the journal is open.
    func crashed() throws -> Fixture {
        let copy = try Fixture()
        for suffix in ["", "-wal"] where FileManager.default.fileExists(atPath: path + suffix) {
            try FileManager.default.copyItem(atPath: path + suffix, toPath: copy.path + suffix)
        }
        return copy
    }
}

/// A count that many tasks raise.
final class Counter: Sendable {
    private let count = Atomic(0)

    var value: Int { count.load(ordering: .relaxed) }

    func increment() { count.add(1, ordering: .relaxed) }
}

func entryID(_ number: Int) -> EntryID { EntryID(high: 7, low: UInt64(number)) }

func payload(_ text: String) -> [UInt8] { Array(text.utf8) }

/// The code of the error that `body` throws; nil when it throws none.
func failure(_ body: () async throws -> Void) async -> JournalError.Code? {
    do {
        try await body()
        return nil
    } catch {
        if let error = error as? JournalError { return error.code }
        Issue.record(error)
        return nil
    }
}

/// Polls until a condition holds; records a failure after a generous while.
func eventually(_ condition: () async throws -> Bool) async throws {
    let deadline = ContinuousClock.now + .seconds(90)
    while try await !condition() {
        try #require(ContinuousClock.now < deadline, "it never came true")
        try await Task.sleep(for: .milliseconds(5))
    }
}
