import CCurl

/// What a client has done, for metrics.
package struct CurlCounters: Hashable, Sendable {
    /// Transfers started.
    package var transfers = 0
    /// Transfers running now.
    package var open = 0
    /// Connections made.
    package var connects = 0
    /// Transfers that ran on a connection made before them.
    package var reuses = 0
    /// Requests that curl sent again because a reused connection died without an answer.
    package var resends = 0

    package init() {}

    /// Counts a transfer that is about to leave curl.
    mutating func count(_ transfer: Transfer) {
        open -= 1
        let made = transfer.handle.information(CURLINFO_NUM_CONNECTS)
        connects += made
        if made == 0 && !transfer.machine.isRetrySafe { reuses += 1 }
        resends += transfer.machine.resendCount
    }
}
