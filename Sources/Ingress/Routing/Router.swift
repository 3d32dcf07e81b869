import Billing
import Formats
import Ledger
import Schema

/// Finds the routes of a call, and the order in which they are tried.
struct Router {
    let services: GatewayServices
    let arrival: Arrival
    let call: ParsedCall
    let caller: Caller
    let random: IdentifierSource

    /// The routes of a call that leaves in the client's own format whichever it takes; nil where it
    /// may have to be translated.
    ///
    /// Apart from `routes`, because nothing is waited for here: what an asynchronous function needs
    /// memory for stays with the call as long as its answer streams.
    ///
    /// - Throws: 404 or 403 for the model.
    func untranslatedRoutes() throws(APIError) -> CallRoutes? {
        let (offered, name) = try model()
        if offered.routes.count == 1 {
            return untranslated(offered.routes[0], offered, name).map {
                CallRoutes(model: name, first: $0, others: [])
            }
        }
        let found = order(offered, name).compactMap {
            untranslated(offered.routes[$0], offered, name)
        }
        guard found.count == offered.routes.count else { return nil }
        return CallRoutes(model: name, first: found[0], others: Array(found.dropFirst()))
    }

    private func untranslated(
        _ route: ModelRoute,
        _ offered: OfferedModel,
        _ name: String
    ) -> RoutedCall? {
        guard let state = services.upstreams[route.upstream],
            state.upstream.speaks(arrival.endpoint)
        else { return nil }
        return routed(route, offered, name, state, translated: nil)
    }

    /// - Throws: 404 or 403 for the model, and the 400 that says why no route can carry the call.
    func routes() async throws(APIError) -> CallRoutes {
        let (offered, name) = try model()
        var translations = Translations()
        var fault: APIError?
        var candidates: [RoutedCall] = []
        for index in order(offered, name) {
            switch await candidate(offered.routes[index], offered, name, &translations) {
            case .success(let candidate): candidates.append(candidate)
            // What one format cannot carry, another may.
            case .failure(let error): fault = fault ?? error
            }
        }
        guard let first = candidates.first else { throw fault ?? notServed }
        return CallRoutes(model: name, first: first, others: Array(candidates.dropFirst()))
    }

    private func model() throws(APIError) -> (offered: OfferedModel, name: String) {
        let asked = call.facts.model
        guard let (offered, name) = services.configuration.models.find(asked) else {
            throw APIError(.modelNotFound, "The model \"\(asked)\" does not exist here.")
        }
        guard caller.mayUse(name) else {
            throw APIError(.permissionDenied, "This API key may not use the model \"\(asked)\".")
        }
        return (offered, name)
    }

    private func candidate(
        _ route: ModelRoute,
        _ offered: OfferedModel,
        _ name: String,
        _ translations: inout Translations
    ) async -> Result<RoutedCall, APIError> {
        guard let state = services.upstreams[route.upstream] else { return .failure(notServed) }
        switch await translate(offered, name, state.upstream, &translations) {
        case .success(let call):
            return .success(routed(route, offered, name, state, translated: call))
        case .failure(let error): return .failure(error)
        }
    }

    private func routed(
        _ route: ModelRoute,
        _ offered: OfferedModel,
        _ name: String,
        _ state: UpstreamState,
        translated: TranslatedCall?
    ) -> RoutedCall {
        let upstreamModel = route.upstreamModel ?? name
        let vocabulary = services.vocabularies.vocabulary(
            offered,
            route,
            upstreamModel: upstreamModel
        )
        return RoutedCall(
            offered: offered,
            state: state,
            upstreamModel: upstreamModel,
            vocabulary: services.configuration.policy.missingUsage == .count ? vocabulary : nil,
            promptVocabulary: vocabulary,
            translated: translated
        )
    }

    // MARK: order

    private func order(_ offered: OfferedModel, _ name: String) -> [Int] {
        let costs = offered.strategy == .cheapest ? costs(offered, name) : []
        let candidates = offered.routes.enumerated().map { place, route in
            RouteOrder.Candidate(
                priority: route.priority,
                weight: route.weight,
                cost: costs.isEmpty ? nil : costs[place],
                inFlight: services.upstreams[route.upstream]?.inFlight ?? 0
            )
        }
        var random = random
        return RouteOrder.order(candidates, by: offered.strategy, random: &random)
    }

    /// What the call is likely to cost the operator on each route.
    private func costs(_ offered: OfferedModel, _ name: String) -> [Pico?] {
        let (currency, now) = (caller.account.currency, services.now())
        let terms = offered.routes.map { route in
            services.desk.snapshot.costTerms(
                upstream: route.upstream,
                model: route.upstreamModel ?? name,
                preferring: currency,
                at: now
            )
        }
        return RouteCosts(of: call.facts).costs(terms, preferring: currency)
    }

    // MARK: translation

    /// The translations of one call, each made once however many routes share its format.
    private struct Translations {
        var made: [(format: APIFormat, hasResponses: Bool, call: TranslatedCall)] = []
    }

    /// The call in the upstream's format; nil where that is the client's own.
    private func translate(
        _ offered: OfferedModel,
        _ name: String,
        _ upstream: Upstream,
        _ translations: inout Translations
    ) async -> Result<TranslatedCall?, APIError> {
        if upstream.speaks(arrival.endpoint) { return .success(nil) }
        let made = translations.made.first {
            $0.format == upstream.format && $0.hasResponses == upstream.hasResponses
        }
        if let made { return .success(made.call) }
        let translation = Translation.between(
            arrival.endpoint,
            upstream.format,
            hasResponses: upstream.hasResponses
        )
        guard let translation else { return .failure(notServed) }
        let terms = services.desk.snapshot.terms(
            model: name,
            currency: caller.account.currency,
            plan: caller.account.plan,
            at: services.now()
        )
        let outputCap = offered.outputTokensMax ?? terms?.outputTokensMax
        let translated = await scan(call.body) { body in
            Result { () throws(RequestFault) in
                try translation.call(from: body, outputCap: outputCap)
            }
        }
        switch translated {
        case .success(let call):
            translations.made.append((upstream.format, upstream.hasResponses, call))
            return .success(call)
        case .failure(let fault): return .failure(APIError(fault))
        }
    }

    private var notServed: APIError {
        APIError(
            .invalidRequest(code: "unsupported_endpoint", parameter: "model"),
            "The model \"\(call.facts.model)\" is not served on this endpoint."
        )
    }
}
