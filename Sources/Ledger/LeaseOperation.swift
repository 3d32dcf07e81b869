import Schema

/// A lease as the database keeps it.
package struct LeaseRow: Hashable, Sendable {
    /// Less what was given back.
    package var granted: Pico
    /// What usage has taken.
    package var settled: Pico
    package var isOpen: Bool
    /// The last operation and what it granted or returned.
    package var opSequence: Int64
    package var opKind: LeaseOperation.Kind
    package var opResult: Pico

    /// What is still set aside.
    package var remaining: Pico { granted - settled }
}

/// Decides an operation on a lease, given the head and the lease as they are under its lock.
package struct LeaseOperation: Hashable, Sendable {
    /// What was asked of the lease.
    package enum Kind: String, CaseIterable, Sendable {
        case acquire
        case giveBack = "give_back"
        case reclaim
    }

    /// What is to be written; nil for a repeat and for a closed lease, which change nothing.
    package struct Change: Hashable, Sendable {
        package var head: HeadSummary
        package var lease: LeaseRow
        /// What is set aside of caps besides.
        package var caps: [CapDay: Pico] = [:]
    }

    /// What was granted or returned.
    package let result: Pico
    package let isLeaseClosed: Bool
    package let change: Change?

    /// Grants between `least` and `want` out of what is available, or records a refusal.
    ///
    /// A refusal is recorded as well: its repeat must not find money that came meanwhile, for
    /// the first attempt may yet be on its way.
    package static func acquire(
        _ request: AcquireRequest,
        head: HeadSummary,
        lease: LeaseRow?,
        figures: [CapInstant: CapFigures] = [:]
    ) throws(LedgerError) -> LeaseOperation {
        guard request.least > .zero || request.isForCappedOnly, request.want >= request.least,
            request.want <= .balanceMax
        else { throw LedgerError(.invalid, "an acquisition of impossible bounds") }
        if let known = try recorded(.acquire, request.opSequence, lease) { return known }
        let available = head.available
        let uncapped = available < request.least ? .zero : min(request.want, available)
        var capped = CapAcquisition(free: available - uncapped, figures: figures)
        for need in request.capped { try capped.add(need) }
        let granted = uncapped + capped.granted
        var head = head
        head.escrowed += granted
        var changed = lease ?? .unopened
        changed.granted += granted
        changed.record(.acquire, request.opSequence, granted)
        return LeaseOperation(
            result: granted,
            isLeaseClosed: false,
            change: Change(head: head, lease: changed, caps: capped.caps)
        )
    }

    /// Returns a part, or closes the lease and returns all that is left.
    ///
    /// One that closes may skip the number of an acquire that its holder has given up, and may
    /// name a lease that is not known: that is kept as closed, so that a copy of the acquire that
    /// comes late finds it, and opens no lease that nobody would give back.
    package static func giveBack(
        _ request: GiveBackRequest,
        head: HeadSummary,
        lease found: LeaseRow?
    ) throws(LedgerError) -> LeaseOperation {
        guard found != nil || request.closes else {
            throw LedgerError(.notFound, "no lease \(request.lease)")
        }
        let skips = request.closes && request.opSequence == (found?.opSequence ?? 0) + 2
        if !skips || found?.isOpen == false {
            if let known = try recorded(.giveBack, request.opSequence, found) { return known }
        }
        let lease = found ?? .unopened
        let returned = request.closes ? lease.remaining : request.amount
        guard returned >= .zero, returned <= lease.remaining else {
            throw LedgerError(
                .invalid,
                "a return of \(returned) from a lease with \(lease.remaining) left"
            )
        }
        var (head, changed) = (head, lease)
        head.escrowed -= returned
        head.releaseOverdrawn()
        changed.granted -= returned
        changed.isOpen = !request.closes
        changed.record(.giveBack, request.opSequence, returned)
        return LeaseOperation(
            result: returned,
            isLeaseClosed: request.closes,
            change: Change(head: head, lease: changed)
        )
    }

    /// Sets what the lease has left to what its holder counts, as far as credit is free.
    ///
    /// Its number is any above the last that the database knows: those between are lost.
    package static func reclaim(
        _ request: ReclaimRequest,
        head: HeadSummary,
        lease: LeaseRow?
    ) throws(LedgerError) -> LeaseOperation {
        guard request.remaining >= .zero, request.remaining <= .balanceMax else {
            throw LedgerError(.invalid, "a reclaim of an impossible amount")
        }
        let last = lease?.opSequence ?? 0
        if request.opSequence <= last || lease?.isOpen == false {
            if let known = try recorded(.reclaim, request.opSequence, lease) { return known }
        }
        var (head, changed) = (head, lease ?? .unopened)
        let free = head.balance + head.creditLimit - head.escrowed - head.reserved
        let missing = request.remaining - changed.remaining
        let change = missing > .zero ? min(missing, free.clampedToZero) : missing
        head.escrowed += change
        head.releaseOverdrawn()
        changed.granted += change
        changed.record(.reclaim, request.opSequence, changed.remaining)
        return LeaseOperation(
            result: changed.remaining,
            isLeaseClosed: false,
            change: Change(head: head, lease: changed)
        )
    }

    /// The answer to a repeat, or to any operation on a closed lease; nil for the next operation.
    private static func recorded(
        _ kind: Kind,
        _ opSequence: Int64,
        _ lease: LeaseRow?
    ) throws(LedgerError) -> LeaseOperation? {
        if let lease, opSequence == lease.opSequence, kind == lease.opKind {
            return LeaseOperation(
                result: lease.opResult,
                isLeaseClosed: !lease.isOpen,
                change: nil
            )
        }
        if let lease, !lease.isOpen {
            return LeaseOperation(result: .zero, isLeaseClosed: true, change: nil)
        }
        let next = (lease?.opSequence ?? 0) + 1
        guard opSequence == next else {
            throw LedgerError(.outOfSequence, "operation \(opSequence) where \(next) is next")
        }
        return nil
    }
}

extension LeaseRow {
    /// A lease before its first operation.
    fileprivate static let unopened = LeaseRow(
        granted: .zero,
        settled: .zero,
        isOpen: true,
        opSequence: 0,
        opKind: .acquire,
        opResult: .zero
    )

    fileprivate mutating func record(
        _ kind: LeaseOperation.Kind,
        _ opSequence: Int64,
        _ result: Pico
    ) {
        self.opSequence = opSequence
        opKind = kind
        opResult = result
    }
}
