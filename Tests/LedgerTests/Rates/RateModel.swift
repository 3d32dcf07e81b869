import Schema

@testable import Ledger

/// The shares of one key as PostgreSQL keeps them, as a value with a clock of the caller's.
struct RateModel {
    typealias Moment = ContinuousClock.Instant

    struct Row {
        var sequence: Int64
        var amounts: RateAmounts
    }

    struct Registration {
        var epoch: Int64
        var registeredAt: Moment
        var renewedAt: Moment
        var stoppedAt: Moment?
    }

    let limits: RateLimits
    let settings: RateSettings
    /// How long a silent instance's calls may run.
    let releaseAfter: Duration
    var instances: [InstanceID: Registration] = [:]
    var rows: [InstanceID: [Int64: Row]] = [:]

    mutating func register(_ instance: InstanceID, at now: Moment) -> Int64 {
        let epoch = (instances[instance]?.epoch ?? 0) + 1
        instances[instance] = Registration(epoch: epoch, registeredAt: now, renewedAt: now)
        return epoch
    }

    mutating func exchange(
        _ request: RateRequest,
        at now: Moment
    ) -> Result<RateReply, LedgerError> {
        guard instances[request.instance]?.epoch == request.epoch else {
            return .failure(LedgerError(.superseded, "a later start has registered"))
        }
        let own = rows[request.instance]?[request.epoch]
        guard own.map({ $0.sequence < request.sequence }) ?? true else {
            return .failure(LedgerError(.outOfSequence, "a later request came before"))
        }
        let reply = RateReply(
            to: request,
            limits: limits,
            elsewhere: elsewhere(than: request, at: now)
        )
        rows[request.instance, default: [:]][request.epoch] = Row(
            sequence: request.sequence,
            amounts: request.held + reply.granted
        )
        return .success(reply)
    }

    private func elsewhere(than request: RateRequest, at now: Moment) -> RateAmounts {
        var sum = RateAmounts.zero
        for (instance, epochs) in rows {
            for (epoch, row) in epochs where (instance, epoch) != (request.instance, request.epoch)
            {
                guard let known = instances[instance] else { continue }
                let end =
                    epoch != known.epoch
                    ? known.registeredAt + settings.drainMax
                    : known.stoppedAt.map { $0 + settings.drainMax }
                        ?? known.renewedAt + settings.silenceMax
                if now < end {
                    sum.requests += row.amounts.requests
                    sum.tokens += row.amounts.tokens
                }
                let isRunning = epoch == known.epoch && known.stoppedAt == nil
                if isRunning, now < known.renewedAt + releaseAfter {
                    sum.running += row.amounts.running
                }
            }
        }
        return sum
    }
}
