import Postgres
import Schema

extension EventStore {
    /// The most events of one page.
    package static let pageMax = 10_000

    /// Events of an account from a version on, in order; fewer than `limit` at the stream's end.
    ///
    /// To follow a stream, ask again from behind the last one: no version appears later below it.
    package func events(
        of account: AccountID,
        from version: Int64 = 1,
        limit: Int = 1_000
    ) async throws(LedgerError) -> [RecordedEvent] {
        let limit = min(max(limit, 1), Self.pageMax)
        return try await database.ledgerRead { session in
            try session.execute(
                """
                SELECT \(EventRow.columns) FROM events
                WHERE account_id = \(account) AND version >= \(version)
                ORDER BY version LIMIT \(limit)
                """
            ).map { try EventRow($0).recorded }
        }
    }

    /// The usage event of a request; nil when there is none yet.
    ///
    /// No index leads to it, but the identifier tells when its call began, and no event of it is
    /// older. Without an account it looks into every stream. Gives up at the time limit.
    package func usage(
        of request: RequestID,
        account: AccountID? = nil,
        timeLimit: Duration? = nil
    ) async throws(LedgerError) -> RecordedEvent? {
        let scope: SQL = account.map { "account_id = \($0) AND" } ?? ""
        let begin = request.madeAt ?? Instant(microseconds: 0)
        return try await database.ledgerRead { session in
            try session.transaction { session in
                if let timeLimit { try session.limitStatements(to: timeLimit) }
                let rows = try session.execute(
                    """
                    SELECT \(EventRow.columns) FROM events
                    WHERE \(scope) request_id = \(request) AND occurred_at >= \(begin)
                    ORDER BY version LIMIT 1
                    """
                )
                return try rows.first.map { try EventRow($0).recorded }
            }
        }
    }

    /// Whether an event is usage that came too long after its month was closed to be charged.
    package func isTooLate(_ recorded: RecordedEvent) async throws(LedgerError) -> Bool {
        guard recorded.amount == .zero, recorded.excess > .zero else { return false }
        return try await database.ledgerRead { session in
            let rows = try session.execute(
                """
                SELECT \(EventRow.columns) FROM events
                WHERE account_id = \(recorded.event.account) AND version = (
                    SELECT max(closing_version) + 1 FROM periods
                    WHERE account_id = \(recorded.event.account)
                        AND closing_version < \(recorded.version))
                """
            )
            guard let row = rows.first,
                case .periodClosed(let closed) = try EventRow(row).recorded.event.body
            else { return false }
            return recorded.event.isTooLate(closed.chargedFrom)
        }
    }
}
