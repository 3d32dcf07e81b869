import Curl
import EventLoop
import Formats
import HTTPServer
import Schema

/// Passes an upstream's answer on to the client while it reads from it what was used.
///
/// The last bytes are withheld: the call is settled, durably, before they leave. When the client
/// goes, the upstream is read on within bounds, so that its exact usage is known, unless the
/// policy is to leave it too.
struct AnswerRelay {
    /// The largest error body that is read.
    private static let errorBytesMax = 1 << 20
    /// How long an upstream may keep its connection busy after a stream's end marker.
    private static let lingerAfterEnd = Duration.seconds(1)
    /// How often a running stream is noted where interrupted calls are measured.
    private static let noteInterval = Duration.seconds(1)

    let exchange: HTTPExchange
    let response: CurlResponse
    let admitted: AdmittedCall
    let loop: EventLoop
    let limits: GatewayLimits
    let policy: GatewayPolicy
    /// What keeps the hold ahead of the answer; nil where it covers all.
    let growingHold: GrowingHold?
    /// Dates what is said of rate limits.
    let now: @Sendable () -> Instant
    /// Notes what a running answer has come to, durably.
    let note: (RelayedAnswer) async -> Void

    private var upstream: String { admitted.routed.upstream.name }

    func run() async -> RelayedAnswer {
        let response = response
        let loop = loop
        let contentType = response.fields.first { $0.name == "content-type" }?.value ?? ""
        let isStream = contentType.hasPrefix("text/event-stream")
        // A call that names itself will be asked for again: its answer is read to the end.
        let isLeft = isStream && onDisconnect == .cancel && admitted.recording == nil
        let drain = isLeft ? .zero : limits.disconnectDrain
        exchange.onClientGone {
            loop.schedule(after: drain) { response.cancel() }
        }
        if !(200...299).contains(response.status) { return await refusal() }
        admitted.progress.firstByteAt = loop.time
        return isStream ? await stream() : await whole()
    }

    private var onDisconnect: GatewayPolicy.OnDisconnect {
        admitted.routed.upstream.onDisconnect ?? policy.onDisconnect
    }

    // MARK: an answer in one piece

    private func whole() async -> RelayedAnswer {
        let answer = RelayedAnswer(firstByteAt: loop.time)
        let body: [UInt8]
        do {
            guard let bytes = try await collect(bytesMax: limits.responseBytesMax) else {
                answer.fail(UpstreamFailure("sent too large an answer", upstream: upstream))
                return answer
            }
            body = bytes
        } catch {
            let failure = UpstreamFailure(error, upstream: upstream)
            answer.fail(failure)
            answer.note(isClientGone: exchange.isClientGone)
            answer.isAbandoned = failure.isCancelled
            return answer
        }
        let facts = admitted.facts
        let read = await scan(body) { body in
            UnaryResponse(
                endpoint: facts.endpoint,
                body: body,
                cacheWritesAsked: facts.cacheWrites
            )
        }
        guard read.isReadable else {
            answer.fail(UpstreamFailure("sent what is not an answer", upstream: upstream))
            return answer
        }
        if let error = read.error {
            answer.fail(UpstreamFailure("sent no answer: \(error.text)", upstream: upstream))
            answer.note(isClientGone: exchange.isClientGone)
            return answer
        }
        guard let shown = await translated(body) else {
            answer.fail(UpstreamFailure("sent what is not an answer", upstream: upstream))
            return answer
        }
        await take(read, of: body, into: answer)
        answer.lastBytes = .whole(status: response.status, fields: passedFields, body: shown)
        answer.note(isClientGone: exchange.isClientGone)
        return answer
    }

    /// Notes what a whole answer says of its usage, and counts what it does not say.
    private func take(
        _ read: UnaryResponse,
        of body: [UInt8],
        into answer: RelayedAnswer
    ) async {
        answer.report = read.usage
        answer.textBytes = read.textBytes
        // A whole answer is one piece at least, even where the model had nothing to say.
        answer.textEvents = read.hasFailed ? 0 : 1
        answer.isWhole = !read.hasFailed
        answer.status = response.status
        answer.outcome = .completed
        guard read.usage?.isFinal != true, let vocabulary = admitted.routed.vocabulary else {
            return
        }
        let endpoint = admitted.facts.endpoint
        answer.writtenTokens = await offLoop {
            UnaryResponse.writtenTokens(endpoint: endpoint, body: body, vocabulary: vocabulary)
        }
    }

    /// A whole answer in the client's format; nil when it is none.
    private func translated(_ body: [UInt8]) async -> [UInt8]? {
        guard let translated = admitted.routed.translated else { return body }
        let identity = admitted.answerIdentity
        return await scan(body) { translated.answer(from: $0, as: identity) }
    }

