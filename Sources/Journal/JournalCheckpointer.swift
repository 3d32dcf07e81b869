import Dispatch
import Synchronization

/// Moves the write-ahead log into the journal's file beside the thread that writes the log.
///
/// A checkpoint waits for the disk several times, and no call should wait with it: so it has a
/// connection and a thread of its own. What is written meanwhile stays in the log for the next.
///
/// `@unchecked Sendable`: the connection is used on `queue` alone, which is serial.
final class JournalCheckpointer: @unchecked Sendable {
    private enum State {
        case idle
        case running
        case ended(Result<Int, JournalError>)
    }

    private let queue = DispatchQueue(label: "journal checkpoints")
    private let state = Mutex(State.idle)
    private let path: String
    private let sync: JournalSync
    private var connection: Connection?

    init(_ configuration: JournalConfiguration) {
        path = configuration.path
        sync = configuration.sync
    }

    /// Whether one is under way.
    var isRunning: Bool {
        state.withLock { if case .running = $0 { true } else { false } }
    }

    /// Begins to move what the log holds now; not while one is under way.
    func start() {
        state.withLock { $0 = .running }
        queue.async { [self] in
            let result = move()
            state.withLock { $0 = .ended(result) }
        }
    }

    /// How many of the log's frames are in the file, when one has ended since the last question.
    func takeResult() -> Result<Int, JournalError>? {
        state.withLock { state in
            guard case .ended(let result) = state else { return nil }
            state = .idle
            return result
        }
    }

    /// Waits for what is under way, and closes the connection.
    func close() {
        queue.sync { connection = nil }
    }

    private func move() -> Result<Int, JournalError> {
        do throws(JournalError) {
            return .success(try opened().checkpoint())
        } catch {
            return .failure(error)
        }
    }

    private func opened() throws(JournalError) -> Connection {
        if let connection { return connection }
        let opened = try Connection(path: path)
        try opened.execute("PRAGMA synchronous = \(sync.rawValue)")
        // SQLite looks for a log when it first reads.
        try opened.execute("SELECT count(*) FROM sqlite_schema")
        connection = opened
        return opened
    }
}
