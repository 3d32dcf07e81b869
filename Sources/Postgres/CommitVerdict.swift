/// What an answer to COMMIT, or the lack of one, says about the transaction.
///
/// Decided apart from the connection, because everything depends on getting each case right.
enum CommitVerdict: Equatable {
    case committed
    /// Nothing was committed: the server's own error says so, or it answered ROLLBACK.
    case rolledBack(SQLState)
    case unknown(reason: String)

    /// The answer as libpq has it.
    enum Answer: Equatable {
        /// The command tag of a success: `COMMIT`, or `ROLLBACK` for a failed transaction.
        case tag(String)
        case error(SQLState)
        /// No answer, or one without a code, which libpq makes itself when a connection ends.
        case none
    }

    init(answer: Answer, notices: [ServerNotice], isConnectionAlive: Bool) {
        switch answer {
        case .tag("COMMIT"):
            // Committed here, but perhaps on no standby: a failover would lose it.
            if notices.contains(where: \.endsWaitForStandby) {
                self = .unknown(reason: "the wait for a synchronous standby was cancelled")
            } else {
                self = .committed
            }
        case .tag("ROLLBACK"):
            self = .rolledBack(.inFailedTransaction)
        case .error(let state) where Self.provesRollback(state):
            self = .rolledBack(state)
        case .error(let state):
            self = .unknown(reason: "SQLSTATE \(state) in answer to COMMIT")
        case .tag, .none:
            self = .unknown(
                reason: isConnectionAlive
                    ? "COMMIT was answered by something else"
                    : "the connection ended before COMMIT was answered"
            )
        }
    }

    /// Whether an error in answer to COMMIT can only come from before the commit record.
    ///
    /// Deferred constraints and triggers, and serialization failures. A cancel, a shutdown, an
    /// internal error, or the words of a pooler in between prove nothing.
    private static func provesRollback(_ state: SQLState) -> Bool {
        switch state.conditionClass {
        case "08", "53", "57", "58", "F0", "XX": false
        default: state != .statementCompletionUnknown
        }
    }
}

/// A notice or warning that the server sent beside an answer.
struct ServerNotice: Equatable {
    let severity: String
    let message: String
    /// The function in the server's source that sent it: not translated, unlike the message.
    let sourceFunction: String

    /// The server gave up waiting for a synchronous standby after the local commit.
    var endsWaitForStandby: Bool {
        guard severity == "WARNING" else { return false }
        return sourceFunction == "SyncRepWaitForLSN"
            || message.hasPrefix("canceling wait for synchronous replication")
            || message.hasPrefix("canceling the wait for synchronous replication")
    }
}
