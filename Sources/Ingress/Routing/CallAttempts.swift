import Billing
import Curl
import EventLoop
import Formats
import HTTPServer
import Ledger
import Schema

/// Sends an admitted call to its routes, one after the other, until one answers, none is left, or
/// something has reached the client.
///
/// Whatever happens, there is one answer, and the call pays for that alone.
struct CallAttempts {
    let services: GatewayServices
    let exchange: HTTPExchange
    let callLoop: CallLoop
    let admitted: AdmittedCall
    /// Takes an upstream's answer to the client, or says why there is none.
    let relay: (Result<CurlResponse, CurlError>) async -> RelayedAnswer

    private var limits: GatewayLimits { services.configuration.limits }
    private var loop: EventLoop { callLoop.loop }

    func run() async -> RelayedAnswer {
        var course = Course(
            plan: AttemptPlan(
                routeCount: admitted.routes.count,
                attemptsMax: limits.attemptsMax
            ),
            patience: limits.retryWait
        )
        var last: RelayedAnswer?
        while true {
            switch next(&course) {
            case .end(let block):
                return last ?? blocked(block)
            case .wait(let pause):
                await loop.sleep(for: pause)
                if let last, !mayGoOn(last) { return last }
                // Nothing has left yet, and nobody waits for it.
                if last == nil, exchange.isClientGone {
                    return blocked(Block(refusal: .limited(for: pause)))
                }
            case .attempt(let route, let permit):
                let answer = await attempt(route, permit, after: last)
                guard let failure = answer.failure, mayGoOn(answer) else { return answer }
                last = answer
                note(failure, of: route, in: &course)
            }
        }
    }

    /// What the attempts of one call have come to.
    private struct Course {
        var plan: AttemptPlan
        /// What is left for pauses.
        var patience: Duration
    }

    private enum Move {
        case attempt(_ route: Int, UpstreamState.Permit)
        case wait(Duration)
        /// Nothing is left.
        case end(Block)
    }

    /// Why nothing was tried: of all routes, the one that keeps a client waiting the least.
    private struct Block {
        var refusal = UpstreamHealth.Refusal.busy
        var route = 0
    }

    // Not in `run`, whose every `Instant` would be allocated: the compiler does not see their size.
    private func next(_ course: inout Course) -> Move {
        var given: UpstreamState.Permit?
        var block: Block?
        let step = course.plan.next(at: loop.now, waitEnd: loop.now + course.patience) { route in
            switch enter(route) {
            case .success(let permit):
                given = permit
                return .entered
            case .failure(let refusal):
                if block.map({ refusal.severity < $0.refusal.severity }) ?? true {
                    block = Block(refusal: refusal, route: route)
                }
                guard case .limited(let rest) = refusal else { return .closed }
                return .later(loop.now + rest)
            }
        }
        switch (step, given) {
        case (.attempt(let route), .some(let permit)):
            return .attempt(route, permit)
        case (.wait(let instant), _):
            let pause = instant - loop.now
            course.patience -= pause
            return .wait(pause)
        case (.end, _), (.attempt, .none):
            return .end(block ?? Block())
        }
    }

    private func enter(_ route: Int) -> Result<UpstreamState.Permit, UpstreamHealth.Refusal> {
        let routed = admitted.routes[route]
        return routed.state.enter(for: routed.upstreamModel, at: loop.now)
    }

    private func note(_ failure: AttemptFailure, of route: Int, in course: inout Course) {
        let again = failure.again(
            at: loop.now,
            attemptCount: course.plan.attemptCount,
            hasOtherKeys: admitted.routed.state.hasUsableKey(
                for: admitted.routed.upstreamModel,
                at: loop.now
            ),
            jitter: callLoop.identifiers.below(100)
        )
        course.plan.failed(route, again)
    }

    /// Whether another attempt could still bring the client anything.
    private func mayGoOn(_ answer: RelayedAnswer) -> Bool {
        answer.failure != nil && !exchange.hasBegun && !exchange.isClientGone
            && remaining > .zero
    }

