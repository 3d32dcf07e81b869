import Billing
import EventLoop
import Formats
import Ledger
import Schema

/// The calls of one loop that are under way, in no order.
///
/// Used on its loop only.
struct RunningCalls {
    private var list = PlacedList<AdmittedCall>()

    mutating func begin(_ call: AdmittedCall) { list.append(call) }

    mutating func end(_ call: AdmittedCall) { list.remove(call) }

    /// Some calls of one account or of all, and how many there are.
    ///
    /// What is looked at is bounded: the loop has calls to carry meanwhile.
    func list(
        of account: AccountID?,
        limit: Int,
        at now: LoopTime
    ) -> RunningCallList {
        let calls = list.elements
        guard let account else {
            return RunningCallList(
                calls: calls.prefix(limit).map { $0.running(at: now) },
                count: calls.count
            )
        }
        var found: [RunningCall] = []
        var count = 0
        for call in calls where call.caller.account.id == account {
            count += 1
            if found.count < limit { found.append(call.running(at: now)) }
        }
        return RunningCallList(calls: found, count: count)
    }
}

/// What of an answer has come so far.
struct AnswerProgress {
    var firstByteAt: LoopTime?
    var bytes: Int64 = 0
    var textBytes: Int64 = 0
    var textEvents: Int64 = 0

    /// A piece of a stream has been taken in.
    mutating func note(_ count: Int, _ notices: StreamNotices) {
        bytes += Int64(count)
        textBytes = notices.textBytes
        textEvents = notices.textEvents
    }
}

extension AdmittedCall: Placed {}

extension AdmittedCall {
    fileprivate func running(at now: LoopTime) -> RunningCall {
        RunningCall(
            request: arrival.id,
            account: caller.account.id,
            accountName: caller.account.slug,
            currency: caller.account.currency,
            key: caller.key.id,
            model: routes.model,
            upstream: routed.upstream.name,
            upstreamModel: routed.upstreamModel,
            endpoint: arrival.endpoint,
            isStreamed: call.facts.isStreamed,
            admittedAt: admittedAt,
            milliseconds: max(0, (now - startedAt).milliseconds),
            firstByteMilliseconds: progress.firstByteAt.map { max(0, ($0 - leftAt).milliseconds) },
            bytes: progress.bytes,
            outputTokens: progress.textEvents == 0
                ? 0
                : TokenEstimate.output(
                    textBytes: progress.textBytes,
                    events: progress.textEvents
                ),
            hold: admission.hold.amount,
            failedAttempts: attempts.count
        )
    }
}
