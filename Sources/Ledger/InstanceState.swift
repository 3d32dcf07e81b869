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

    package init(silence: Duration, isStopped: Bool, settings: EscrowSettings) {
        self =
            if isStopped {
                .stopped
            } else if silence <= settings.heartbeatSilenceMax {
                .live
            } else if silence <= settings.releaseAfter {
                .silent
            } else {
                .lost
            }
    }

    /// How long an instance must have been silent for an operator to close its leases.
    ///
    /// With force, which says that its process is dead, only as long as heartbeats may be late.
    package static func silenceBeforeRelease(
        isForced: Bool,
        settings: EscrowSettings
    ) -> Duration {
        isForced ? settings.heartbeatSilenceMax : settings.releaseAfter
    }
}
