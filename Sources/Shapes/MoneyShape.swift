import Schema

// What programs read: the JSON of the command line and of the admin API, which are one and the
// same, and on which dashboards and scripts depend.

extension JSONNode {
    /// Money as a decimal text, exact, with at least the currency's own digits: numbers of JSON
    /// lose digits on their way.
    package static func money(_ amount: Pico, _ currency: Currency) -> JSONNode {
        .text(amount.decimal(fractionDigitsMin: currency.exponent))
    }

    /// RFC 3339 in UTC, or `null`.
    package static func instant(_ instant: Instant?) -> JSONNode {
        .optional(instant?.description)
    }
}
