import Digest
import Postgres
import Schema

/// Who is signed in to the dashboard.
package struct AdminSessions: Sendable {
    /// How long a session lasts.
    package static let seconds: Int64 = 12 * 3_600

    private let database: Database

    package init(_ database: Database) {
        self.database = database
    }

    /// Begins a session; those that are over are cleared away on the way.
    ///
    /// - Parameters:
    ///   - session: the hash of what its cookie says.
    ///   - token: the hash of the token that it began with.
    package func begin(
        _ session: SHA256Digest,
        token: SHA256Digest,
        at instant: Instant
    ) async throws(LedgerError) {
        let end = instant.adding(seconds: Self.seconds)
        _ = try await database.ledgerCommand { database in
            _ = try database.execute("DELETE FROM admin_sessions WHERE expires_at <= \(instant)")
            return try database.execute(
                """
                INSERT INTO admin_sessions (session_hash, token_hash, expires_at)
                VALUES (\(session), \(token), \(end)) ON CONFLICT DO NOTHING
                """
            ).affectedCount
        }
    }

    /// The hash of the token that a session began with; nil when it is over.
    package func token(
        of session: SHA256Digest,
        at instant: Instant
    ) async throws(LedgerError) -> SHA256Digest? {
        try await database.ledgerRead { database in
            try database.execute(
                """
                SELECT token_hash FROM admin_sessions
                WHERE session_hash = \(session) AND expires_at > \(instant)
                """
            ).first.map { try $0.get("token_hash", as: SHA256Digest.self) }
        }
    }

    package func end(_ session: SHA256Digest) async throws(LedgerError) {
        _ = try await database.ledgerCommand { database in
            try database.execute(
                "DELETE FROM admin_sessions WHERE session_hash = \(session)"
            ).affectedCount
        }
    }
}
