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
        guard let admitted = await begin() else { return }
        await end(admitted, await forward(admitted))
    }

    // Two functions that are not inlined, so that what these phases keep across their awaits is in
    // nobody's memory while an answer streams for minutes: it was 7 KiB a stream.

    /// The phases up to `admit`; nil for a call that was refused or answered.
    @inline(never)
    private func begin() async -> AdmittedCall? {
        var recording: CallRecording?
        do {
            try accept()
            let caller = try authenticate()
            arrival.rates = CallRates(caller, services.limiter)
            let call = try await parse()
            switch try await claim(call, caller) {
            case .make(let claimed): recording = claimed
            case .replay(let answer):
                try await replay(answer)
                return nil
            }
            let routes = try await route(call, caller)
            return try await admit(call, caller, routes, recording)
        } catch {
            await recording?.release()
            refuse(error)
            return nil
        }
    }

    /// The phases behind `relay`.
    @inline(never)
    private func end(_ admitted: AdmittedCall, _ answer: RelayedAnswer) async {
        let reading = await meter(admitted, answer)
        await settle(admitted, reading)
        await deliver(answer, admitted, reading.usage)
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
            services: services
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

    /// A repeat costs nothing, and counts as a request of its key all the same.
    private func replay(_ answer: KeyedAnswer) async throws(APIError) {
        try await arrival.rates?.admit(
            tokens: 0,
            waitMax: services.configuration.limits.creditWait
        )
        arrival.rates?.settle(tokens: 0)
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
    ) async throws(APIError) -> CallRoutes {
        let router = Router(
            services: services,
            arrival: arrival,
            call: call,
            caller: caller,
            random: callLoop.identifiers
        )
        if let routes = try router.untranslatedRoutes() { return routes }
        return try await router.routes()
    }

    // MARK: quote and admit

    private func admit(
        _ call: ParsedCall,
        _ caller: Caller,
        _ routes: CallRoutes,
        _ recording: CallRecording?
    ) async throws(APIError) -> AdmittedCall {
        let admission = try await CallAdmission(services, arrival, call, caller, routes).run()
        if let recording, !recording.isHeld(for: services.configuration.limits.callDeadline) {
            release(admission)
            throw APIError(
                .unavailable(retryAfterSeconds: 1),
                "The call's Idempotency-Key may be another instance's by now."
            )
        }
        let admitted = AdmittedCall(
            arrival: arrival,
            caller: caller,
            call: call,
            routes: routes,
            admission: admission,
            event: callLoop.identifiers.next(at: admission.admittedAt),
            admittedAt: admission.admittedAt,
            startedAt: callLoop.loop.time
        )
        admitted.recording = recording
        do {
            try await services.settlement.enter(admitted, callLoop)
        } catch {
            release(admission)
            throw APIError(
                .unavailable(retryAfterSeconds: 1),
                "The journal of this instance cannot be written."
            )
        }
        callLoop.running.begin(admitted)
        services.metrics.admitted(isStreamed: call.facts.isStreamed)
        return admitted
    }

    private func release(_ admission: Admission) {
        services.desk.release(admission)
        arrival.rates?.release()
    }

    // MARK: forward

    /// Tries the routes until one has answered; see `CallAttempts`.
    private func forward(_ admitted: AdmittedCall) async -> RelayedAnswer {
        await CallAttempts(
            services: services,
            exchange: exchange,
            callLoop: callLoop,
            admitted: admitted,
            relay: { response in await relay(admitted, response) }
        ).run()
    }

    // MARK: relay

    private func relay(
        _ admitted: AdmittedCall,
        _ response: Result<CurlResponse, CurlError>
    ) async -> RelayedAnswer {
        switch response {
        case .failure(let error):
            let answer = RelayedAnswer(firstByteAt: nil)
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
                now: services.now,
                note: { answer in
                    let isMeasured = services.configuration.policy.interrupted == .measured
                    let usage = isMeasured ? read(admitted, answer).usage : admitted.draft
                    await services.settlement.note(admitted, usage, callLoop)
                }
            )
            return await relay.run()
        }
    }

    // MARK: meter

    private func meter(_ admitted: AdmittedCall, _ answer: RelayedAnswer) async -> Meter.Reading {
        read(admitted, answer, await promptTokens(admitted, answer))
    }

    private func read(
        _ admitted: AdmittedCall,
        _ answer: RelayedAnswer,
        _ promptTokens: Int64? = nil
    ) -> Meter.Reading {
        Meter(
            policy: services.configuration.policy.missingUsage,
            upstreamTerms: services.desk.snapshot.costTerms(
                upstream: admitted.routed.upstream.name,
                model: admitted.routed.upstreamModel,
                preferring: admitted.caller.account.currency,
                at: admitted.admittedAt
            )
        ).read(admitted, answer, promptTokens: promptTokens, settledAt: callLoop.loop.time)
    }

    /// The prompt's tokens where they are to be counted here.
    private func promptTokens(_ admitted: AdmittedCall, _ answer: RelayedAnswer) async -> Int64? {
        guard answer.writtenTokens != nil, answer.report?.isInputKnown != true,
            let vocabulary = admitted.routed.vocabulary
        else { return nil }
        return await PromptTokens.count(admitted.sent, vocabulary)
    }

    // MARK: settle

    /// Durable before the client gets its last byte.
    private func settle(_ admitted: AdmittedCall, _ reading: Meter.Reading) async {
        let usage = reading.usage
        await services.settlement.settle(admitted, usage, callLoop)
        callLoop.running.end(admitted)
        arrival.rates?.settle(tokens: usage.tokens.inputTotal + usage.tokens.outputTotal)
        services.metrics.settled(usage, anomalies: reading.anomalies)
        callLoop.log(admitted, reading)
    }

    private func deliver(
        _ answer: RelayedAnswer,
        _ admitted: AdmittedCall,
        _ usage: Usage
    ) async {
        let delivery = Delivery(exchange: exchange, admitted: admitted, now: services.now()) {
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
            isWhole: answer.isWhole,
            charge: usage.charge
        )
        delivery.send(closing)
    }

    private func refuse(_ error: APIError) {
        services.metrics.refused(error)
        callLoop.log(arrival, error)
        exchange.refuse(error, arrival, at: services.now())
    }
}
