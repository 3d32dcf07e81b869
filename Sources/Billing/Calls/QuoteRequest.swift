import Schema

/// What bounds the cost of a call, as far as the request and the configuration say.
package struct QuoteRequest: Hashable, Sendable {
    /// Which cache writes the call can cause.
    package enum CacheWrites: Comparable, Hashable, Sendable {
        /// The upstream writes only when asked, and was not.
        case none
        /// Up to the short time to live; also where the upstream writes of its own accord.
        case short
        /// Up to the long time to live.
        case long
    }

    /// An upper bound of the prompt in tokens.
    package var inputTokensBound: Int64
    /// The context window by configuration; nil to take the price file's.
    package var contextTokensMax: Int64?
    /// The client's own output cap; nil when it sent none.
    package var outputTokensAsked: Int64?
    /// The model's output limit by configuration; nil to take the price file's.
    package var outputTokensMax: Int64?
    /// Below this the call makes no sense: a thinking budget and one, else zero.
    package var outputTokensFloor: Int64 = 0
    /// The policy's least output worth having.
    package var minimumOutputTokens: Int64 = 256
    /// Answers asked for (`n`), each with the whole cap.
    package var choices: Int64 = 1
    package var cacheWrites: CacheWrites = .short
    package var hasImages = false
    package var hasAudio = false
    /// Whether the answer may be spoken.
    package var wantsAudio = false
    /// The service tiers that the upstream may serve and report.
    package var serviceTiers: [ServiceTier] = [.standard]
    /// The most web searches that the upstream may make.
    package var webSearchesMax: Int64 = 0

    package init(inputTokensBound: Int64, outputTokensAsked: Int64? = nil) {
        self.inputTokensBound = inputTokensBound
        self.outputTokensAsked = outputTokensAsked
    }

    /// The tier that the client asked for, which an upstream may also lower to the standard one.
    package mutating func ask(for tier: ServiceTier) {
        serviceTiers = tier == .standard ? [.standard] : [tier, .standard]
    }

    /// Raises every bound to that of another form of the same call, so that it holds for both.
    package mutating func cover(_ other: QuoteRequest) {
        inputTokensBound = max(inputTokensBound, other.inputTokensBound)
        if let asked = outputTokensAsked, let more = other.outputTokensAsked {
            outputTokensAsked = max(asked, more)
        } else {
            outputTokensAsked = nil
        }
        outputTokensFloor = max(outputTokensFloor, other.outputTokensFloor)
        choices = max(choices, other.choices)
        cacheWrites = max(cacheWrites, other.cacheWrites)
        hasImages = hasImages || other.hasImages
        hasAudio = hasAudio || other.hasAudio
        wantsAudio = wantsAudio || other.wantsAudio
        serviceTiers += other.serviceTiers.filter { !serviceTiers.contains($0) }
        webSearchesMax = max(webSearchesMax, other.webSearchesMax)
    }

    /// The most tokens that the call can come to with this output cap.
    package func tokensBound(outputCap: Int64) -> Int64 {
        let prompt = min(inputTokensBound, contextTokensMax ?? inputTokensBound)
        let (output, isTooMuch) = outputCap.multipliedReportingOverflow(by: choices)
        if isTooMuch { return .max }
        let (sum, overflows) = prompt.addingReportingOverflow(output)
        return overflows ? .max : sum
    }

    /// The least cap that the call may be lowered to, as far as the request says.
    package var outputTokensLeast: Int64 {
        let known = [outputTokensAsked, outputTokensMax].compactMap(\.self).min()
        return max(outputTokensFloor, min(minimumOutputTokens, known ?? minimumOutputTokens))
    }

    /// As few tokens as the call could be admitted with.
    package var tokensLeast: Int64 { tokensBound(outputCap: outputTokensLeast) }

    /// Lowers the output cap to what `tokensMax` leaves for each answer, if that is of use.
    package mutating func lowerCap(toFit tokensMax: Int64) {
        let room = (tokensMax - tokensBound(outputCap: 0)) / max(choices, 1)
        guard room >= outputTokensLeast else { return }
        outputTokensAsked = min(outputTokensAsked ?? room, room)
    }

    /// The classes that the prompt's tokens can be reported in.
    var inputClasses: [TokenClass] {
        var classes: [TokenClass] = []
        classes.reserveCapacity(6)
        classes += [.input, .cacheRead]
        if cacheWrites != .none { classes.append(.cacheWriteShort) }
        if cacheWrites == .long { classes.append(.cacheWriteLong) }
        if hasImages { classes.append(.imageInput) }
        if hasAudio { classes.append(.audioInput) }
        return classes
    }

    var outputClasses: [TokenClass] { wantsAudio ? [.output, .audioOutput] : [.output] }
}

/// Why no bound of a call's cost can be given.
package enum QuoteRefusal: Error, Hashable, Sendable, CustomStringConvertible {
    /// Neither the request, the configuration nor the price file limits the answer.
    case noOutputLimit(model: String)
    /// A count below zero, or beyond any model.
    case countOutOfRange(String)
    /// The bound exceeds `Pico.chargeMax`.
    case beyondLargestCharge
    /// The key or the model may not answer with as much as the request makes no sense without.
    case capBelowFloor(cap: Int64, floor: Int64)

    package var description: String {
        switch self {
        case .noOutputLimit(let model):
            "“\(model)” has no known output limit: send an output cap with the request"
        case .countOutOfRange(let name): "\(name) is out of range"
        case .beyondLargestCharge: "the request could cost more than any single call may"
        case .capBelowFloor(let cap, let floor):
            "the answer may have \(cap) tokens at most here, and this request needs \(floor)"
        }
    }
}
