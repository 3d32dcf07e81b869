import Postgres
import Schema

/// What somebody does by hand: for the audit trail, which the tables write themselves.
///
/// Set for a task (`Act.$current`), it is told to the database in the transaction of every command
/// of the ledger that the task runs.
package struct Act: Hashable, Sendable {
    @TaskLocal package static var current: Act?

    /// For whom: `token fb-admin-x1Y2 (Ada)`, `command line of ada`.
    package let actor: String
    /// The token that was presented, if any.
    package let token: AdminTokenID?
    /// What, in the command line's words: `key revoke`.
    package let name: String

    package init(actor: String, token: AdminTokenID? = nil, name: String) {
        self.actor = actor
        self.token = token
        self.name = name
    }

    /// Says for the rest of the session's transaction for whom it acts.
    package func announce(_ session: Session) throws(PostgresError) {
        _ = try session.execute(
            """
            SELECT set_config('farebox.actor', \(actor), true),
                set_config('farebox.token', \(token?.description ?? ""), true),
                set_config('farebox.act', \(name), true)
            """
        )
    }
}
