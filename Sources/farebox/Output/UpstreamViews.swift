import Formats
import Ingress
import Schema
import Shapes

extension UpstreamView {
    /// What a status says, in the words that people and programs read.
    init(_ status: UpstreamStatus) {
        self.init(
            name: status.name,
            format: status.format.rawValue,
            circuit: status.circuit.rawValue,
            openSeconds: status.opensIn.map(Self.seconds),
            failuresInARow: status.failureCount,
            running: status.inFlight,
            concurrencyMax: status.concurrencyMax,
            keys: status.keys.map { Key(state: $0.state, running: $0.inFlight) },
            attempts: [Count("answered", status.answered)]
                + AttemptEnd.allCases.map { Count($0.rawValue, status.failures[$0] ?? 0) }
        )
    }

    /// Rounded up: what is still open is not open for zero seconds.
    private static func seconds(_ duration: Duration) -> Int64 {
        let (seconds, attoseconds) = duration.components
        return attoseconds > 0 ? seconds + 1 : seconds
    }
}
