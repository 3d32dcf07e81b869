import Schema

/// Decides what a lease has left of caps when its holder reclaims it from a database that may have
/// lost a part of its past.
///
/// A day that the holder counts on is restored as far as the cap still has it free, one that it does
/// not count on is let go, and one of a cap that is gone has nothing.
package struct CapReclaim {
    /// What the lease has left now, in the order in which it was asked for.
    package private(set) var remainders: [CapRemainder] = []
    /// By how much what is set aside changes.
    package private(set) var changes: [CapDay: Pico] = [:]

    /// - Parameters:
    ///   - known: what the database takes the lease to have left of each day.
    ///   - figures: the caps that were asked for, as they are with that.
    package init(
        _ wanted: [CapRemainder],
        known: [CapDay: Pico],
        figures: [CapInstant: CapFigures]
    ) {
        var given: [CapScope: Pico] = [:]
        for part in wanted {
            let (day, scope) = (part.day, part.day.scope)
            let cap = figures[CapInstant(scope: scope, at: day.startsAt)]
            let free =
                cap.map { $0.day == day ? $0.free - (given[scope] ?? .zero) : .zero } ?? .zero
            let now = known[day] ?? .zero
            let missing = part.amount.clampedToZero - now
            let change = missing > .zero ? min(missing, free.clampedToZero) : missing
            if change > .zero { given[scope, default: .zero] += change }
            changes[day] = change
            remainders.append(CapRemainder(day: day, amount: now + change))
        }
        for (day, amount) in known where changes[day] == nil { changes[day] = -amount }
    }
}