    /// What is left of the call's time, which all its attempts share.
    private var remaining: Duration { limits.callDeadline - (loop.time - admitted.startedAt) }

    private func attempt(
        _ route: Int,
        _ permit: UpstreamState.Permit,
        after last: RelayedAnswer?
    ) async -> RelayedAnswer {
        if let failure = last?.failure {
            admitted.note(failure, at: loop.time)
            admitted.routed = admitted.routes[route]
            // Should this process die now, the event names the upstream that had the call last.
            await services.settlement.note(admitted, admitted.draft, callLoop)
        } else {
            admitted.routed = admitted.routes[route]
        }
        admitted.permit = permit
        // The money is this call's only as long as the lease is this instance's.
        guard admitted.admission.hold.lease == nil || services.escrow.permitsAttempts else {
            leave(.unknown)
            return withoutLease
        }
        admitted.leftAt = loop.time
        admitted.progress = AnswerProgress()
        let response = await send()
        if case .success(let response) = response, (200...299).contains(response.status) {
            admitted.routed.state.note(headOf: permit)
        }
        let answer = await relay(response)
        leave(Self.end(of: answer, response))
        return answer
    }

    private func leave(_ end: UpstreamHealth.End) {
        let routed = admitted.routed
        routed.state.leave(admitted.permit, end, for: routed.upstreamModel, at: loop.now)
    }

    private func send() async -> Result<CurlResponse, CurlError> {
        let request = UpstreamRequest(
            admitted,
            key: admitted.routed.state.key(admitted.permit),
            limits: limits,
            total: max(remaining, .milliseconds(1))
        )
        do {
            return .success(try await callLoop.curl.send(request.curlRequest))
        } catch {
            return .failure(error)
        }
    }

    /// What an attempt has shown of its upstream.
    private static func end(
        of answer: RelayedAnswer,
        _ response: Result<CurlResponse, CurlError>
    ) -> UpstreamHealth.End {
        if let failure = answer.failure { return .failed(failure) }
        if case .success = response { return .answered }
        return .unknown
    }

    // MARK: answers of our own

    /// No upstream of the model takes a call now.
    private func blocked(_ block: Block) -> RelayedAnswer {
        let name = admitted.routes[block.route].upstream.name
        let answer = RelayedAnswer(firstByteAt: nil)
        let error: APIError
        switch block.refusal {
        case .busy:
            answer.outcome = .upstreamRefused
            error = APIError(
                .rateLimited(limitedBy: "upstream", retryAfterSeconds: 1),
                "The upstream \"\(name)\" has as many calls as it may: retry soon."
            )
        case .limited(let rest):
            answer.outcome = .upstreamRefused
            error = APIError(upstream: name, limitedFor: rest)
        case .circuitOpen:
            error = APIError(
                .upstreamFailed,
                "The upstream \"\(name)\" has failed several times in a row and is left alone for"
                    + " a moment."
            )
        case .noKey:
            error = APIError(
                .upstreamFailed,
                "The upstream \"\(name)\" has refused the keys that Farebox has for it."
            )
        }
        answer.status = error.status
        answer.lastBytes = .refusal(error)
        answer.note(isClientGone: exchange.isClientGone)
        return answer
    }

    private var withoutLease: RelayedAnswer {
        let answer = RelayedAnswer(firstByteAt: nil)
        let error = APIError(
            .unavailable(retryAfterSeconds: 1),
            "This instance may not use the credit that it had set aside for the call any more."
        )
        answer.outcome = .interrupted
        answer.status = error.status
        answer.lastBytes = .refusal(error)
        return answer
    }
}

extension AdmittedCall {
    /// Notes an attempt that another will follow.
    fileprivate func note(_ failure: AttemptFailure, at now: LoopTime) {
        attempts.append(
            UpstreamAttempt(
                upstream: routed.upstream.name,
                upstreamModel: routed.upstreamModel,
                end: failure.end,
                status: failure.status,
                milliseconds: max(0, (now - leftAt).milliseconds)
            )
        )
    }
}
