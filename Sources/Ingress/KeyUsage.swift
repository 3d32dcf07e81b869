import Ledger
import Schema

/// What a key may ask about its own calls, answered in the words of the command line.
///
/// The answers are whole JSON documents. They are read over connections of their own, so that no
/// question slows a call.
package struct KeyUsage: Sendable {
    /// The key that asks, and its account.
    package struct Asker: Sendable {
        package let account: AccountID
        package let key: KeyID
        package let currency: Currency
    }

    /// A span of time, settled with `from` ≤ t < `to`, and what its sums are broken down by.
    package struct Span: Sendable {
        package let from: Instant?
        package let to: Instant?
        package let dimensions: [UsageDimension]
    }

    let report: @Sendable (Asker, Span) async throws -> String
    let explain: @Sendable (Asker, RequestID) async throws -> String?

    /// - Parameters:
    ///   - report: sums up the key's calls.
    ///   - explain: one call's charge, line by line; nil when the key made no such call.
    package init(
        report: @escaping @Sendable (Asker, Span) async throws -> String,
        explain: @escaping @Sendable (Asker, RequestID) async throws -> String?
    ) {
        self.report = report
        self.explain = explain
    }
}

extension KeyUsage.Asker {
    init(_ caller: Caller) {
        self.init(
            account: caller.account.id,
            key: caller.key.id,
            currency: caller.account.currency
        )
    }
}
