import Postgres

/// What a token of the console is good for.
package enum AdminRole: String, CaseIterable, Sendable {
    /// Everything.
    case `operator`
    /// Looking at everything, and moving money.
    case finance
    /// Looking at everything.
    case viewer
    /// Looking at one account, and buying credit for it.
    case account
}

extension AdminRole: PostgresRepresentable {}
