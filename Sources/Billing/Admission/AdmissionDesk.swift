import Ledger
import Schema
import Synchronization

/// Decides whether a call goes upstream: price, quote, and money set aside.
///
/// Where the lease covers the call nothing is awaited. Otherwise the escrow is asked once, with
/// the least cap's hold as the least: it returns what it has between the two, and the cap is
/// lowered to what that affords.
package final class AdmissionDesk: Sendable {
    private let escrow: Escrow
    private let prices: Mutex<PriceSnapshot>

    package init(escrow: Escrow, prices: PriceSnapshot) {
        self.escrow = escrow
        self.prices = Mutex(prices)
    }

    /// The prices that calls are quoted by.
    package var snapshot: PriceSnapshot { prices.withLock { $0 } }

    /// Quotes calls by these prices from now on; those admitted keep theirs.
    package func adopt(_ snapshot: PriceSnapshot) {
        prices.withLock { $0 = snapshot }
    }

    /// Sets the money for a call aside, or says why not.
    ///
    /// `now` is the call's admission, however long it waits: it decides which prices are in force,
    /// and in which windows of its caps the call counts.
    package func admit(
        _ request: AdmissionRequest,
        at now: Instant
    ) async throws(AdmissionRefusal) -> Admission {
        let (terms, need) = try quote(request, at: now)
        let hold = escrow.tryHold(
            request.account,
            want: need.want,
            caps: request.caps,
            admittedAt: now
        )
        let growth = HoldGrowth(need.quote, request)
        if let hold {
            return Admission(
                hold: hold,
                growth: growth,
                admittedAt: now,
                terms: terms,
                inputTokens: need.quote.inputTokens,
                outputCap: need.quote.outputCap,
                wasCapLowered: false
            )
        }
        let waited: EscrowHold
        do {
            waited = try await escrow.hold(
                EscrowRequest(
                    request.account,
                    want: need.want,
                    least: need.least,
                    waitMax: request.waitMax,
                    caps: request.caps,
                    admittedAt: now
                )
            )
        } catch {
            throw AdmissionRefusal(error)
        }
        guard let fit = need.fit(waited.amount) else {
            // The escrow never holds less than the least; if it did, nothing may go upstream.
            escrow.release(waited)
            throw .unavailable
        }
        // A hold that grows leaves the cap as it was asked for.
        let outputCap = growth == nil ? fit.outputCap : need.quote.outputCap
        return Admission(
            hold: waited,
            growth: growth,
            admittedAt: now,
            terms: terms,
            inputTokens: need.quote.inputTokens,
            outputCap: outputCap,
            wasCapLowered: outputCap < need.quote.outputCap
        )
    }

    /// A call whose cap was lowered, once its bounds are known to be tighter: of the same hold less
    /// is for the prompt, and more for the answer.
    package func widened(_ admission: Admission, by request: AdmissionRequest) -> Admission {
        guard let quote = try? Quote(request.bounds, terms: admission.terms),
            let cap = quote.affordableCap(admission.hold.amount), cap > admission.outputCap
        else { return admission }
        return Admission(
            hold: admission.hold,
            growth: admission.growth,
            admittedAt: admission.admittedAt,
            terms: admission.terms,
            inputTokens: quote.inputTokens,
            outputCap: cap,
            wasCapLowered: cap < quote.outputCap
        )
    }

    /// Raises a growing hold at once so that it covers `tokens` of each choice's output, and
    /// `ahead` more up to the cap; nil when the lease does not have that.
    package func tryGrow(
        _ admission: Admission,
        toCover tokens: Int64,
        ahead: Int64
    ) -> EscrowHold? {
        guard let growth = admission.growth else { return nil }
        return escrow.tryGrow(admission.hold, to: growth.amount(covering: tokens + ahead))
    }

    /// Raises a growing hold as `tryGrow` does, or at least so that it covers `tokens`, waiting
    /// for credit like a call that is to be admitted; nil when none is to be had.
    package func grow(
        _ admission: Admission,
        toCover tokens: Int64,
        ahead: Int64
    ) async -> EscrowHold? {
        guard let growth = admission.growth else { return nil }
        let hold = admission.hold
        return await escrow.grow(
            hold,
            by: growth.request(raising: hold, toCover: tokens, ahead: ahead, admission.admittedAt)
        )
    }

    /// Ends an admission with its charge; the usage event that carries it names the hold's lease.
    package func settle(_ admission: Admission, _ charge: Charge) {
        escrow.settle(admission.hold, charge: charge.charge)
    }

    /// Ends an admission of a call that never cost anything and has no usage event.
    package func release(_ admission: Admission) {
        escrow.release(admission.hold)
    }

    private func quote(
        _ request: AdmissionRequest,
        at now: Instant
    ) throws(AdmissionRefusal) -> (PriceTerms, AdmissionNeed) {
        let snapshot = snapshot
        let terms = snapshot.terms(
            model: request.model,
            currency: request.currency,
            plan: request.plan,
            at: now
        )
        guard let terms else {
            throw snapshot.hasPrice(model: request.model, at: now)
                ? .wrongCurrency(model: request.model, request.currency)
                : .noPrice(model: request.model)
        }
        do {
            let quote = try Quote(request.bounds, terms: terms)
            return (terms, AdmissionNeed(request, quote))
        } catch {
            throw .unboundable(error)
        }
    }
}
