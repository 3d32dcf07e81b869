/// A failure of PostgreSQL, of the way to it, or of what was asked of it.
///
/// Neither the description nor any field carries a password or the values of parameters.
package struct PostgresError: Error, Sendable, CustomStringConvertible {
    package enum Code: Hashable, Sendable {
        /// The URL of the database cannot be read.
        case malformedURL
        /// No connection could be made, or none may be tried before the back-off has passed.
        case connectFailed
        /// An established connection ended; in a transaction, nothing of it was committed.
        case connectionLost
        /// The server refused the statement, or the commit, and said why.
        case server(SQLState)
        /// COMMIT was sent and it is unknown whether, or how durably, it took place.
        ///
        /// The connection ended before the answer, or the server stopped waiting for a
        /// synchronous standby. Only the caller's own identifiers can tell: repeat the same
        /// transaction with the same identifiers. It is never repeated here.
        case commitOutcomeUnknown
        /// A column is missing, of another type, or NULL.
        case decoding
        /// No connection became free in time.
        case queueTimedOut
        /// Too many callers were waiting already.
        case queueFull
        /// The database was closed.
        case closed
        /// The closure did what it must not, such as ending the transaction itself.
        case misuse
    }

    /// How far an operation had come.
    package enum Phase: Hashable, Sendable {
        /// Before any statement was sent.
        case connect
        case begin
        /// A statement inside of a transaction.
        case body
        /// COMMIT; but for `commitOutcomeUnknown`, the transaction was rolled back.
        case commit
        /// A statement that is its own transaction.
        case statement
    }

    /// Who has to change something.
    package enum Fault: Hashable, Sendable {
        /// PostgreSQL or the network: it may pass.
        case database
        /// The data that was given: a constraint or a raised exception refuses it.
        case caller
        /// This program.
        case us
    }

    package let code: Code
    package internal(set) var phase: Phase
    /// What happened, in the server's words where it spoke.
    package let message: String
    /// The constraint that was violated, if the server named one.
    package internal(set) var constraint: String?
    /// The table that the server named.
    package internal(set) var table: String?
    /// The column that the server or the decoder named.
    package internal(set) var column: String?
    /// The server does not know a statement that this connection had prepared, or knows another one
    /// by its name: nothing was done, and the next attempt prepares nothing.
    package internal(set) var isLostPreparation = false

    /// Made here, and where a value that was read turns out to be none of its type.
    package init(_ code: Code, phase: Phase = .statement, _ message: String) {
        self.code = code
        self.phase = phase
        self.message = message
    }

    /// The server's code, if it answered.
    package var sqlState: SQLState? {
        if case .server(let state) = code { state } else { nil }
    }

    /// Whether the same operation may be run again without a risk of doing it twice.
    ///
    /// True when nothing of it can have taken effect and another attempt may go differently.
    package var isRetrySafe: Bool {
        switch code {
        case .connectFailed, .queueTimedOut, .queueFull: true
        case .connectionLost: phase != .statement
        case .server(let state):
            state == .serializationFailure || state == .deadlockDetected || isLostPreparation
                || (state.isOperatorIntervention && phase != .statement)
        case .malformedURL, .commitOutcomeUnknown, .decoding, .closed, .misuse: false
        }
    }

    package var fault: Fault {
        switch code {
        case .connectFailed, .connectionLost, .commitOutcomeUnknown: .database
        case .server(let state): state.fault
        case .malformedURL, .decoding, .queueTimedOut, .queueFull, .closed, .misuse: .us
        }
    }

    package var description: String {
        var text = "PostgreSQL, \(phase)"
        switch code {
        case .server(let state): text += ", SQLSTATE \(state)"
        default: text += ", \(code)"
        }
        text += ": \(message)"
        if let table { text += ", table \(table)" }
        if let column { text += ", column \(column)" }
        if let constraint { text += ", constraint \(constraint)" }
        return text
    }
}

/// The five characters by which the server names a condition.
package struct SQLState: Hashable, Sendable, ExpressibleByStringLiteral, CustomStringConvertible {
    package let code: String

    package init(_ code: String) {
        self.code = code
    }

    package init(stringLiteral code: String) {
        self.code = code
    }

    package static let uniqueViolation: SQLState = "23505"
    package static let foreignKeyViolation: SQLState = "23503"
    package static let checkViolation: SQLState = "23514"
    package static let notNullViolation: SQLState = "23502"
    package static let serializationFailure: SQLState = "40001"
    package static let statementCompletionUnknown: SQLState = "40003"
    package static let deadlockDetected: SQLState = "40P01"
    static let invalidStatementName: SQLState = "26000"
    static let duplicatePreparedStatement: SQLState = "42P05"
    static let featureNotSupported: SQLState = "0A000"

    /// What a prepared statement can meet that the same statement by itself cannot: it is gone, its
    /// name is taken, or it would return other columns than it did.
    var isOfPreparation: Bool {
        self == .invalidStatementName || self == .duplicatePreparedStatement
            || self == .featureNotSupported
    }

    package static let inFailedTransaction: SQLState = "25P02"
    package static let insufficientPrivilege: SQLState = "42501"
    package static let undefinedTable: SQLState = "42P01"
    package static let lockNotAvailable: SQLState = "55P03"
    package static let queryCanceled: SQLState = "57014"
    package static let adminShutdown: SQLState = "57P01"
    package static let raisedException: SQLState = "P0001"

    /// The first two characters: the class of the condition.
    package var conditionClass: Substring { code.prefix(2) }

    /// The server is going down, starting up, or was told to end the connection.
    var isOperatorIntervention: Bool { conditionClass == "57" && self != .queryCanceled }

    var fault: PostgresError.Fault {
        switch conditionClass {
        case "22", "23", "P0": .caller
        case "08", "40", "53", "55", "57", "58", "XX": .database
        default: .us
        }
    }

    package var description: String { code }
}
