import Curl
import EventLoop
import Journal

/// What the calls of one event loop share, and do once a turn instead of once a call.
///
/// Used on its loop only.
final class CallLoop {
    let loop: EventLoop
    /// What the next request is decided by; replaced as a whole when the configuration is.
    var services: GatewayServices
    let identifiers = IdentifierSource()
    /// The calls that are under way.
    var running = RunningCalls()

    private let client: LoopBound<CurlClient>
    private let journal: Journal
    private var lines: [UInt8] = []
    private var endsTurn = false

    init(
        _ services: GatewayServices,
        loop: EventLoop,
        curl: LoopBound<CurlClient>,
        journal: Journal
    ) {
        self.services = services
        self.loop = loop
        client = curl
        self.journal = journal
    }

    var curl: CurlClient { client.value }

    private var log: Log { services.log }

    /// The journal has been given something: it is woken at the end of the turn, so that the
    /// calls of the turn share a transaction.
    func journalled() { endTurn() }

    /// Logs a call; the lines of a turn are written together.
    func info(_ message: String, _ values: (inout LogLine) -> Void) {
        guard log.writes(.info) else { return }
        log.encode(.info, message, into: &lines, values)
        endTurn()
    }

    private func endTurn() {
        guard !endsTurn else { return }
        endsTurn = true
        loop.atEndOfTurn { [self] in
            endsTurn = false
            journal.wake()
            guard !lines.isEmpty else { return }
            log.write(lines)
            lines.removeAll(keepingCapacity: true)
        }
    }
}
