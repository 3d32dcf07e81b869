import Formats
import Ingress
import Schema

/// The state of upstreams as JSON, as the admin listener and `farebox upstream status` print it.
enum UpstreamShape {
    static func node(_ statuses: [UpstreamStatus]) -> JSONNode {
        .array(statuses.map(node))
    }

    private static func node(_ status: UpstreamStatus) -> JSONNode {
        .object([
            ("name", .text(status.name)), ("format", .text(status.format.rawValue)),
            ("circuit", .text(status.circuit.rawValue)),
            ("open_seconds", status.opensIn.map { .integer(seconds($0)) } ?? .null),
            ("failures_in_a_row", .integer(Int64(status.failureCount))),
            ("running", .integer(Int64(status.inFlight))),
            ("concurrency_max", status.concurrencyMax.map { .integer(Int64($0)) } ?? .null),
            (
                "keys",
                .array(
                    status.keys.map { key in
                        .object([
                            ("state", .text(key.state)), ("running", .integer(Int64(key.inFlight))),
                        ])
                    }
                )
            ),
            (
                "attempts",
                .object(
                    [("answered", .integer(status.answered))]
                        + AttemptEnd.allCases.map { end in
                            (end.rawValue, .integer(status.failures[end] ?? 0))
                        }
                )
            ),
        ])
    }

    /// Rounded up: what is still open is not open for zero seconds.
    private static func seconds(_ duration: Duration) -> Int64 {
        let (seconds, attoseconds) = duration.components
        return attoseconds > 0 ? seconds + 1 : seconds
    }
}
