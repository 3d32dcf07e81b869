import Billing
import EventLoop
import Formats
import Ledger
import Schema

/// Keeps the hold of a streamed answer ahead of its text, a slice at a time.
///
/// What has come is counted from above: by the estimate, by events, or by what the upstream itself
/// reports, whichever is most. When a quarter of a slice is left, the next slice is taken from the
/// lease, or asked for while the stream goes on; only where the hold ends does the stream wait for
/// the answer. When none is to be had there, the answer ends.
///
/// Used on its loop only.
final class GrowingHold {
    /// How soon credit is asked for ahead of need again after none was to be had.
    private static let askPause = Duration.seconds(1)
    /// So many bytes of a stream are covered at once: less than the least slice.
    static let bytesAtOnce = 512

    private let admitted: AdmittedCall
    private let desk: AdmissionDesk
    private let loop: EventLoop
    private let sliceTokens: Int64
    private var isAsking = false
    private var asksAheadFrom: ContinuousClock.Instant?
    private var waiting: CheckedContinuation<Void, Never>?
    private var hasGrown = false

    /// Nil for a call whose hold covers all that it may cost.
    init?(_ admitted: AdmittedCall, _ desk: AdmissionDesk, _ loop: EventLoop) {
        guard let growth = admitted.admission.growth else { return nil }
        self.admitted = admitted
        self.desk = desk
        self.loop = loop
        sliceTokens = growth.sliceTokens
    }

    /// Whether the hold pays for all that has come, after whatever could be done about it at once;
    /// nil where that is to be waited for.
    ///
    /// - Parameter mayGrow: whether anyone still waits for the answer.
    func coversAtOnce(_ relay: any StreamRelay, mayGrow: Bool) -> Bool? {
        let tokens = Self.tokens(relay, choices: admitted.facts.choices)
        guard mayGrow, !isFull else { return isCovered(tokens) }
        if isCovered(tokens + sliceTokens / 4) || growAtOnce(tokens) { return true }
        if isCovered(tokens) {
            if asksAheadFrom.map({ loop.now >= $0 }) ?? true { ask(for: tokens) }
            return true
        }
        return nil
    }

    /// Whether it pays for all that has come, after what was asked for has been answered.
    func coversInTheEnd(_ relay: any StreamRelay) async -> Bool {
        let tokens = Self.tokens(relay, choices: admitted.facts.choices)
        // What is asked for already may be enough; if not, one last question tells.
        if isAsking { await answer() }
        if !isCovered(tokens), !growAtOnce(tokens) {
            ask(for: tokens)
            await answer()
        }
        return isCovered(tokens)
    }

    /// Raises the hold to what the upstream reports in the end, where the lease has it.
    func coverReport(_ report: Formats.UsageReport) {
        let tokens = Self.each(report.tokens.outputTotal, of: admitted.facts.choices)
        if !isFull, !isCovered(tokens) { grow(toCover: tokens, ahead: 0) }
    }

    /// Whether the hold has grown since this was last asked.
    func takeHasGrown() -> Bool {
        defer { hasGrown = false }
        return hasGrown
    }

    private var isFull: Bool {
        admitted.admission.coveredOutput >= admitted.admission.outputCap
    }

    private func isCovered(_ tokens: Int64) -> Bool {
        isFull || tokens <= admitted.admission.coveredOutput
    }

    private func growAtOnce(_ tokens: Int64) -> Bool {
        grow(toCover: tokens, ahead: sliceTokens)
    }

    @discardableResult
    private func grow(toCover tokens: Int64, ahead: Int64) -> Bool {
        let hold = desk.tryGrow(admitted.admission, toCover: tokens, ahead: ahead)
        if let hold { raise(to: hold) }
        return hold != nil
    }

    private func raise(to hold: EscrowHold) {
        admitted.admission = admitted.admission.holding(hold)
        hasGrown = true
    }

    private func ask(for tokens: Int64) {
        guard !isAsking else { return }
        isAsking = true
        let (desk, admission, ahead) = (desk, admitted.admission, sliceTokens)
        let own = LoopBound(self, loop: loop)
        loop.spawn {
            let hold = await desk.grow(admission, toCover: tokens, ahead: ahead)
            own.value.answered(hold)
        }
    }

    private func answered(_ hold: EscrowHold?) {
        isAsking = false
        if let hold { raise(to: hold) } else { asksAheadFrom = loop.now + Self.askPause }
        waiting?.resume()
        waiting = nil
    }

    private func answer() async {
        await withCheckedContinuation { waiting = $0 }
    }

    /// An upper count of each choice's output so far.
    private static func tokens(_ relay: any StreamRelay, choices: Int64) -> Int64 {
        let counted = TokenEstimate.output(
            textBytes: relay.notices.textBytes,
            events: relay.notices.textEvents
        )
        return each(max(counted, relay.usage?.tokens.outputTotal ?? 0), of: choices)
    }

    private static func each(_ tokens: Int64, of choices: Int64) -> Int64 {
        (tokens + choices - 1) / choices
    }
}
