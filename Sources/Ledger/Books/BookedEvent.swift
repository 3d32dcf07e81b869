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
        /// The day that it occurred on in the time zone of the books.
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
        let moved = apply(event)
        return BookedEvent(
            version: event.entry.version,
            occurredAt: event.entry.occurredAt,
            kind: event.kind,
            amount: event.amount,
            month: max(occurred, first),
            serviceMonth: occurred,
            moved: moved.movement,
            burned: event.kind == .usage ? moved.burned : [],
            other: other
        )
    }

    /// Takes the event, and tells what it moved; of calls, which are many, without looking at all
    /// grants.
    private mutating func apply(
        _ event: PeriodEntry
    ) -> (movement: GrantMovement, burned: [BookedEvent.Burned]) {
        let unpaid = burnDown.unpaid
        let before = event.kind == .usage ? nil : burnDown
        var movement = GrantMovement()
        var burned: [BookedEvent.Burned] = []
        burnDown.apply(event.entry) { grant, amount in
            guard amount > .zero else { return }
            if grant.kind == .paid {
                movement.paid -= amount
            } else {
                movement.promotional -= amount
            }
            burned.add(amount, of: grant)
        }
        movement.unpaid = burnDown.unpaid - unpaid
        if let before {
            movement.paid = burnDown.rest(of: .paid) - before.rest(of: .paid)
            movement.promotional = burnDown.rest(of: .promotional) - before.rest(of: .promotional)
        }
        return (movement, burned)
    }
}

extension [BookedEvent.Burned] {
    /// A grant that is burned twice by one event is one.
    fileprivate mutating func add(_ amount: Pico, of grant: BurningGrant) {
        let index = firstIndex { $0.grant == grant.id }
        let sum = amount + (index.map { self[$0].amount } ?? .zero)
        let part = BookedEvent.Burned(grant: grant.id, kind: grant.kind, amount: sum)
        if let index { self[index] = part } else { append(part) }
    }
}

extension GrantBurnDown {
    fileprivate func rest(of kind: CreditGranted.Kind) -> Pico {
        grants.reduce(into: .zero) { if $1.kind == kind { $0 += $1.rest } }
    }
}
