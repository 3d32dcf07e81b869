import Postgres
import Schema

/// One making of a projection's rows; its number is part of their keys.
package struct ProjectionBuild: Hashable, Sendable {
    package enum State: String, Sendable, PostgresRepresentable {
        /// What readers use.
        case live
        /// Made aside, to take the live one's place once it has caught up.
        case building
        /// Made aside to be compared with the live one.
        case checking
        /// Replaced; its rows are being deleted.
        case retired
    }

    package let projection: Projection
    package let number: Int32
    /// Of the rules by which its rows are made.
    package let version: Int32
    package let state: State

    static func all(of projection: Projection, _ session: Session) throws -> [ProjectionBuild] {
        try session.execute(
            """
            SELECT build, version, state FROM projections
            WHERE projection = \(projection) ORDER BY build
            """
        ).map { row in
            ProjectionBuild(
                projection: projection,
                number: try row.get("build"),
                version: try row.get("version"),
                state: try row.get("state")
            )
        }
    }

    /// Begins a build by the rules of this program; the one that is under way, if there is one.
    static func begin(
        _ projection: Projection,
        _ state: State,
        _ session: Session
    ) throws -> ProjectionBuild {
        // Locks what swaps and beginnings change, so that numbers are taken one by one.
        let rows = try session.execute(
            """
            SELECT build, version, state FROM projections WHERE projection = \(projection)
            ORDER BY build FOR UPDATE
            """
        )
        var last: Int32 = 0
        for row in rows {
            last = try row.get("build")
            guard try row.get("state", as: State.self) == state else { continue }
            let version = try row.get("version", as: Int32.self)
            if version == projection.version {
                return ProjectionBuild(
                    projection: projection,
                    number: last,
                    version: version,
                    state: state
                )
            }
            try retire(projection, last, session)
        }
        _ = try session.execute(
            """
            INSERT INTO projections (projection, build, version, state)
            VALUES (\(projection), \(last + 1), \(projection.version), \(state))
            """
        )
        return ProjectionBuild(
            projection: projection,
            number: last + 1,
            version: projection.version,
            state: state
        )
    }

    /// Puts the build into the live one's place: a reader sees the one or the other.
    ///
    /// Waits for the batches that are under way, which hold the rows of `projections` shared.
    /// - Returns: false when the build is not being made any more, as after another's swap.
    func goLive(_ session: Session) throws -> Bool {
        let rows = try session.execute(
            """
            SELECT build, state FROM projections WHERE projection = \(projection)
            ORDER BY build FOR UPDATE
            """
        )
        let isBuilding = try rows.contains { row in
            try row.get("build", as: Int32.self) == number
                && row.get("state", as: State.self) == .building
        }
        guard isBuilding else { return false }
        _ = try session.execute(
            """
            UPDATE projections SET state = 'retired'
            WHERE projection = \(projection) AND state = 'live'
            """
        )
        _ = try session.execute(
            """
            UPDATE projections SET state = 'live'
            WHERE projection = \(projection) AND build = \(number)
            """
        )
        return true
    }

    static func retire(_ projection: Projection, _ number: Int32, _ session: Session) throws {
        _ = try session.execute(
            """
            UPDATE projections SET state = 'retired'
            WHERE projection = \(projection) AND build = \(number)
            """
        )
    }

    /// The accounts of one turn of `deleteSome`.
    private static let deletedAtOnce = 5_000

    /// Deletes some of a retired build's rows; true once nothing of it is left.
    func deleteSome(_ session: Session) throws -> Bool {
        // What is lost with the server is deleted again.
        try session.script("SET LOCAL synchronous_commit = off")
        let accounts = try session.execute(
            """
            DELETE FROM projection_checkpoints
            WHERE projection = \(projection) AND build = \(number) AND account_id IN (
                SELECT account_id FROM projection_checkpoints
                WHERE projection = \(projection) AND build = \(number)
                ORDER BY account_id LIMIT \(Self.deletedAtOnce) FOR UPDATE SKIP LOCKED)
            RETURNING account_id
            """
        ).map { try $0.get("account_id", as: AccountID.self) }
        if accounts.isEmpty {
            let rows = try session.execute(
                """
                DELETE FROM projections
                WHERE projection = \(projection) AND build = \(number) AND state = 'retired'
                    AND NOT EXISTS (SELECT FROM projection_checkpoints AS left_over
                        WHERE left_over.projection = \(projection)
                            AND left_over.build = \(number))
                """
            )
            return rows.affectedCount == 1
        }
        for table in projection.tables {
            _ = try session.execute(
                """
                DELETE FROM \(unescaped: table.name)
                WHERE account_id = ANY(\(accounts)) AND build = \(number)
                """
            )
        }
        return false
    }
}
