import Ledger
import LedgerModel
import Schema

/// One call, as its client and its upstream know it: the truth that the ledger is held against.
final class Call {
    let id: CallID
    let accountIndex: Int
    let event: EventID
    let process: ProcessID
    let disk: DiskID
    let caller: Caller
    /// What it really costs.
    let truth: Pico
    var hold: EscrowHold
    /// The caps that its event says it was taken from.
    let capped: CappedScopes

    /// The journal has its draft, and nobody has destroyed it since.
    var isJournalled = false
    /// The upstream has seen it.
    var hasLeft = false
    /// The journal has its end.
    var isEnded = false
    /// Its client got the last byte.
    var isDelivered = false
    /// The escrow knows what it cost.
    var isSettled = false
    /// The account's stream has its event.
    var isAppended = false
    /// Its journal was destroyed before the ledger had the event.
    var isForgiven = false

    init(
        id: CallID,
        accountIndex: Int,
        event: EventID,
        process: ProcessID,
        disk: DiskID,
        caller: Caller,
        truth: Pico,
        hold: EscrowHold,
        capped: CappedScopes
    ) {
        self.id = id
        self.accountIndex = accountIndex
        self.event = event
        self.process = process
        self.disk = disk
        self.caller = caller
        self.truth = truth
        self.hold = hold
        self.capped = capped
    }

    /// What the customer pays: the truth, but never more than the hold.
    var charge: Pico { min(truth, hold.amount) }

    var admittedAt: Instant { caller.admittedAt }
}

/// Who calls, when, and under which caps.
struct Caller {
    static let keys = (0..<3).map { KeyID(high: 1, low: $0) }
    static let project = ProjectID(high: 1, low: 1)

    let key: KeyID
    let project: ProjectID
    let admittedAt: Instant
    let caps: [SpendCap]
    /// The days of the caps that its hold is taken from.
    let days: [CapDay]

    init(key: KeyID, project: ProjectID, admittedAt: Instant, caps: [SpendCap] = []) {
        (self.key, self.project, self.admittedAt) = (key, project, admittedAt)
        self.caps = caps
        let startsAt = caps.isEmpty ? admittedAt : ModelCaps.Day(covering: admittedAt).startsAt
        days = caps.map { CapDay(scope: $0.scope, startsAt: startsAt) }
    }
}

/// What a lease has set aside of a cap.
struct CapPlace: Hashable {
    let lease: LeaseID
    let day: CapDay
}

typealias DiskID = Int

extension Call {
    /// Its event as it stands while it runs.
    func draft(of account: AccountID) -> Event {
        Event(account: account, id: event, occurredAt: admittedAt, body: .usage(usage))
    }

    /// Its event as it ends.
    func ending(of account: AccountID, at instant: Instant, charge: Pico) -> Event {
        var usage = usage
        usage.charge = charge
        usage.excess = (truth - charge).clampedToZero
        usage.outcome = .completed
        usage.source = .upstreamFinal
        usage.status = 200
        usage.tokens.output = 1
        return Event(
            account: account,
            id: event,
            occurredAt: max(instant, admittedAt),
            body: .usage(usage)
        )
    }

    private var usage: Usage {
        var usage = Usage(
            request: RequestID(high: event.high, low: event.low),
            lease: hold.lease,
            key: caller.key,
            project: caller.project,
            admittedAt: admittedAt,
            model: "model",
            upstream: "upstream",
            upstreamModel: "model",
            endpoint: .chatCompletions,
            isStreamed: true,
            priceVersion: PriceVersion(1),
            hold: hold.amount
        )
        usage.capped = capped
        return usage
    }
}
