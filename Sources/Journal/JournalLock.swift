import Glibc

/// The advisory lock that keeps a journal to one opener.
///
/// It stands on a side file, `flock`ed: the kernel releases it when the process dies however it
/// does, it holds between two openings in one process, and closing another descriptor of the
/// database does not drop it, as it would a POSIX record lock.
final class JournalLock {
    /// A child that is between its fork and its exec shares the lock for a moment.
    private static let waitMillisecondsMax = 500

    private let descriptor: Int32

    init(path: String) throws(JournalError) {
        descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw JournalError(.cannotOpen, systemReason(errno)) }
        var reason = Self.lock(descriptor)
        for _ in 0..<Self.waitMillisecondsMax where reason == EWOULDBLOCK {
            usleep(1_000)
            reason = Self.lock(descriptor)
        }
        guard reason == 0 else {
            close(descriptor)
            guard reason == EWOULDBLOCK else {
                throw JournalError(.cannotOpen, systemReason(reason))
            }
            throw JournalError(.inUse)
        }
    }

    deinit { close(descriptor) }

    private static func lock(_ descriptor: Int32) -> Int32 {
        flock(descriptor, LOCK_EX | LOCK_NB) == 0 ? 0 : errno
    }
}

/// Space on the disk that is set aside while there is some, and given up when there is none.
///
/// When the disk fills, admission stops, but calls that already run must still settle: they
/// do it in the room that this file leaves.
struct DiskReserve {
    private let path: String
    private let byteCount: Int

    init(_ configuration: JournalConfiguration) {
        path = configuration.path + "-reserve"
        byteCount = configuration.reserveBytes
    }

    /// Allocates the file in full.
    func occupy() throws(JournalError) {
        guard byteCount > 0 else { return }
        let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw refusal(errno) }
        defer { close(descriptor) }
        let status = posix_fallocate(descriptor, 0, byteCount)
        guard status == 0 else {
            // What was allocated in part would only take the room that it is for.
            ftruncate(descriptor, 0)
            throw refusal(status)
        }
    }

    /// Gives the room back to the file system.
    func yield() {
        guard byteCount > 0 else { return }
        truncate(path, 0)
    }

    private func refusal(_ code: Int32) -> JournalError {
        let isFull = code == ENOSPC || code == EDQUOT || code == EFBIG
        return JournalError(isFull ? .diskFull : .disk(0), systemReason(code))
    }
}

/// The size of a file in bytes; zero when there is none.
func fileByteCount(_ path: String) -> Int {
    var status = stat()
    return stat(path, &status) == 0 ? Int(status.st_size) : 0
}

private func systemReason(_ code: Int32) -> String {
    String(cString: strerror(code))
}
