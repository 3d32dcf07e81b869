import Billing
import Curl
import EventLoop
import Formats
import HTTPServer
import Ledger
import Schema

/// The life of a call, phase by phase.
///
/// accept → authenticate → parse → claim → route → quote → admit → forward → relay → meter → settle.
///
/// Up to `admit` a call can be refused and nothing has happened. From then on it ends in exactly
/// one usage event, and no phase throws.
struct CallLife {
    let services: GatewayServices
    let arrival: Arrival
    let exchange: HTTPExchange
    let callLoop: CallLoop

    init(
        _ services: GatewayServices,
        _ arrival: Arrival,
        _ exchange: HTTPExchange,
        _ callLoop: CallLoop
    ) {
        self.services = services
        self.arrival = arrival
        self.exchange = exchange
        self.callLoop = callLoop
    }

    func run() async {
        let admitted: AdmittedCall
        var recording: CallRecording?
        do {
            try accept()
            let caller = try authenticate()
            let call = try await parse()
            switch try await claim(call, caller) {
            case .make(let claimed): recording = claimed
            case .replay(let answer): return replay(answer)
            }
            let routed = try await route(call, caller)
            let quoteRequest = quote(call, caller, routed)
            admitted = try await admit(call, caller, routed, quoteRequest)
            admitted.recording = recording
        } catch {
            await recording?.release()
            refuse(error)
            return
        }
        let answer = await relay(admitted, await forward(admitted))
        let usage = await meter(admitted, answer)
        await settle(admitted, usage)
        await deliver(answer, admitted, usage)
    }

    // MARK: accept

    /// A draining or unsafe instance takes no new call.
    private func accept() throws(APIError) {
        if let reason = services.readiness.reasonNotToAdmit {
            throw APIError(
                .unavailable(retryAfterSeconds: 1),
                "Farebox cannot admit calls: \(reason)."
            )
        }
    }

    // MARK: authenticate

    private func authenticate() throws(APIError) -> Caller {
        try Caller.authenticate(
            arrival.request,
            format: arrival.format,
            directory: services.snapshots.directory,
            now: services.now()
        )
    }

    // MARK: parse

    private func parse() async throws(APIError) -> ParsedCall {
        let limit = services.configuration.limits.bodyBytesMax
        let body: [UInt8]
        do {
            body = try await exchange.readBody(bytesMax: limit)
        } catch {
            throw APIError(error, bodyBytesMax: limit)
        }
        let endpoint = arrival.endpoint
        return try await ParsedCall.reading(body) { body throws(RequestFault) in
            try CallFacts(endpoint: endpoint, body: body)
        }
    }

    // MARK: claim

    /// A call with an `Idempotency-Key` is made once.
    private func claim(
        _ call: ParsedCall,
        _ caller: Caller
    ) async throws(APIError) -> CallRecording.Claim {
        try await CallRecording.claim(arrival, caller, call.body, services.keyed)
    }

    private func replay(_ answer: KeyedAnswer) {
        services.metrics.replayed()
        callLoop.log(replayed: arrival, status: answer.status)
        do {
            try exchange.respond(
                status: answer.status,
                fields: HTTPFields(answer.fields.map { ($0.name, $0.value) }),
                body: answer.body
            )
        } catch {
            // The client left before its answer, which is kept.
        }
    }

    // MARK: route

    private func route(
        _ call: ParsedCall,
        _ caller: Caller
    ) async throws(APIError) -> RoutedCall {
        let model = call.facts.model
        guard let route = services.configuration.route(model) else {
            throw APIError(.modelNotFound, "The model \"\(model)\" does not exist here.")
        }
        guard caller.mayUse(model) else {
            throw APIError(.permissionDenied, "This API key may not use the model \"\(model)\".")
        }
        guard let upstream = services.configuration.upstreams[route.upstream] else {
            throw notServed(model)
        }
        let upstreamModel = route.upstreamModel ?? model
        let isCounted = services.configuration.policy.missingUsage == .count
        return RoutedCall(
            route: route,
            upstream: upstream,
            upstreamModel: upstreamModel,
            vocabulary: isCounted
                ? services.vocabularies.vocabulary(route, upstreamModel: upstreamModel) : nil,
            translated: try await translate(call, caller, route, upstream)
        )
    }