    private func refusal() async -> RelayedAnswer {
        let answer = RelayedAnswer(firstByteAt: loop.time)
        let body = (try? await collect(bytesMax: Self.errorBytesMax)) ?? []
        answer.outcome = .upstreamRefused
        answer.failure = AttemptFailure(
            status: response.status,
            fields: response.fields,
            body: body
        )
        answer.isWhole = answer.failure == nil
        answer.lastBytes = UpstreamFailure.refusal(
            status: response.status,
            fields: response.fields,
            body: body,
            upstream: upstream
        )
        if let translated = admitted.routed.translated,
            case .whole(let status, _, let body) = answer.lastBytes
        {
            answer.lastBytes = .whole(
                status: status,
                fields: [(name: "content-type", value: "application/json")],
                body: translated.refusal(from: body, requestID: admitted.arrival.requestID)
            )
        }
        answer.status = answer.lastBytes.status ?? response.status
        return answer
    }

    /// The whole body, or nil when it is larger than allowed.
    private func collect(bytesMax: Int) async throws(CurlError) -> [UInt8]? {
        var body: [UInt8] = []
        while let chunk = try await response.next() {
            if body.isEmpty { body = chunk } else { body += chunk }
            admitted.progress.bytes = Int64(body.count)
            guard body.count <= bytesMax else {
                response.cancel()
                return nil
            }
        }
        return body
    }

    // MARK: a stream

    private func stream() async -> RelayedAnswer {
        var relay = makeRelay()
        var withheld: [UInt8] = []
        let firstByteAt = loop.time
        let end = await pump(&relay, &withheld, firstByteAt)
        return await answer(relay, end, withheld, firstByteAt)
    }

    /// What a stream that has ended has come to.
    ///
    /// Not inlined, so that its memory is not the stream's all of its time.
    @inline(never)
    private func answer(
        _ relay: any StreamRelay,
        _ end: PumpEnd,
        _ withheld: [UInt8],
        _ firstByteAt: LoopTime
    ) async -> RelayedAnswer {
        var (relay, withheld) = (relay, withheld)
        if end.isWhole { relay.finish(into: &withheld) }
        let answer = answer(relay, firstByteAt)
        if admitted.routed.vocabulary != nil, relay.usage?.isFinal != true {
            answer.writtenTokens = await offLoop { [relay] in
                var relay = relay
                return relay.writtenTokens()
            }
        }
        if let report = relay.usage, report.isFinal { growingHold?.coverReport(report) }
        if case .cut = end {
            answer.outcome = .completed
            answer.isCut = true
            answer.isWhole = true
            answer.lastBytes = .lengthStop(relay)
        } else if let failure = end.failure ?? defect(of: relay, withheld) {
            answer.outcome = failure.outcome
            answer.failure = failure.attempt
            if exchange.hasBegun {
                let event = relay.breakOff(
                    with: failure.error,
                    requestID: admitted.arrival.requestID
                )
                answer.lastBytes = .rest(withheld + event)
            } else {
                if !exchange.isClientGone { answer.forgetUsage() }
                answer.fail(failure)
            }
        } else {
            answer.outcome = .completed
            answer.isWhole = true
            answer.lastBytes = .rest(withheld)
        }
        answer.note(isClientGone: exchange.isClientGone)
        answer.isAbandoned = end.failure?.isCancelled ?? false
        return answer
    }

    /// How the relaying of a stream ended.
    private enum PumpEnd {
        /// With the upstream's last byte.
        case whole
        case failed(UpstreamFailure)
        /// Where its hold ended, and the upstream was left.
        case cut

        var failure: UpstreamFailure? {
            if case .failed(let failure) = self { failure } else { nil }
        }

        var isWhole: Bool {
            if case .cut = self { false } else { true }
        }
    }

    /// What a stream has come to so far.
    private func answer(
        _ relay: any StreamRelay,
        _ firstByteAt: LoopTime
    ) -> RelayedAnswer {
        let answer = RelayedAnswer(firstByteAt: firstByteAt)
        answer.status = response.status
        answer.report = relay.usage
        answer.textBytes = relay.notices.textBytes
        answer.textEvents = relay.notices.textEvents
        return answer
    }

    private func makeRelay() -> any StreamRelay {
        guard let translated = admitted.routed.translated else {
            return admitted.facts.makeStreamRelay(counting: admitted.routed.vocabulary)
        }
        return translated.makeStreamRelay(
            as: admitted.answerIdentity,
            wantsUsage: admitted.call.facts.wantsStreamUsage,
            counting: admitted.routed.vocabulary
        )
    }

