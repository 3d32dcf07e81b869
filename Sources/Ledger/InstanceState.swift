/// How an instance fares, by how long it was silent and what it has left.
package enum InstanceState: String, CaseIterable, Sendable {
    /// It renews its leases.
    case live
    /// It missed heartbeats, but may still admit calls and run them.
    case silent
    /// No call of it can be running any more: whoever looks first closes its leases.
    case lost
    /// It has given everything back and ended.
    case stopped

    /// - Parameter releaseAfter: how long it must be silent until no call of it can be running.
    package init(
        silence: Duration,
        isStopped: Bool,
        releaseAfter: Duration,
        settings: EscrowSettings
    ) {
        self =
            if isStopped {
                .stopped
            } else if silence <= settings.heartbeatSilenceMax {
                .live
            } else if silence <= releaseAfter {
                .silent
            } else {
                .lost
            }
    }
}
