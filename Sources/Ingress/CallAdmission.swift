import Billing
import Formats
import Ledger
import Schema

/// Bounds a call, sets its money aside, and counts it under its key's limits, or does none of these.
///
/// The prompt is bounded by its bytes, which costs nothing. Its tokens are counted, which may take
/// milliseconds, only where that bound is what a refusal would rest on.
struct CallAdmission {
    private let services: GatewayServices
    private let arrival: Arrival
    private let call: ParsedCall
    private let caller: Caller
    private let routes: CallRoutes

    init(
        _ services: GatewayServices,
        _ arrival: Arrival,
        _ call: ParsedCall,
        _ caller: Caller,
        _ routes: CallRoutes
    ) {
        self.services = services
        self.arrival = arrival
        self.call = call
        self.caller = caller
        self.routes = routes
    }

    private var waitMax: Duration { services.configuration.limits.creditWait }

    /// - Throws: what the client is told: 400, 402, 403, 404, 429 or 503.
    func run() async throws(APIError) -> Admission {
        var bounds = self.bounds
        if let most = caller.key.rates.tokensPerMinute, bounds.tokensLeast > most {
            bounds = await tightened(bounds, toFit: most)
        }
        // The money first, because it may be waited for: what a minute counts leaves at once.
        try arrival.rates?.foresee(tokens: bounds.tokensLeast)
        let (admission, inputTokens) = try await money(for: request(bounds))
        bounds.inputTokensBound = inputTokens
        try await count(admission, tokens: bounds.tokensBound(outputCap: admission.outputCap))
        return admission
    }

    /// Counts the call under the limits of its key; its money is free again where they refuse it.
    private func count(_ admission: Admission, tokens: Int64) async throws(APIError) {
        do {
            try await arrival.rates?.admit(tokens: tokens, waitMax: waitMax)
        } catch {
            services.desk.release(admission)
            throw error
        }
    }

    // MARK: bounds

    /// What the call is bounded by in every form that it may leave in, whichever route answers in
    /// the end.
    private var bounds: QuoteRequest {
        var request = formBounds(on: routes.first)
        for other in routes.others { request.cover(formBounds(on: other)) }
        request.contextTokensMax = routes.offered.contextTokensMax
        request.outputTokensMax = routes.offered.outputTokensMax
        request.minimumOutputTokens = services.configuration.policy.minimumOutputTokens
        if let most = caller.key.outputTokensMax {
            request.outputTokensAsked = min(request.outputTokensAsked ?? most, most)
        }
        if let most = caller.key.rates.tokensPerMinute {
            request.lowerCap(toFit: most)
        }
        return request
    }

    private func formBounds(on route: RoutedCall) -> QuoteRequest {
        let facts = route.translated?.facts ?? call.facts
        var request = QuoteRequest(facts, imageTokensMax: route.offered.imageTokensMax)
        if facts.serviceTier == nil, let tier = route.upstream.defaultServiceTier {
            request.ask(for: tier)
        }
        return request
    }

    private func tightened(_ bounds: QuoteRequest, toFit tokensMax: Int64) async -> QuoteRequest {
        guard let tokens = await tightBound(), tokens < bounds.inputTokensBound else {
            return bounds
        }
        var bounds = bounds
        bounds.inputTokensBound = tokens
        bounds.lowerCap(toFit: tokensMax)
        return bounds
    }

    /// The prompt's tokens at most on whichever route, images included; nil where there is a route
    /// whose model's vocabulary is not at hand.
    private func tightBound() async -> Int64? {
        var most: Int64 = 0
        for index in 0..<routes.count {
            let route = routes[index]
            guard let vocabulary = route.promptVocabulary else { return nil }
            let facts = route.translated?.facts ?? call.facts
            let body = route.translated?.body ?? call.body
            let text = await offLoop {
                PromptTokens.bound(facts, body: body, vocabulary: vocabulary)
            }
            let images = facts.imageTokensBound(imageTokensMax: route.offered.imageTokensMax)
            most = max(most, text + images)
        }
        return most
    }

    // MARK: money

    private func request(_ bounds: QuoteRequest) -> AdmissionRequest {
        AdmissionRequest(
            account: caller.account.id,
            currency: caller.account.currency,
            plan: caller.account.plan,
            model: routes.model,
            bounds: bounds,
            shortCredit: services.configuration.policy.shortCredit,
            waitMax: waitMax,
            caps: caller.key.caps,
            sliceTokens: sliceTokens
        )
    }

    /// How much output is held at a time; nil where all is held at once: for an answer in one
    /// piece, and for a stream that cannot be ended before its time.
    private var sliceTokens: Int64? {
        guard let tokens = routes.offered.holdSliceTokens, call.facts.isStreamed,
            routes.allFacts(call).allSatisfy({ $0.endpoint != .responses })
        else { return nil }
        return tokens
    }

    /// The money for a call, and the bound of the prompt that it was found by.
    private func money(
        for request: AdmissionRequest
    ) async throws(APIError) -> (Admission, inputTokens: Int64) {
        var request = request
        var answer = await ask(request)
        if answer.isShortOfMoney, let tokens = await tightBound(),
            tokens < request.bounds.inputTokensBound
        {
            request.bounds.inputTokensBound = tokens
            answer = await reconsidered(answer, request)
        }
        switch answer {
        case .success(let admission): return (admission, request.bounds.inputTokensBound)
        case .failure(let refusal):
            throw APIError(refusal, in: caller.account.currency, to: arrival.endpoint)
        }
    }

    private func ask(_ request: AdmissionRequest) async -> Result<Admission, AdmissionRefusal> {
        do {
            return .success(try await services.desk.admit(request, at: services.now()))
        } catch {
            return .failure(error)
        }
    }

    /// The answer to a call for which too little money was there, by tighter bounds.
    private func reconsidered(
        _ answer: Result<Admission, AdmissionRefusal>,
        _ request: AdmissionRequest
    ) async -> Result<Admission, AdmissionRefusal> {
        switch answer {
        // Not asked for anew: what it holds might be another's by then.
        case .success(let admission): .success(services.desk.widened(admission, by: request))
        case .failure: await ask(request)
        }
    }
}
