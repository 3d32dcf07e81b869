/// The end of an account's month: what is on its invoice is settled, once and for all.
///
/// The month has the events that occurred before its end and have a lower version than this one,
/// less those of the months before; whatever comes later stands on the next month's invoice.
package struct PeriodClosed: Hashable, Sendable {
    package let month: Month
    /// The first instant of the next month in the account's time zone.
    package let endsAt: Instant

    package init(month: Month, endsAt: Instant) {
        self.month = month
        self.endsAt = endsAt
    }
}
