import Postgres
import Schema

/// Reads burn-downs: a checkpoint, and the events behind it.
struct BurnDownStore {
    /// Events behind a checkpoint that make a new one worth its writing.
    static let eventsPerCheckpoint: Int64 = 1_000

    private static let pageSize: Int64 = 5_000

    private let session: Session

    init(_ session: Session) {
        self.session = session
    }

    /// The burn-down at a version of the stream, which must be at or behind its head.
    func read(_ account: AccountID, at version: Int64) throws -> GrantBurnDown {
        var burnDown = try readCheckpoint(account, upTo: version) ?? GrantBurnDown()
        try forEachEntry(of: account, behind: burnDown.version, upTo: version) {
            burnDown.apply($0)
        }
        guard burnDown.version == version else {
            throw LedgerError(.corrupt, "the stream ends before version \(version)")
        }
        return burnDown
    }

    /// Reads the events of a part of a stream in order.
    func forEachEntry(
        of account: AccountID,
        behind first: Int64,
        upTo last: Int64,
        _ body: (BurnDownEntry) -> Void
    ) throws {
        var version = first
        while version < last {
            let entries = try readEntries(account, behind: version, upTo: last)
            entries.forEach(body)
            guard let next = entries.last?.version else { return }
            version = next
        }
    }

    /// Whether so much has come since the checkpoint that a new one is worth its writing.
    func isFarBehind(_ account: AccountID) throws -> Bool {
        let rows = try session.execute(
            """
            SELECT account_heads.version - coalesce(burn_downs.version, 0) AS behind
            FROM account_heads LEFT JOIN burn_downs USING (account_id)
            WHERE account_id = \(account)
            """
        )
        let behind = try rows.first?.get("behind", as: Int64.self) ?? 0
        return behind >= Self.eventsPerCheckpoint
    }

    /// Folds what has come since the checkpoint, and keeps the result.
    ///
    /// No lock is held: events only ever come behind the version that is read here.
    func catchUp(_ account: AccountID) throws {
        let version = try session.execute(
            "SELECT version FROM account_heads WHERE account_id = \(account)"
        ).single().get("version", as: Int64.self)
        try save(try read(account, at: version), of: account)
    }

    private func readEntries(
        _ account: AccountID,
        behind version: Int64,
        upTo last: Int64
    ) throws -> [BurnDownEntry] {
        let rows = try session.execute(
            """
            SELECT version, kind, occurred_at, amount_pico, admitted_at FROM events
            WHERE account_id = \(account) AND version > \(version) AND version <= \(last)
            ORDER BY version LIMIT \(Self.pageSize)
            """
        )
        var entries: [BurnDownEntry] = []
        entries.reserveCapacity(rows.count)
        // Calls are by far the most, and all that matters of them is here.
        var others: [Int64: Int] = [:]
        for row in rows {
            let version = try row.get("version", as: Int64.self)
            let isUsage = try row.get("kind", as: EventKind.self) == .usage
            if !isUsage { others[version] = entries.count }
            entries.append(
                BurnDownEntry(
                    version: version,
                    occurredAt: try row.get("occurred_at"),
                    change: isUsage
                        ? .taken(
                            -(try row.get("amount_pico", as: Pico.self)),
                            at: try row.get("admitted_at")
                        ) : .nothing
                )
            )
        }
        guard !others.isEmpty else { return entries }
        let full = try session.execute(
            """
            SELECT \(EventRow.columns) FROM events
            WHERE account_id = \(account) AND version = ANY(\(Array(others.keys)))
            """
        )
        for row in full {
            let entry = BurnDownEntry(try EventRow(row).recorded)
            if let index = others[entry.version] { entries[index] = entry }
        }
        return entries
    }

    // MARK: checkpoints

    func readCheckpoint(_ account: AccountID, upTo version: Int64) throws -> GrantBurnDown? {
        try readCheckpoints(where: "account_id = \(account)").values
            .first { $0.version <= version }
    }

    /// The checkpoints of the accounts that a condition on `account_id` holds for.
    func readCheckpoints(where condition: SQL) throws -> [AccountID: GrantBurnDown] {
        var found: [AccountID: GrantBurnDown] = [:]
        for row in try session.execute("SELECT * FROM burn_downs WHERE \(condition)") {
            var burnDown = GrantBurnDown()
            burnDown.version = try row.get("version")
            burnDown.creditLimit = try row.get("credit_limit")
            burnDown.unpaid = try row.get("unpaid")
            burnDown.totals.granted = try row.get("granted")
            burnDown.totals.burned = try row.get("burned")
            burnDown.totals.expired = try row.get("expired")
            burnDown.totals.voided = try row.get("voided")
            found[try row.get("account_id")] = burnDown
        }
        guard !found.isEmpty else { return found }
        for row in try session.execute("SELECT * FROM burn_down_grants WHERE \(condition)") {
            found[try row.get("account_id")]?.grants.append(try BurningGrant(row))
        }
        return found.mapValues { burnDown in
            var burnDown = burnDown
            burnDown.grants.sort { $0.burns(before: $1) }
            return burnDown
        }
    }

    /// Replaces an older checkpoint; leaves a newer one, or one that another process just made.
    private func save(_ burnDown: GrantBurnDown, of account: AccountID) throws {
        _ = try session.execute(
            """
            DELETE FROM burn_downs WHERE account_id = \(account)
                AND version < \(burnDown.version)
            """
        )
        let inserted = try session.execute(
            """
            INSERT INTO burn_downs (account_id, version, credit_limit, unpaid, granted, burned,
                expired, voided)
            VALUES (\(account), \(burnDown.version), \(burnDown.creditLimit),
                \(burnDown.unpaid), \(burnDown.totals.granted), \(burnDown.totals.burned),
                \(burnDown.totals.expired), \(burnDown.totals.voided))
            ON CONFLICT DO NOTHING
            """
        )
        guard inserted.affectedCount == 1 else { return }
        let grants = burnDown.grants
        _ = try session.execute(
            """
            INSERT INTO burn_down_grants (account_id, grant_id, kind, priority, starts_at,
                expires_at, version, voided_at, rest)
            SELECT \(account), * FROM unnest(\(grants.map(\.id)), \(grants.map(\.kind)),
                \(grants.map(\.priority)), \(grants.map(\.startsAt)), \(grants.map(\.expiresAt)),
                \(grants.map(\.version)), \(grants.map(\.voidedAt)), \(grants.map(\.rest)))
            """
        )
    }
}

extension Database {
    /// Folds most of a long stream before the account's head is locked.
    func catchUpBurnDown(of account: AccountID) async throws(LedgerError) {
        let isFarBehind = try await ledgerRead { session in
            try BurnDownStore(session).isFarBehind(account)
        }
        guard isFarBehind else { return }
        try await ledgerCommand { session in try BurnDownStore(session).catchUp(account) }
    }
}

extension BurningGrant {
    /// Reads a row of `burn_down_grants`.
    fileprivate init(_ row: Row) throws(PostgresError) {
        self.init(
            id: try row.get("grant_id"),
            kind: try row.get("kind"),
            priority: try row.get("priority"),
            startsAt: try row.get("starts_at"),
            expiresAt: try row.get("expires_at"),
            version: try row.get("version"),
            voidedAt: try row.get("voided_at"),
            rest: try row.get("rest")
        )
    }
}
