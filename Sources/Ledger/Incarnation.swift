import Postgres
import Schema

/// Which history of the database this is.
///
/// A standby that is promoted, or a backup that is restored, is another incarnation: it may have
/// lost commits that instances rely on. So every operation on a lease says in which incarnation
/// the lease is registered, and is refused in any other; the instance then offers its events
/// again, registers its leases anew, and goes on. Meanwhile the database leases nothing new, until
/// all leases that it may not know have run out.
package struct Incarnation: Hashable, Sendable {
    /// PostgreSQL's system identifier.
    package let system: Int64
    package let timeline: Int32

    package init(system: Int64, timeline: Int32) {
        self.system = system
        self.timeline = timeline
    }

    /// Of an authority that has only one.
    package static let sole = Incarnation(system: 0, timeline: 0)
}

extension Incarnation {
    /// The last finished file of the log names the timeline at once; the control file only from
    /// the next checkpoint on.
    private static let timelineNow: SQL = """
        ('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::integer
        """
    private static let systemNow: SQL = "(SELECT system_identifier FROM pg_control_system())"

    /// A condition: the database still is this incarnation.
    var isCurrent: SQL {
        "\(Self.systemNow) = \(system) AND \(Self.timelineNow) = \(timeline)"
    }

    /// A condition: leases that the database may not know may still be in use.
    static let isLearning: SQL = """
        (SELECT clock_timestamp() < grants_from FROM incarnations
            ORDER BY incarnation DESC LIMIT 1)
        """

    /// The database's present incarnation; notes one that nobody has noticed yet.
    ///
    /// It then leases nothing new for as long as the settings say, or as an instance that it knows
    /// needs, if that is longer; but at once when no commit can have been lost.
    static func enter(_ session: Session, _ settings: EscrowSettings) throws -> Incarnation {
        let seconds = settings.releaseAfter.components.seconds
        _ = try session.execute(
            """
            INSERT INTO incarnations (incarnation, system_identifier, timeline, grants_from)
            SELECT last.incarnation + 1, \(systemNow), \(timelineNow),
                CASE WHEN \(settings.standby == .synchronous) THEN clock_timestamp()
                    ELSE clock_timestamp() + make_interval(secs => greatest(\(seconds),
                        (SELECT max(release_after_seconds) FROM instances))) END
            FROM (SELECT * FROM incarnations ORDER BY incarnation DESC LIMIT 1) AS last
            WHERE last.system_identifier <> \(systemNow) OR last.timeline <> \(timelineNow)
            ON CONFLICT DO NOTHING
            """
        )
        let row = try session.execute(
            "SELECT \(systemNow) AS system, \(timelineNow) AS timeline"
        ).single()
        return Incarnation(system: try row.get("system"), timeline: try row.get("timeline"))
    }

    /// Has the database lease again at once, because somebody knows that no commit was lost.
    ///
    /// - Returns: whether it was leasing nothing new.
    package static func resume(_ database: Database) async throws(LedgerError) -> Bool {
        try await database.ledgerTransaction { session in
            try session.execute(
                """
                INSERT INTO incarnations (incarnation, system_identifier, timeline, grants_from)
                SELECT last.incarnation + 1, last.system_identifier, last.timeline,
                    clock_timestamp()
                FROM (SELECT * FROM incarnations ORDER BY incarnation DESC LIMIT 1) AS last
                WHERE clock_timestamp() < last.grants_from
                ON CONFLICT DO NOTHING
                """
            ).affectedCount > 0
        }
    }
}
