import Schema

/// An upstream as a running instance sees it.
package struct UpstreamView: Hashable, Sendable {
    package struct Key: Hashable, Sendable {
        /// `usable`, `limited` or `sidelined`.
        package let state: String
        package let running: Int

        package init(state: String, running: Int) {
            (self.state, self.running) = (state, running)
        }
    }

    package let name: String
    package let format: String
    /// `closed`, `half_open` or `open`.
    package let circuit: String
    /// How long the circuit stays open; nil when it is not.
    package let openSeconds: Int64?
    package let failuresInARow: Int
    package let running: Int
    package let concurrencyMax: Int?
    /// In the order of the configuration: keys have no names that could be told.
    package let keys: [Key]
    /// Attempts that were answered, and those that failed, by the way they did.
    package let attempts: [Count]

    package struct Count: Hashable, Sendable {
        package let end: String
        package let count: Int64

        package init(_ end: String, _ count: Int64) {
            (self.end, self.count) = (end, count)
        }
    }

    package init(
        name: String,
        format: String,
        circuit: String,
        openSeconds: Int64?,
        failuresInARow: Int,
        running: Int,
        concurrencyMax: Int?,
        keys: [Key],
        attempts: [Count]
    ) {
        self.name = name
        self.format = format
        self.circuit = circuit
        self.openSeconds = openSeconds
        self.failuresInARow = failuresInARow
        self.running = running
        self.concurrencyMax = concurrencyMax
        self.keys = keys
        self.attempts = attempts
    }
}

extension JSONNode {
    /// The state of an upstream, as `farebox upstream status` prints it.
    package static func upstream(_ upstream: UpstreamView) -> JSONNode {
        .object([
            ("name", .text(upstream.name)), ("format", .text(upstream.format)),
            ("circuit", .text(upstream.circuit)),
            ("open_seconds", upstream.openSeconds.map(JSONNode.integer) ?? .null),
            ("failures_in_a_row", .integer(Int64(upstream.failuresInARow))),
            ("running", .integer(Int64(upstream.running))),
            ("concurrency_max", upstream.concurrencyMax.map { .integer(Int64($0)) } ?? .null),
            (
                "keys",
                .array(
                    upstream.keys.map { key in
                        .object([
                            ("state", .text(key.state)), ("running", .integer(Int64(key.running))),
                        ])
                    }
                )
            ),
            ("attempts", .object(upstream.attempts.map { ($0.end, .integer($0.count)) })),
        ])
    }
}
