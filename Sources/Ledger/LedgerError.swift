/// Why the ledger did not do what it was asked.
package struct LedgerError: Error, Hashable, Sendable, CustomStringConvertible {
    package enum Code: String, CaseIterable, Sendable {
        /// The database cannot be reached, or failed before the commit; nothing changed.
        case unavailable
        /// The commit was sent and its answer never came: repeat with the same ids.
        case outcomeUnknown = "outcome_unknown"
        /// A later process has registered the same instance; this one must stop admitting.
        case superseded
        /// The database is not the one that the instance's leases are registered in, for it was
        /// promoted or restored: nothing changed, and the instance must register them anew.
        case failedOver = "failed_over"
        /// The database was promoted or restored a while ago and leases nothing new until leases
        /// that it may not know have run out: nothing changed, and what is leased can go back.
        case learning
        /// The instance's nonce is not the one recorded: its journal was copied or restored.
        case journalCopied = "journal_copied"
        /// An operation on a lease came out of sequence, which a correct instance never sends.
        case outOfSequence = "out_of_sequence"
        /// What was named does not exist.
        case notFound = "not_found"
        /// It exists already, or the same idempotency key came with other content.
        case conflict
        /// A rule of the ledger forbids it now; the message states the figures.
        case refused
        /// The input itself is unacceptable.
        case invalid
        /// What the database holds cannot be read, or breaks an invariant.
        case corrupt
    }

    package let code: Code
    /// A sentence of our own for people, whoever they are.
    package let message: String
    /// What the database said of it: for logs and for operators, who may see its tables.
    package let cause: String?

    package init(_ code: Code, _ message: String, cause: String? = nil) {
        self.code = code
        self.message = message
        self.cause = cause
    }

    package enum Fault: Hashable, Sendable {
        case caller
        case us
    }

    /// Whose doing it is: the caller's request, or Farebox and its database.
    package var fault: Fault {
        switch code {
        case .notFound, .conflict, .refused, .invalid: .caller
        case .unavailable, .outcomeUnknown, .superseded, .failedOver, .learning, .journalCopied,
            .outOfSequence, .corrupt:
            .us
        }
    }

    /// Whether the same request, with the same ids, may simply be sent again.
    package var isRetrySafe: Bool {
        code == .unavailable || code == .outcomeUnknown || code == .failedOver
    }

    /// The message with its cause, for operators.
    package var explanation: String { message + (cause.map { " (\($0))" } ?? "") }

    package var description: String { "\(code.rawValue): \(explanation)" }
}
