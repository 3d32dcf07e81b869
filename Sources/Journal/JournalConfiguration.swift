import Glibc

/// What a journal outlives.
package enum JournalSync: String, CaseIterable, Sendable {
    /// The death of the process at any instant.
    case normal
    /// A power failure as well, at the price of an fsync a batch.
    case full
}

/// Where a journal is and how it is kept.
package struct JournalConfiguration: Sendable {
    /// The database file; beside it stand `-wal`, `-lock` and `-reserve`.
    package var path: String
    package var sync: JournalSync = .normal
    /// Room that only running calls may use once the rest is full.
    ///
    /// To be of use it must exceed the log (`Journal.logFramesMax`), which has to be moved into the
    /// file before its space can be written again.
    package var reserveBytes = 40 << 20
    /// The largest database file, without its reserve; nil leaves it to the disk.
    package var fileBytesMax: Int?
    /// How often a failing disk is tried again.
    package var probeIntervalMilliseconds = 1_000
    /// The present, in microseconds since 1970; it dates entries and never orders them.
    package var now: @Sendable () -> Int64 = systemMicroseconds

    package init(path: String) {
        self.path = path
    }
}

/// The system's clock, in microseconds since 1970.
private func systemMicroseconds() -> Int64 {
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    return Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1_000
}
