/// How a pool of connections behaves; every wait and every queue has a bound.
package struct DatabaseConfiguration: Sendable {
    package var url: DatabaseURL
    /// What `pg_stat_activity` shows.
    package var applicationName = "farebox"
    /// Connections, each with a thread of its own; they are made when first needed.
    package var connectionsMax = 4
    /// For each host of the URL, two seconds at least, unless the URL has a `connect_timeout`.
    package var connectTimeout: Duration = .seconds(5)
    /// How long a caller waits for a free connection.
    package var queueTimeout: Duration = .seconds(10)
    /// How many callers may wait for a free connection.
    package var queueLengthMax = 1_000
    /// The pause after a failed connect: doubled each time from the first bound to the second.
    package var backoff: ClosedRange<Duration> = .milliseconds(50) ... .seconds(2)
    /// Randomness for the back-off, so that instances do not come back all at once.
    package var random: @Sendable () -> UInt64 = {
        var generator = SystemRandomNumberGenerator()
        return generator.next()
    }
    /// Is told what happens to connections, on their threads; must return soon.
    package var report: @Sendable (DatabaseReport) -> Void = { _ in }

    package init(url: DatabaseURL) {
        self.url = url
    }
}

/// What a pool or a listener tells about its connections, for logs and metrics.
package enum DatabaseReport: Sendable {
    case connected
    case connectFailed(PostgresError)
    /// An established connection is given up; the next use makes another.
    case disconnected
    /// A transaction could not be rolled back; its connection ended, and the transaction with it.
    case rollbackFailed(PostgresError)
}
