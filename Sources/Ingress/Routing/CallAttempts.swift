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
            case .end(let refusal):
                return last ?? blocked(refusal)
            case .wait(let pause):
                await loop.sleep(for: pause)
                if let last, !mayGoOn(last) { return last }
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
        /// Nothing is left; the refusal says why, if nothing was tried.
        case end(UpstreamHealth.Refusal)
    }

    // Not in `run`, whose every `Instant` would be allocated: the compiler does not see their size.
    private func next(_ course: inout Course) -> Move {
        var entry: Result<UpstreamState.Permit, UpstreamHealth.Refusal> = .failure(.busy)
        let step = course.plan.next(at: loop.now, waitEnd: loop.now + course.patience) { route in
            entry = admitted.routes[route].state.enter(at: loop.now)
            if case .success = entry { return true }
            return false
        }
        switch (step, entry) {
        case (.attempt(let route), .success(let permit)):
            return .attempt(route, permit)
        case (.wait(let instant), _):
            let pause = instant - loop.now
            course.patience -= pause
            return .wait(pause)
        case (_, .failure(let refusal)):
            return .end(refusal)
        case (.end, .success):
            return .end(.busy)
        }
    }

    private func note(_ failure: AttemptFailure, of route: Int, in course: inout Course) {
        let again = failure.again(
            at: loop.now,
            attemptCount: course.plan.attemptCount,
            hasOtherKeys: admitted.routed.state.hasUsableKey(at: loop.now),
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
        let state = admitted.routed.state
        // The money is this call's only as long as the lease is this instance's.
        guard admitted.admission.hold.lease == nil || services.escrow.permitsAttempts else {
            state.leave(permit, .unknown, at: loop.now)
            return withoutLease
        }
        admitted.leftAt = loop.time
        admitted.progress = AnswerProgress()
        var permit = permit
        let response = await send(permit)
        if case .success(let response) = response,
            AttemptFailure(status: response.status, fields: response.fields) == nil
        {
            state.note(answerTo: &permit)
        }
        let answer = await relay(response)
        state.leave(permit, Self.end(of: answer, response), at: loop.now)
        return answer
    }

    private func send(
        _ permit: UpstreamState.Permit
    ) async -> Result<CurlResponse, CurlError> {
        let request = UpstreamRequest(
            admitted,
            key: admitted.routed.state.key(permit),
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
    private func blocked(_ refusal: UpstreamHealth.Refusal) -> RelayedAnswer {
        let name = admitted.routed.upstream.name
        let answer = RelayedAnswer(firstByteAt: nil)
        let error: APIError
        switch refusal {
        case .busy:
            answer.outcome = .upstreamRefused
            error = APIError(
                .rateLimited(limitedBy: "upstream", retryAfterSeconds: 1),
                "The upstream \"\(name)\" has as many calls as it may: retry soon."
            )
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
