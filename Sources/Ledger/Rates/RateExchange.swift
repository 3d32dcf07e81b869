import Schema

/// The key whose limits are counted.
package struct RateKey: Hashable, Sendable {
    package let account: AccountID
    package let key: KeyID

    package init(account: AccountID, key: KeyID) {
        (self.account, self.key) = (account, key)
    }
}

/// What an instance tells the database of its share in a key's limits, and asks for.
package struct RateRequest: Hashable, Sendable {
    package let instance: InstanceID
    package let epoch: Int64
    package let key: RateKey
    /// Grows with each request of an instance: of two that arrive in the wrong order the older one
    /// does nothing.
    package let sequence: Int64
    /// Its share as it is now, which may be lower than the database has it.
    package let held: RateAmounts
    /// How much more it wants.
    package let want: RateAmounts
}

package struct RateReply: Hashable, Sendable {
    /// What was added to the share: nothing of a kind that is used up.
    package let granted: RateAmounts
    /// The sum of all others' shares.
    package let elsewhere: RateAmounts

    /// Decides on a request: no share grows beyond what the others leave of the limits.
    package init(to request: RateRequest, limits: RateLimits, elsewhere: RateAmounts) {
        let free = (limits.ceiling - elsewhere - request.held).clampedToZero
        granted = request.want.clampedToZero.merged(free, min)
        self.elsewhere = elsewhere
    }
}

/// PostgreSQL's side, as the instances see it.
package protocol RateAuthority: Sendable {
    /// Sets a share and lets it grow.
    ///
    /// After an error whatever its code the database may have granted what was wanted, and a later
    /// request says what the instance knows of.
    func exchange(_ request: RateRequest) async throws(LedgerError) -> RateReply
}

/// Durations of the shares, the same in every instance: each counts on what the others do.
package struct RateSettings: Hashable, Sendable {
    /// How long a share is used after the heartbeat that renewed it was sent; at most the window.
    package var validity: Duration = .seconds(60)
    /// What is added for clocks that drift before a share is taken to be over.
    package var margin: Duration = .seconds(5)

    package var sweepInterval: Duration = .milliseconds(250)
    /// How old the others' figures get while calls come.
    package var refreshInterval: Duration = .seconds(1)
    /// How long a limit that is used up stays so, without asking.
    package var refusalMemory: Duration = .milliseconds(200)
    /// How long a call waits for another to end where the limit is on calls under way.
    package var runningPatience: Duration = .milliseconds(500)
    package var runningRetry: Duration = .milliseconds(50)
    package var backoffMin: Duration = .milliseconds(50)
    package var backoffMax: Duration = .seconds(1)
    /// What a refused call is told to wait where only other instances' calls are in its way.
    package var retryAfterOthers: Duration = .seconds(5)
    /// Calls of one key that wait at the same time.
    package var waitersMax = 4_096

    package init() {}

    /// When a silent instance's share is over: its last call and a window later.
    package var silenceMax: Duration { validity + RateWindow.length + margin }
    /// When the share of an instance that has ended is over.
    package var drainMax: Duration { RateWindow.length + margin }
}
