import Ingress
import Ledger
import LedgerModel
import Schema

/// What is to happen at some moment.
enum Step {
    // Of clients and operators.
    case arrive
    case cancel(ProcessID, waiter: UInt64)
    case credit(CreditMove)

    // Of machines.
    case start(HostID)
    case stop(HostID)
    case fault(Fault)
    case heal
    case probe
    case end

    // Of one process; void when it is dead, late when it is stopped.
    case local(ProcessID, LocalStep)

    // Of the network and the database.
    case deliver(Message)
}

extension Step {
    /// Whether it may change anything in the database: processes reach it by messages alone.
    var reachesDatabase: Bool {
        switch self {
        case .deliver, .credit, .fault, .heal: true
        case .arrive, .cancel, .start, .stop, .probe, .end, .local: false
        }
    }
}

/// A step that a process takes by itself.
enum LocalStep {
    case wake(accountIndex: Int, armedFor: ContinuousClock.Instant)
    case sweep
    case heartbeat
    case tryNonce(Int)
    case write(JournalWrite)
    case entered(CallID, succeeded: Bool)
    case upstreamEnds(CallID)
    case settled(CallID, succeeded: Bool)
    case ship
    case marked
    case shipNext
    case retryLate
    case closeEarlier
    case closeLost
    case reoffer
    case lookDrained
    case reply(Message, Reply)
    case recalled(accountIndex: Int)
    /// The directory says what the caps are.
    case learnLimits
    case project
}

/// What the journal's thread does when it is its turn: from then on it is durable.
enum JournalWrite {
    case enter(CallID)
    case settle(CallID)
    case mark
}

typealias ProcessID = Int
typealias HostID = Int
typealias CallID = Int

/// A request on its way to the database.
struct Message {
    enum Body {
        case register(expected: Nonce?)
        case heartbeat(HeartbeatRequest, sentAt: ContinuousClock.Instant)
        case acquire(AcquireRequest)
        case giveBack(GiveBackRequest)
        case reclaim(ReclaimRequest)
        case closeEarlier
        case closeLost(InstanceIdentity)
        case append(Shipment)
        case reoffer(Shipment)
        case rejoin(RejoinRequest, sentAt: ContinuousClock.Instant)
        case sweepStreams(at: ContinuousClock.Instant)
        case project([ProjectionTarget])
        case stopStream(StoppedStream)
    }

    let process: ProcessID
    /// Tells an answer that is waited for from those of earlier tries.
    let token: Int
    let body: Body
    var isDouble = false
}

/// What the database answered, or what the connection said instead.
enum Reply {
    case registered(Result<InstanceIdentity, LedgerError>)
    case heartbeat(Result<HeartbeatReply, LedgerError>)
    case acquired(Result<AcquireReply, LedgerError>)
    case gaveBack(Result<GiveBackReply, LedgerError>)
    case reclaimed(Result<ReclaimReply, LedgerError>)
    case closed(Result<Int, LedgerError>)
    case appended(Result<[AppendOutcome], LedgerError>)
    case swept(Result<[ProjectionTarget], LedgerError>)
    case projected(Result<ModelDatabase.Projected, LedgerError>)
    case streamStopped(Result<AccountID, LedgerError>)
}

/// What befalls machines.
enum Fault {
    case crash(HostID)
    case pause(HostID, Moment)
    case outage(isOver: Bool)
    case diskFull(HostID, isOver: Bool)
    case destroyJournal(HostID)
    case copyJournal(HostID)
    case stepClock(HostID?, Int64)
    /// The standby falls behind from here on, and takes over later.
    case lagStandby
    case failOver
}

/// What moves an account's credit besides calls.
enum CreditMove {
    case grant(accountIndex: Int, Int128)
    case adjust(accountIndex: Int, Int128)
    case limit(accountIndex: Int, Int128)
    case suspend(accountIndex: Int, Bool)
    case grantEnding(accountIndex: Int, Int128, lasting: Moment)
    case void(accountIndex: Int)
    /// What any instance does of what grants are due.
    case settleDue
    case limitSpending(accountIndex: Int)
    case closeMonth(accountIndex: Int)
}
