import Ingress
import Journal
import Ledger
import Schema

/// One start of Farebox on a host: what its memory holds, gone when it dies.
final class Process {
    enum Phase {
        /// Registers, ends what an earlier process left, ships it, closes its leases.
        case starting
        case serving
        /// Takes no more calls; waits for those that run.
        case stopping
        /// Gives everything back.
        case draining
        /// The database refused its journal: it ships what it can and ends.
        case refused
        case dead
    }

    let id: ProcessID
    let host: HostID
    let disk: DiskID
    let drift: Int64
    var phase = Phase.starting
    /// Stopped by a signal until then.
    var pausedUntil: Moment = 0

    // The escrow.
    var tenure: EscrowTenure?
    var books: [Book?]
    /// The next wake that is on its way to each book.
    var wakes: [ContinuousClock.Instant?]
    var waits: [UInt64: Wait] = [:]
    var waiterLast: UInt64 = 0
    var heartbeatFailures = 0
    var releasesKnown: Int64 = 0
    /// Everything is being offered again: no batch is shipped meanwhile.
    var isReoffering = false

    // Registration.
    var freshNonce = Nonce(high: 0, low: 0)
    var epochKnown: Int64 = 0
    var candidates: [Nonce?] = []
    var registerToken = 0
    /// When its last request to register was sent, by its own clock.
    var registeredFrom = World.origin
    var closeToken = 0
    var stopDeadline: Moment = 0

    // Journal and shipper.
    var index: EntryIndex
    var shipment: Shipment?
    var appendToken = 0
    /// Between the beginning of a batch and that of the next.
    var isShipping = false
    var shippingPause: Duration?
    var pace = ShippingPace()
    /// Settlements that the journal could not take.
    var late: [CallID] = []

    // The projector, and its request that is under way.
    var projector = ProjectionPlan(limits: World.projectionLimits)
    var projectorToken = 0

    /// What calls that the ledger has no event of may still take from each lease.
    var outstanding: [LeaseID: Pico] = [:]
    /// The same of each day of a cap.
    var capsOutstanding: [CapPlace: Pico] = [:]
    /// The caps of each account, as the directory last said they were.
    var limits: [[CapScope: SpendLimits]] = []
    var runningCount = 0
    /// Its clients may have waited for it, not for the database.
    var wasPaused = false

    init(id: ProcessID, host: HostID, disk: DiskID, drift: Int64, index: EntryIndex, books: Int) {
        self.id = id
        self.host = host
        self.disk = disk
        self.drift = drift
        self.index = index
        self.books = Array(repeating: nil, count: books)
        wakes = Array(repeating: nil, count: books)
    }

    /// Whether the projector waits for the answer to a message; it does for one answer alone.
    func awaitsProjection(_ message: Message) -> Bool {
        guard projectorToken == message.token else { return false }
        projectorToken = 0
        return true
    }

    var isServing: Bool { phase == .serving && tenure?.phase == .serving }

    /// Counts what a call may still take from a lease, or with less than zero what it no longer may.
    func owe(_ amount: Pico, on lease: LeaseID?, by caller: Caller) {
        guard let lease else { return }
        outstanding[lease, default: .zero] += amount
        for day in caller.days {
            capsOutstanding[CapPlace(lease: lease, day: day), default: .zero] += amount
        }
    }

    /// What the process's own clock shows.
    func clock(_ now: Moment) -> ContinuousClock.Instant {
        World.origin + .microseconds(now + now * drift / 1_000_000)
    }

    /// The first true moment at which its clock shows this.
    func moment(of instant: ContinuousClock.Instant) -> Moment {
        let shown = Moment(instant - World.origin)
        return shown * 1_000_000 / (1_000_000 + drift) + 2
    }
}

/// A client that waits for its hold.
struct Wait {
    let accountIndex: Int
    let want: Pico
    let least: Pico
    let truth: Pico
    let caller: Caller
    let deadline: ContinuousClock.Instant
    let deadlineMoment: Moment
    /// Nothing may refuse it.
    let mustHold: Bool
    /// Nobody waited before it.
    let isFirst: Bool
    /// The least that the account could cover at any moment since it came.
    var coverableMin: Pico
    /// The least that its caps could cover.
    var capCoverableMin: Pico
    /// The least that was neither spent nor held by anybody at any moment since it came.
    var freeMin: Pico
    var wasSuspended: Bool

    /// What there is for it at one moment.
    struct Figures {
        let coverable: Pico
        let capCoverable: Pico
        let free: Pico
        let isSuspended: Bool
    }

    /// Whether there is the same for both, for nothing else of them decides it.
    func awaitsTheSame(as other: Wait) -> Bool {
        accountIndex == other.accountIndex && caller.days == other.caller.days
    }

    /// Takes note of what there is now; false when it is no less than ever before.
    mutating func note(_ now: Figures) -> Bool {
        let isNews =
            now.coverable < coverableMin || now.capCoverable < capCoverableMin
            || now.free < freeMin || (now.isSuspended && !wasSuspended)
        guard isNews else { return false }
        coverableMin = min(coverableMin, now.coverable)
        capCoverableMin = min(capCoverableMin, now.capCoverable)
        freeMin = min(freeMin, now.free)
        wasSuspended = wasSuspended || now.isSuspended
        return true
    }
}
