import Billing
import EventLoop
import Formats
import Ledger
import Schema

/// Turns what came of a call into its usage: tokens, where they were learnt, and the charge.
///
/// Pure. The upstream's own report goes before every count of ours; a call without content is
/// free; what is charged never exceeds the hold.
struct Meter {
    let policy: GatewayPolicy.MissingUsage
    /// What the upstream's own model costs; nil when the price book does not know it.
    let upstreamTerms: PriceTerms?

    /// What a call comes to, and what was wrong with what its upstream said of it.
    struct Reading {
        var usage: Usage
        /// The names of `UsageAnomaly` and `Charge.Anomaly`.
        var anomalies: Set<String> = []
    }

    func read(
        _ admitted: AdmittedCall,
        _ answer: RelayedAnswer,
        promptTokens: Int64? = nil,
        settledAt: LoopTime
    ) -> Reading {
        var usage = admitted.draft
        usage.status = answer.status
        usage.outcome = answer.outcome
        usage.latencyMilliseconds = (settledAt - admitted.startedAt).milliseconds
        usage.firstByteMilliseconds = answer.firstByteAt.map {
            max(0, ($0 - admitted.leftAt).milliseconds)
        }
        let counted = counts(admitted, answer, promptTokens)
        usage.source = counted.source
        var anomalies = Set(answer.report?.anomalies.map(\.rawValue) ?? [])
        guard counted.source != .none else { return Reading(usage: usage, anomalies: anomalies) }
        let tier = answer.report?.serviceTier ?? admitted.facts.serviceTier ?? .standard
        let charge = Charge(
            tokens: counted.tokens,
            webSearches: answer.report?.webSearches ?? 0,
            serviceTier: tier,
            terms: admitted.admission.terms,
            hold: admitted.admission.hold.amount
        )
        usage.apply(charge)
        anomalies.formUnion(charge.anomalies.map(\.rawValue))
        usage.upstreamCost = upstreamTerms.map { terms in
            Charge.upstreamCost(
                tokens: counted.tokens,
                webSearches: answer.report?.webSearches ?? 0,
                serviceTier: tier,
                terms: terms
            )
        }
        if let currency = upstreamTerms?.currency, currency != admitted.admission.terms.currency {
            usage.upstreamCostCurrency = currency
        }
        return Reading(usage: usage, anomalies: anomalies)
    }

    private struct Counts {
        var tokens = TokenUsage()
        var source = UsageSource.none
    }

    private func counts(
        _ admitted: AdmittedCall,
        _ answer: RelayedAnswer,
        _ promptTokens: Int64?
    ) -> Counts {
        if let report = answer.report, report.isFinal {
            return Counts(tokens: report.tokens, source: .upstreamFinal)
        }
        // An upstream that failed before it wrote anything is owed nothing that we know of.
        guard answer.textEvents > 0 || answer.isAbandoned else { return Counts() }
        // Its client would otherwise get for nothing, or pay in full, what its money has ended.
        if answer.isCut { return count(admitted, answer, promptTokens) }
        switch policy {
        case .free:
            return Counts()
        case .hold:
            var tokens = TokenUsage()
            tokens.input = admitted.admission.inputTokens
            tokens.output = admitted.admission.coveredOutput * admitted.facts.choices
            return Counts(tokens: tokens, source: .estimated)
        case .count:
            return count(admitted, answer, promptTokens)
        }
    }

    /// What of a call the upstream has not told, counted by its tokens or else by its length.
    ///
    /// What it has told stands: a stream that broke off knows its prompt exactly, and a running
    /// count is the least that was written. An image has tokens that only its upstream knows, so
    /// with one the whole is an estimate.
    private func count(
        _ admitted: AdmittedCall,
        _ answer: RelayedAnswer,
        _ promptTokens: Int64?
    ) -> Counts {
        let facts = admitted.facts
        var tokens = answer.report?.tokens ?? TokenUsage()
        let knowsOutput = answer.report?.isOutputKnown ?? false
        if !knowsOutput {
            let written =
                answer.writtenTokens
                ?? TokenEstimate.output(textBytes: answer.textBytes, events: answer.textEvents)
            tokens.output = max(tokens.output, written)
        }
        if answer.report?.isInputKnown == true {
            return Counts(tokens: tokens, source: .upstreamPartial)
        }
        let isCounted = answer.writtenTokens != nil && promptTokens != nil
        let prompt =
            isCounted
            ? (promptTokens ?? 0) + TokenEstimate.images(of: facts)
            : TokenEstimate.input(of: facts)
        // What was read from caches may be told where the rest of the prompt is not.
        tokens.input = max(0, prompt - tokens.inputTotal)
        if knowsOutput { return Counts(tokens: tokens, source: .upstreamPartial) }
        let isExact = isCounted && facts.imageCount == 0
        return Counts(tokens: tokens, source: isExact ? .counted : .estimated)
    }
}

extension AdmittedCall {
    /// The call's event as it stands while the call runs: what becomes of it if the instance dies.
    var draft: Usage {
        var usage = Usage(
            request: arrival.id,
            lease: admission.hold.lease,
            key: caller.key.id,
            project: caller.key.project,
            admittedAt: admittedAt,
            model: routes.model,
            upstream: routed.upstream.name,
            upstreamModel: routed.upstreamModel,
            endpoint: arrival.endpoint,
            isStreamed: call.facts.isStreamed,
            priceVersion: admission.terms.version,
            hold: admission.hold.amount
        )
        usage.attempts = attempts
        usage.capped = admission.hold.capped
        if admission.wasCapLowered { usage.loweredCap = admission.outputCap }
        return usage
    }
}

extension Duration {
    /// Whole milliseconds, rounded down.
    var milliseconds: Int64 {
        let (seconds, attoseconds) = components
        return seconds * 1_000 + attoseconds / 1_000_000_000_000_000
    }
}