    /// The call in the upstream's format; nil where that is the client's own.
    private func translate(
        _ call: ParsedCall,
        _ caller: Caller,
        _ route: ModelRoute,
        _ upstream: Upstream
    ) async throws(APIError) -> TranslatedCall? {
        if upstream.speaks(arrival.endpoint) { return nil }
        let translation = Translation.between(
            arrival.endpoint,
            upstream.format,
            hasResponses: upstream.hasResponses
        )
        guard let translation else { throw notServed(call.facts.model) }
        let terms = services.desk.snapshot.terms(
            model: call.facts.model,
            currency: caller.account.currency,
            plan: caller.account.plan,
            at: services.now()
        )
        let outputCap = route.outputTokensMax ?? terms?.outputTokensMax
        let translated = await scan(call.body) { body in
            Result { () throws(RequestFault) in
                try translation.call(from: body, outputCap: outputCap)
            }
        }
        do {
            return try translated.get()
        } catch {
            throw APIError(error)
        }
    }

    private func notServed(_ model: String) -> APIError {
        APIError(
            .invalidRequest(code: "unsupported_endpoint", parameter: "model"),
            "The model \"\(model)\" is not served on this endpoint."
        )
    }

    // MARK: quote

    private func quote(
        _ call: ParsedCall,
        _ caller: Caller,
        _ routed: RoutedCall
    ) -> QuoteRequest {
        let facts = routed.translated?.facts ?? call.facts
        var request = QuoteRequest(
            inputTokensBound: facts.inputTokensBound,
            outputTokensAsked: facts.outputCap
        )
        request.contextTokensMax = routed.route.contextTokensMax
        request.outputTokensMax = routed.route.outputTokensMax
        request.outputTokensFloor = facts.outputCapFloor
        request.minimumOutputTokens = services.configuration.policy.minimumOutputTokens
        request.choices = facts.choices
        request.hasImages = facts.imageCount > 0
        request.cacheWrites = QuoteRequest.CacheWrites(facts.cacheWrites)
        if let tier = facts.serviceTier { request.ask(for: tier) }
        if let most = caller.key.outputTokensMax {
            request.outputTokensAsked = min(facts.outputCap ?? most, most)
        }
        return request
    }

    // MARK: admit

    private func admit(
        _ call: ParsedCall,
        _ caller: Caller,
        _ routed: RoutedCall,
        _ quoteRequest: QuoteRequest
    ) async throws(APIError) -> AdmittedCall {
        let admission: Admission
        do {
            admission = try await services.desk.admit(
                AdmissionRequest(
                    account: caller.account.id,
                    currency: caller.account.currency,
                    plan: caller.account.plan,
                    model: call.facts.model,
                    bounds: quoteRequest,
                    shortCredit: services.configuration.policy.shortCredit,
                    waitMax: services.configuration.limits.creditWait,
                    caps: caller.key.caps,
                    sliceTokens: sliceTokens(call, routed)
                ),
                at: services.now()
            )
        } catch {
            throw APIError(error, in: caller.account.currency)
        }
        let admitted = AdmittedCall(
            arrival: arrival,
            caller: caller,
            call: call,
            routed: routed,
            admission: admission,
            event: callLoop.identifiers.next(at: admission.admittedAt),
            admittedAt: admission.admittedAt,
            startedAt: callLoop.loop.now
        )
        do {
            try await services.settlement.enter(admitted, callLoop)
        } catch {
            services.desk.release(admission)
            throw APIError(
                .unavailable(retryAfterSeconds: 1),
                "The journal of this instance cannot be written."
            )
        }
        services.metrics.admitted(isStreamed: call.facts.isStreamed)
        return admitted
    }

