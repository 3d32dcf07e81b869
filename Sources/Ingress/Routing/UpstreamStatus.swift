import Formats
import Schema

/// What is known of an upstream, for people and for metrics.
package struct UpstreamStatus: Sendable {
    package enum Circuit: String, CaseIterable, Sendable {
        case closed
        case halfOpen = "half_open"
        case open
    }

    package struct Key: Sendable {
        /// `usable`, `limited` or `sidelined`.
        package let state: String
        package let inFlight: Int
    }

    package let name: String
    package let format: APIFormat
    package let circuit: Circuit
    /// How long the circuit stays open; nil when it is not.
    package let opensIn: Duration?
    /// Failures in a row.
    package let failureCount: Int
    package let inFlight: Int
    package let concurrencyMax: Int?
    /// In the order of the configuration: keys have no names that could be told.
    package let keys: [Key]
    /// Attempts that were answered, and those that failed, by the way they did.
    package let answered: Int64
    package let failures: [AttemptEnd: Int64]

    init(
        _ upstream: Upstream,
        _ health: UpstreamHealth,
        _ counts: UpstreamCounts,
        at now: ContinuousClock.Instant
    ) {
        name = upstream.name
        format = upstream.format
        switch health.breaker.state {
        case .closed: (circuit, opensIn) = (.closed, nil)
        case .halfOpen, .recovering: (circuit, opensIn) = (.halfOpen, nil)
        case .open(let until): (circuit, opensIn) = (.open, max(.zero, until - now))
        }
        failureCount = health.breaker.failureCount
        inFlight = counts.running
        concurrencyMax = upstream.concurrencyMax
        keys = upstream.apiKeys.indices.map { index in
            Key(
                state: health.keys.state(index, at: now).rawValue,
                inFlight: health.keys.inFlight(index)
            )
        }
        answered = counts.answered
        failures = counts.failures
    }
}
