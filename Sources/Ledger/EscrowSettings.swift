/// Every duration and size of the escrow, with the defaults that `farebox serve` uses.
package struct EscrowSettings: Hashable, Sendable {
    // Validity: how long a silent instance may go on admitting, and when its money is released.

    /// How long leases are valid after the heartbeat that renewed them was sent.
    package var validity: Duration = .seconds(600)
    /// The hard end of a call after its admission.
    package var callDeadline: Duration = .seconds(600)
    /// What is added for clocks that drift before a silent instance's leases are released.
    package var margin: Duration = .seconds(60)
    package var heartbeatInterval: Duration = .seconds(2)
    /// Without a heartbeat for this long an instance is no longer taken to be alive.
    package var heartbeatSilenceMax: Duration = .seconds(15)
    /// How often an instance looks for leases that others have lost.
    package var lostLeaseInterval: Duration = .seconds(15)
    /// How long the database must have heard an instance without a break before that one may close
    /// leases as lost.
    ///
    /// After an outage every instance was silent. Whoever lives is heard again within this: the
    /// names of several servers that drop packets take a connection 19 s.
    package var hearingMin: Duration = .seconds(60)
    /// Between two heartbeats longer than this lies a break.
    package var hearingBreak: Duration = .seconds(6)

    /// Whether a standby that is promoted may lack commits.
    package enum Standby: String, CaseIterable, Sendable {
        /// It may: the database then leases nothing new until leases that it may not know have run
        /// out.
        case asynchronous
        /// It has everything that was acknowledged: the database goes on leasing at once.
        case synchronous
    }

    package var standby = Standby.asynchronous

    // Idle credit: it is back in the free balance within 5 s.

    package var sweepInterval: Duration = .seconds(1)
    /// Credit that no hold touched for this long is idle.
    package var idleAfter: Duration = .seconds(3)
    /// A busy lease gives small idle parts back at most this often, large ones at once.
    package var giveBackInterval: Duration = .seconds(5)

    // Lease sizes.

    /// The least time between two acquires of one account.
    package var acquireInterval: Duration = .milliseconds(10)
    /// Acquires closer to each other than this double what the next one asks for.
    package var growthInterval: Duration = .seconds(1)
    /// No more than one part in so many of the free credit is leased ahead of need.
    package var freeCreditDivisor: Int128 = 4

    // Waiting.

    /// How long a hold waits for the database and for running calls when its caller doesn't say.
    package var holdWaitMax: Duration = .seconds(2)
    /// How often waiting holds ask the database again after a refusal.
    package var waiterRetryInterval: Duration = .milliseconds(200)
    /// What a refused caller is told to wait while its money is tied up.
    package var retryAfter: Duration = .seconds(1)
    /// Holds waiting for one account at the same time; the next is refused as tied up.
    package var waitersMax = 4_096
    /// How many later holds may pass the first waiting one that credit cannot cover yet.
    package var passesMax = 8

    // Recall: instances make room for each other.

    /// The least time between two recalls of one account, doubled for each that follows closely.
    package var recallPauseMin: Duration = .milliseconds(50)
    package var recallPauseMax: Duration = .seconds(1)
    /// How soon the database is asked again after a recall, doubled up to `waiterRetryInterval`.
    package var recallRetryMin: Duration = .milliseconds(5)
    /// How long a hold waits for what was recalled before it is cut to what is there.
    package var recallPatience: Duration = .milliseconds(50)
    /// How long a recalled lease gives back all that comes free: longer than `recallPauseMax`.
    package var recallMemory: Duration = .seconds(2)
    /// How often recalls are read that no notification told of.
    package var recallPollInterval: Duration = .seconds(1)

    /// How often a stop looks whether everything is settled, shipped and given back.
    package var drainInterval: Duration = .milliseconds(50)

    // Trouble.

    package var backoffMin: Duration = .milliseconds(50)
    package var backoffMax: Duration = .seconds(2)
    /// How long an account's figures are believed when they alone refuse a hold of zero.
    package var headTrust: Duration = .seconds(10)

    /// Locks that the accounts are spread over.
    package var shardCount = 16

    package init() {}

    /// How long after its last renewal a silent instance's leases may be released at the soonest.
    package var releaseAfter: Duration { validity + callDeadline + margin }

    /// The pause before the next try after so many failures in a row: doubling, bounded.
    package func backoff(afterFailures failures: Int) -> Duration {
        min(backoffMax, backoffMin * (1 << min(max(failures - 1, 0), 16)))
    }
}
