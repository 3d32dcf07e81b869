/// The end of an account's month: what is on its invoice is settled, once and for all.
///
/// The month has the events that occurred before its end and have a lower version than this one,
/// less those of the months before; whatever comes later stands on the next month's invoice.
package struct PeriodClosed: Hashable, Sendable {
    package let month: Month
    /// The first instant of the next month in the account's time zone.
    package let endsAt: Instant
    /// Usage that occurred before and comes behind this event is not charged any more; nil where
    /// all is, however late it comes.
    package let chargedFrom: Instant?

    package init(month: Month, endsAt: Instant, chargedFrom: Instant? = nil) {
        self.month = month
        self.endsAt = endsAt
        self.chargedFrom = chargedFrom
    }
}

extension Event {
    /// Whether it is usage that comes too long after its month was closed, by what the last close
    /// of its account says.
    package func isTooLate(_ chargedFrom: Instant?) -> Bool {
        guard case .usage = body, let chargedFrom else { return false }
        return occurredAt < chargedFrom
    }
}
