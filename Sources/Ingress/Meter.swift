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

    func usage(
        _ admitted: AdmittedCall,
        _ answer: RelayedAnswer,
        promptTokens: Int64? = nil,
        settledAt: LoopTime
    ) -> Usage {
        var usage = admitted.draft
        usage.status = answer.status
        usage.outcome = answer.outcome
        usage.latencyMilliseconds = (settledAt - admitted.startedAt).milliseconds
        usage.firstByteMilliseconds = answer.firstByteAt.map {
            max(0, ($0 - admitted.leftAt).milliseconds)
        }
        let counted = counts(admitted, answer, promptTokens)
        usage.source = counted.source
        guard counted.source != .none else { return usage }
        let tier = answer.report?.serviceTier ?? admitted.facts.serviceTier ?? .standard
        usage.apply(
            Charge(
                tokens: counted.tokens,
                webSearches: answer.report?.webSearches ?? 0,
                serviceTier: tier,
                terms: admitted.admission.terms,
                hold: admitted.admission.hold.amount
            )
        )
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
        return usage
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

    /// What was relayed, counted by its tokens or else by its length; a partial report still knows
    /// the prompt exactly.
    ///
    /// An image has tokens that only its upstream knows, so with one the whole is an estimate.
    private func count(
        _ admitted: AdmittedCall,
        _ answer: RelayedAnswer,
        _ promptTokens: Int64?
    ) -> Counts {
        let facts = admitted.facts
        let output =
            answer.writtenTokens
            ?? TokenEstimate.output(textBytes: answer.textBytes, events: answer.textEvents)
        if let report = answer.report, report.tokens.inputTotal > 0 {
            var tokens = report.tokens
            tokens.output = max(tokens.output, output)
            return Counts(tokens: tokens, source: .upstreamPartial)
        }
        var tokens = TokenUsage()
        tokens.output = output
        if answer.writtenTokens != nil, let promptTokens {
            tokens.input = promptTokens + TokenEstimate.images(of: facts)
            return Counts(tokens: tokens, source: facts.imageCount > 0 ? .estimated : .counted)
        }
        tokens.input = TokenEstimate.input(of: facts)
        return Counts(tokens: tokens, source: .estimated)
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
