import Schema

/// How an instance goes on with a database that is not the one it knew.
extension EscrowService {
    /// Offers all events again, registers the instance and its leases, and goes on.
    ///
    /// Repeated until it succeeds. Meanwhile the leases' validity is not renewed, but calls are
    /// admitted on what is left of it: the database leases nothing new for longer than that.
    func rejoin() async {
        guard let identity else { return }
        report(.failedOver)
        var failures = 0
        while !Task.isCancelled {
            let sentAt = Moment.now
            do throws(LedgerError) {
                let events = try await reoffer()
                let request = RejoinRequest(
                    identity: identity,
                    label: label,
                    keeping: escrow.openLeases
                )
                let renewedAt = Moment.now
                let rejoined = try await authority.rejoin(request)
                adopt(rejoined)
                escrow.rejoin(rejoined, validUntil: renewedAt + settings.validity)
                return report(.rejoined(events: events, took: .now - sentAt))
            } catch {
                if error.code == .superseded { return supersede() }
                failures += 1
                report(.heartbeatFailed(error))
                try? await Task.sleep(for: settings.backoff(afterFailures: failures))
            }
        }
    }
}
