import Postgres
import Schema

/// Closes what an instance has open and no longer counts on, some accounts at a time.
struct CloseOwnLeases {
    private static let leasesMax: Int64 = 500

    private let session: Session
    private let identity: InstanceIdentity
    private let keeping: [LeaseID]?

    /// - Parameter keeping: the leases of the present epoch that stay; nil for all of them.
    init(_ session: Session, _ identity: InstanceIdentity, keeping: [LeaseID]? = nil) {
        self.session = session
        self.identity = identity
        self.keeping = keeping
    }

    /// Closes some and returns how many; zero when none are left.
    func closeSome() throws -> Int {
        let found = try session.execute(
            """
            SELECT account_id FROM leases WHERE \(isGivenUp) LIMIT \(Self.leasesMax)
            """
        )
        let accounts = Set(try found.map { try $0.get("account_id", as: AccountID.self) }).sorted()
        _ = try session.execute(
            """
            SELECT FROM account_heads WHERE account_id = ANY(\(accounts))
            ORDER BY account_id FOR UPDATE
            """
        )
        _ = try identity.requireCurrent(session)
        // Both statements name the same leases: the locked heads keep anyone from changing them.
        _ = try session.execute(
            """
            UPDATE account_heads SET escrowed = escrowed - left_over.amount,
                overdrawn = least(overdrawn, greatest(0,
                    escrowed - left_over.amount - balance - credit_limit))
            FROM (
                SELECT account_id, sum(granted - settled) AS amount FROM leases
                WHERE account_id = ANY(\(accounts)) AND \(isGivenUp) GROUP BY account_id
            ) AS left_over
            WHERE account_heads.account_id = left_over.account_id
            """
        )
        return try session.execute(
            """
            UPDATE leases SET granted = settled, state = 'closed', closed_at = clock_timestamp()
            WHERE account_id = ANY(\(accounts)) AND \(isGivenUp)
            """
        ).affectedCount
    }

    private var isGivenUp: SQL {
        let own: SQL = "instance_id = \(identity.instance) AND state = 'open'"
        guard let keeping else { return "\(own) AND epoch < \(identity.epoch)" }
        return """
            \(own) AND (epoch < \(identity.epoch)
                OR epoch = \(identity.epoch) AND lease_id <> ALL(\(keeping)))
            """
    }
}