    /// Relays until the upstream's stream ends, or until its hold does.
    private func pump(
        _ relay: inout any StreamRelay,
        _ withheld: inout [UInt8],
        _ firstByteAt: LoopTime
    ) async -> PumpEnd {
        var noteAt = firstByteAt
        var linger: LoopTimer?
        defer { linger?.cancel() }
        do {
            while let chunk = try await response.next() {
                let passed: Passed
                do {
                    passed =
                        if let growingHold {
                            try await pass(chunk, through: &relay, within: growingHold)
                        } else {
                            try pass(chunk, through: &relay)
                        }
                } catch {
                    response.cancel()
                    return .failed(
                        UpstreamFailure("sent an event beyond all bounds", upstream: upstream)
                    )
                }
                if relay.hasTextToCount { await countText(of: &relay) }
                let notices = relay.notices
                admitted.progress.note(chunk.count, notices)
                if notices.textEvents > 0, !admitted.permit.hasContent { admitted.noteContent() }
                if notices.upstreamError != nil {
                    withheld += passed.output
                    response.cancel()
                    return .whole
                }
                if notices.hasTerminated {
                    withheld += passed.output
                    if linger == nil { linger = endSoon() }
                    continue
                }
                if write(passed.output) { try? await exchange.writable() }
                if passed.isCut {
                    response.cancel()
                    return .cut
                }
                let isDue = policy.interrupted == .measured && loop.time >= noteAt
                guard growingHold?.takeHasGrown() == true || isDue else { continue }
                noteAt = loop.time + Self.noteInterval
                await note(answer(relay, firstByteAt))
            }
            return .whole
        } catch {
            // A stated finish is an answer's end, whatever becomes of the connection behind it.
            return relay.notices.hasTerminated || relay.notices.hasFinished
                ? .whole : .failed(UpstreamFailure(error, upstream: upstream))
        }
    }

    @inline(never)
    private func countText(of relay: inout any StreamRelay) async {
        relay = await offLoop { [relay] in
            var relay = relay
            relay.countText()
            return relay
        }
    }

    private struct Passed {
        var output: [UInt8] = []
        /// Whether the rest is not paid for.
        var isCut = false
    }

    /// Takes bytes of the stream through the relay.
    private func pass(
        _ chunk: [UInt8],
        through relay: inout any StreamRelay
    ) throws(ServerSentEventError) -> Passed {
        var passed = Passed()
        passed.output.reserveCapacity(chunk.count)
        try relay.relay(chunk, into: &passed.output)
        return passed
    }

    /// The same as far as the hold covers what the bytes bring.
    private func pass(
        _ chunk: [UInt8],
        through relay: inout any StreamRelay,
        within growingHold: GrowingHold
    ) async throws(ServerSentEventError) -> Passed {
        var passed = Passed()
        passed.output.reserveCapacity(chunk.count)
        for start in stride(from: 0, to: chunk.count, by: GrowingHold.bytesAtOnce) {
            let before = (relay: relay, length: passed.output.count)
            let end = min(start + GrowingHold.bytesAtOnce, chunk.count)
            try relay.relay(Array(chunk[start..<end]), into: &passed.output)
            if relay.notices.hasTerminated { continue }
            let isCovered =
                if let known = growingHold.coversAtOnce(relay, mayGrow: !exchange.isClientGone) {
                    known
                } else {
                    await growingHold.coversInTheEnd(relay)
                }
            guard isCovered else {
                relay = before.relay
                passed.output.removeLast(passed.output.count - before.length)
                passed.isCut = true
                return passed
            }
        }
        return passed
    }

    /// Why a stream that came to its end is not a whole answer; nil when it is.
    private func defect(of relay: any StreamRelay, _ withheld: [UInt8]) -> UpstreamFailure? {
        let notices = relay.notices
        if let error = notices.upstreamError {
            return UpstreamFailure("failed in its stream: \(error.text)", upstream: upstream)
        }
        // Some upstreams end without [DONE]: a stated finish will do.
        guard notices.hasTerminated || notices.hasFinished else {
            return UpstreamFailure("broke its stream off", upstream: upstream)
        }
        // Of events that cannot be read a translation has nothing to pass on.
        if !exchange.hasBegun, !exchange.isClientGone, withheld.isEmpty {
            return UpstreamFailure("sent a stream without an answer", upstream: upstream)
        }
        return nil
    }

    /// Writes to the client, and says whether it is slow and is to be waited for.
    ///
    /// The first bytes begin its response. A client that has left is written to no more.
    private func write(_ output: [UInt8]) -> Bool {
        guard !output.isEmpty else { return false }
        admitted.recording?.append(output)
        guard !exchange.isClientGone else { return false }
        do {
            if !exchange.hasBegun {
                try exchange.begin(
                    status: response.status,
                    fields: admitted.streamFields(at: now())
                )
            }
            try exchange.write(output)
            return exchange.isAboveHighWater
        } catch {
            // Gone: from here on the upstream is drained.
            return false
        }
    }

    private func endSoon() -> LoopTimer {
        let response = response
        return loop.schedule(after: Self.lingerAfterEnd) { response.cancel() }
    }

    /// What of the upstream's response fields concerns the client.
    ///
    /// An allow-list: rate limits describe the operator's key, and cookies its session.
    private static let passedNames = [
        "content-type", "openai-processing-ms", "openai-version",
    ]

    private var passedFields: [(name: String, value: String)] {
        response.fields.filter { Self.passedNames.contains($0.name) }
    }
}
