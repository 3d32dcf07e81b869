import Schema

/// An event as an account's books have it: the month that it falls to, and what it moved.
package struct BookedEvent: Hashable, Sendable {
    package let version: Int64
    package let occurredAt: Instant
    package let kind: EventKind
    /// The signed effect on the balance: `moved.paid + moved.promotional - moved.unpaid`.
    package let amount: Pico
    /// The month in which it occurred or, when that was closed already, the first open one.
    package let month: Month
    /// The month in which it occurred.
    package let serviceMonth: Month
    package let moved: GrantMovement
    /// What it took of each grant to pay with, in the order in which they burn.
    package let burned: [Burned]
    /// What is no call is read whole; calls are many.
    package let other: Other?

    package struct Other: Hashable, Sendable {
        package let recorded: RecordedEvent
        /// The day that it occurred on in the account's time zone.
        package let day: CalendarDate
    }

    /// What was burned of a grant.
    package struct Burned: Hashable, Sendable {
        package let grant: GrantID
        package let kind: CreditGranted.Kind
        package let amount: Pico
    }
}

/// What an event has done to what grants have left, and to what is unpaid.
package struct GrantMovement: Hashable, Sendable {
    /// Of what paid grants have left.
    package var paid = Pico.zero
    /// Of what promotional grants and corrections have left.
    package var promotional = Pico.zero
    package var unpaid = Pico.zero

    package init() {}
}

/// The books of an account: each event in exactly one month, with what it moved.
///
/// A pure fold of the stream. An event falls to the month in which it occurred or, when that is
/// closed, to the first open one, so that what a closed month has never changes; invoices have the
/// same rule.
package struct BookFold: Hashable, Sendable {
    private var burnDown = GrantBurnDown()
    private var firstOpen: Month?

    package init() {}

    package var version: Int64 { burnDown.version }

    /// What paid grants have left.
    package var paidRest: Pico { burnDown.rest(of: .paid) }

    /// What usage and corrections took that no grant covered.
    package var unpaid: Pico { burnDown.unpaid }

    /// Takes the stream's next event.
    mutating func apply(
        _ event: PeriodEntry,
        _ other: BookedEvent.Other?,
        _ calendar: MonthCalendar
    ) -> BookedEvent {
        let occurred = calendar.month(of: event.entry.occurredAt)
        let first = firstOpen ?? occurred
        firstOpen = first
        if case .closed(let closed) = event.effect { firstOpen = closed.month.next }
        let before = burnDown
        burnDown.apply(event.entry)
        return BookedEvent(
            version: event.entry.version,
            occurredAt: event.entry.occurredAt,
            kind: event.kind,
            amount: event.amount,
            month: max(occurred, first),
            serviceMonth: occurred,
            moved: burnDown.movement(since: before),
            burned: event.kind == .usage ? burnDown.burned(since: before) : [],
            other: other
        )
    }
}

extension GrantBurnDown {
    fileprivate func rest(of kind: CreditGranted.Kind) -> Pico {
        grants.reduce(into: .zero) { if $1.kind == kind { $0 += $1.rest } }
    }

    fileprivate func movement(since before: GrantBurnDown) -> GrantMovement {
        var movement = GrantMovement()
        movement.paid = rest(of: .paid) - before.rest(of: .paid)
        movement.promotional = rest(of: .promotional) - before.rest(of: .promotional)
        movement.unpaid = unpaid - before.unpaid
        return movement
    }

    fileprivate func burned(since before: GrantBurnDown) -> [BookedEvent.Burned] {
        before.grants.compactMap { grant in
            let amount = grant.rest - rest(of: grant.id)
            guard amount > .zero else { return nil }
            return BookedEvent.Burned(grant: grant.id, kind: grant.kind, amount: amount)
        }
    }
}
