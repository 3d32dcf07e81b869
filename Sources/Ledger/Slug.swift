/// The short name of an account or a project, as commands and paths use it.
package enum Slug {
    /// Whether it is 1 to 63 of `a-z0-9_-`, the first a letter or a digit.
    package static func isValid(_ text: String) -> Bool {
        guard (1...63).contains(text.utf8.count), let first = text.utf8.first else { return false }
        return isAlphanumeric(first)
            && text.utf8.allSatisfy {
                isAlphanumeric($0) || $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: "_")
            }
    }

    static func error(_ what: String) -> LedgerError {
        LedgerError(
            .invalid,
            "the slug of the \(what) must be 1 to 63 characters of a-z, 0-9, - and _, "
                + "beginning with a letter or a digit"
        )
    }

    private static func isAlphanumeric(_ character: UInt8) -> Bool {
        (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(character)
            || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(character)
    }
}
