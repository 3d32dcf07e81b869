/// How a provider that fails to make a page is asked again while somebody waits for it.
struct PageRetry {
    private static let countMax = 4

    /// Which attempt is made: the same again where it may go better, another where it will not.
    private(set) var attempt = 1
    private var count = 1
    private var pause = Duration.milliseconds(250)
    private let deadline: ContinuousClock.Instant

    init(until deadline: ContinuousClock.Instant) {
        self.deadline = deadline
    }

    /// How long to wait before the provider is asked again; nil for not at all.
    mutating func pause(
        after error: PaymentError,
        at now: ContinuousClock.Instant
    ) -> Duration? {
        guard error.isRetrySafe, count < Self.countMax, now + pause < deadline else { return nil }
        if error.code == .failed { attempt += 1 }
        count += 1
        defer { pause *= 2 }
        return pause
    }
}