    /// How much output is held at a time; nil where all is held at once: for an answer in one
    /// piece, and for a stream that cannot be ended before its time.
    private func sliceTokens(_ call: ParsedCall, _ routed: RoutedCall) -> Int64? {
        let facts = routed.translated?.facts ?? call.facts
        guard call.facts.isStreamed, facts.endpoint != .responses else { return nil }
        return routed.route.holdSliceTokens
    }

    // MARK: forward

    private func forward(_ admitted: AdmittedCall) async -> Result<CurlResponse, CurlError> {
        let request = UpstreamRequest(admitted, limits: services.configuration.limits)
        do {
            return .success(try await callLoop.curl.send(request.curlRequest))
        } catch {
            return .failure(error)
        }
    }

    // MARK: relay

    private func relay(
        _ admitted: AdmittedCall,
        _ response: Result<CurlResponse, CurlError>
    ) async -> RelayedAnswer {
        switch response {
        case .failure(let error):
            var answer = RelayedAnswer(firstByteAt: nil)
            answer.fail(UpstreamFailure(error, upstream: admitted.routed.upstream.name))
            answer.note(isClientGone: exchange.isClientGone)
            return answer
        case .success(let response):
            let relay = AnswerRelay(
                exchange: exchange,
                response: response,
                admitted: admitted,
                loop: callLoop.loop,
                limits: services.configuration.limits,
                policy: services.configuration.policy,
                growingHold: GrowingHold(admitted, services.desk, callLoop.loop),
                note: { answer in
                    let isMeasured = services.configuration.policy.interrupted == .measured
                    let usage = isMeasured ? usage(admitted, answer) : admitted.draft
                    await services.settlement.note(admitted, usage, callLoop)
                }
            )
            return await relay.run()
        }
    }

    // MARK: meter

    private func meter(_ admitted: AdmittedCall, _ answer: RelayedAnswer) async -> Usage {
        usage(admitted, answer, await promptTokens(admitted, answer))
    }

    private func usage(
        _ admitted: AdmittedCall,
        _ answer: RelayedAnswer,
        _ promptTokens: Int64? = nil
    ) -> Usage {
        Meter(
            policy: services.configuration.policy.missingUsage,
            upstreamTerms: services.desk.snapshot.terms(
                model: admitted.routed.upstreamModel,
                currency: admitted.caller.account.currency,
                at: admitted.admittedAt
            )
        ).usage(admitted, answer, promptTokens: promptTokens, settledAt: ContinuousClock.now)
    }

    /// The prompt's tokens where they are to be counted here.
    private func promptTokens(_ admitted: AdmittedCall, _ answer: RelayedAnswer) async -> Int64? {
        guard answer.writtenTokens != nil, let vocabulary = admitted.routed.vocabulary else {
            return nil
        }
        return await PromptTokens.count(admitted.sent, vocabulary)
    }

    // MARK: settle

    /// Durable before the client gets its last byte.
    private func settle(_ admitted: AdmittedCall, _ usage: Usage) async {
        await services.settlement.settle(admitted, usage, callLoop)
        services.metrics.settled(usage)
        callLoop.log(admitted, usage)
    }

    private func deliver(
        _ answer: RelayedAnswer,
        _ admitted: AdmittedCall,
        _ usage: Usage
    ) async {
        let delivery = Delivery(exchange: exchange, admitted: admitted) {
            services.escrow.balance(admitted.caller.account.id)
        }
        guard let recording = admitted.recording else {
            return delivery.send(answer.lastBytes, charged: usage)
        }
        // Kept before the client has it, so that it finds no call running that it saw end.
        let closing = delivery.closing(answer.lastBytes, charged: usage)
        await recording.end(
            status: closing.status,
            fields: closing.fields,
            lastBytes: closing.bytes,
            charge: usage.charge
        )
        delivery.send(closing)
    }

    private func refuse(_ error: APIError) {
        services.metrics.refused(error)
        callLoop.log(arrival, error)
        exchange.refuse(error, arrival.format, requestID: arrival.requestID)
    }
}
