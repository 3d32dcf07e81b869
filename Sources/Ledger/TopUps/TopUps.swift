import Postgres
import Schema

/// Opens top-ups, shows them, and says of which the provider is to be asked.
package struct TopUps: Sendable {
    /// How long somebody has to pay.
    package static let pageSeconds: Int64 = 3_600
    /// Pages that an account can have open at once; what failed at the provider is none.
    static let pendingMax = 20

    let database: Database

    package init(_ database: Database) {
        self.database = database
    }

    /// What is bought.
    package struct Order: Hashable, Sendable {
        package var account: String
        package var amount: Pico
        package var tax: Pico
        package var provider: String

        package init(account: String, amount: Pico, tax: Pico, provider: String) {
            self.account = account
            self.amount = amount
            self.tax = tax
            self.provider = provider
        }
    }

    /// Records what is asked for, before any provider is; once for each idempotency key.
    ///
    /// - Throws: `.refused` while too many are open; `.conflict` when the key came before with
    ///   another amount; `.invalid`, `.notFound`.
    package func open(
        _ order: Order,
        at instant: Instant,
        idempotencyKey: String? = nil
    ) async throws(LedgerError) -> TopUp {
        guard order.amount > .zero, order.tax >= .zero, order.amount + order.tax <= .balanceMax
        else { throw LedgerError(.invalid, "the amount must be above zero") }
        let command = IdempotentCommand(
            "topup start",
            key: idempotencyKey,
            content: [order.amount.description, order.provider]
        )
        let id = TopUpID.make(at: instant)
        return try await database.ledgerCommand { session in
            let account = try AccountSummary.lock(slug: order.account, session)
            if let known = try command.recorded(for: account.id, session) {
                return try Self.require(TopUpID(postgresValue: known), of: account.id, session)
            }
            if let known = try TopUp.read(id, of: account.id, session) { return known }
            try requireRoom(account.id, at: instant, session)
            _ = try session.execute(
                """
                INSERT INTO top_ups (account_id, top_up_id, provider, amount, tax, opened_at,
                    expires_at, ask_at)
                VALUES (\(account.id), \(id), \(order.provider), \(order.amount), \(order.tax),
                    \(instant), \(instant.adding(seconds: Self.pageSeconds)),
                    \(instant.adding(seconds: Self.askSecondsMin)))
                """
            )
            try command.record(UUIDBytes(id), for: account.id, session)
            return try Self.require(id, of: account.id, session)
        }
    }

    private func requireRoom(
        _ account: AccountID,
        at instant: Instant,
        _ session: Session
    ) throws {
        let count = try session.execute(
            """
            SELECT count(*) AS count FROM top_ups
            WHERE account_id = \(account) AND payment_id IS NULL AND ended_at IS NULL
                AND expires_at > \(instant)
                AND (page_id IS NOT NULL OR page_failed_at IS NULL)
            """
        ).single().get("count", as: Int64.self)
        guard count < Self.pendingMax else {
            throw LedgerError(
                .refused,
                "\(count) payments are open already: pay one of them, or wait until they end"
            )
        }
    }

    /// Notes the provider's page; the first one stays.
    package func attach(_ page: TopUp.Page, to topUp: TopUp) async throws(LedgerError) -> TopUp {
        try await database.ledgerCommand { session in
            _ = try session.execute(
                """
                UPDATE top_ups SET page_id = \(page.id), page_url = \(page.url)
                WHERE account_id = \(topUp.account) AND top_up_id = \(topUp.id)
                    AND page_id IS NULL
                """
            )
            return try Self.require(topUp.id, of: topUp.account, session)
        }
    }

    /// Notes that the provider made no page, so that the account may open others meanwhile.
    package func noteFailure(of topUp: TopUp, at instant: Instant) async throws(LedgerError) {
        try await database.ledgerCommand { session in
            _ = try session.execute(
                """
                UPDATE top_ups SET page_failed_at = \(instant)
                WHERE account_id = \(topUp.account) AND top_up_id = \(topUp.id)
                    AND page_id IS NULL
                """
            )
        }
    }

    /// Notes that the page ended and nobody had paid.
    package func end(_ topUp: TopUp, at instant: Instant) async throws(LedgerError) -> TopUp {
        try await database.ledgerCommand { session in
            _ = try session.execute(
                """
                UPDATE top_ups SET ended_at = \(instant), ask_at = NULL
                WHERE account_id = \(topUp.account) AND top_up_id = \(topUp.id)
                    AND payment_id IS NULL AND ended_at IS NULL
                """
            )
            return try Self.require(topUp.id, of: topUp.account, session)
        }
    }

    /// An account's newest top-ups.
    package func list(
        _ slug: String,
        limit: Int = 1_000
    ) async throws(LedgerError) -> [TopUp] {
        try await database.ledgerRead { session in
            let account = try AccountSummary.read(slug: slug, session).id
            return try session.execute(
                """
                \(TopUp.query) WHERE account_id = \(account)
                ORDER BY opened_at DESC, top_up_id DESC LIMIT \(Int64(limit))
                """
            ).map { try TopUp($0) }
        }
    }

    /// One top-up, by its identifier.
    package func show(_ id: TopUpID) async throws(LedgerError) -> TopUp {
        try await database.ledgerRead { session in
            let rows = try session.execute("\(TopUp.query) WHERE top_up_id = \(id)")
            guard let row = rows.first else { throw LedgerError(.notFound, "no top-up \(id)") }
            return try TopUp(row)
        }
    }

    /// The top-up that a provider names; nil when there is none.
    package func find(_ reference: TopUpReference) async throws(LedgerError) -> TopUp? {
        try await database.ledgerRead { session in
            try TopUp.read(reference.topUp, of: reference.account, session)
        }
    }

    private static func require(
        _ id: TopUpID,
        of account: AccountID,
        _ session: Session
    ) throws -> TopUp {
        guard let topUp = try TopUp.read(id, of: account, session) else {
            throw LedgerError(.notFound, "no top-up \(id)")
        }
        return topUp
    }
}

// MARK: What is to be asked

extension TopUps {
    static let askSecondsMin: Int64 = 30
    /// A payment is asked after less and less often, for as long as it may be disputed.
    private static let paidSecondsMin: Int64 = 3_600
    private static let paidSecondsMax: Int64 = 180 * 86_400

    /// Takes what is due, and says beforehand when it is due again: whoever dies in between has
    /// asked late, and never twice as often.
    package func claim(at instant: Instant, limit: Int) async throws(LedgerError) -> [TopUp] {
        let longest = instant.adding(seconds: -Self.paidSecondsMax)
        return try await database.ledgerCommand { session in
            try session.execute(
                """
                WITH due AS MATERIALIZED (
                    SELECT account_id, top_up_id FROM top_ups WHERE ask_at <= \(instant)
                    ORDER BY ask_at LIMIT \(Int64(limit)) FOR UPDATE SKIP LOCKED
                ), claimed AS (
                    UPDATE top_ups SET ask_at = CASE
                        WHEN paid_at IS NOT NULL THEN CASE WHEN paid_at >= \(longest)
                            THEN \(instant)::timestamptz + greatest(\(instant) - paid_at,
                                make_interval(secs => \(Self.paidSecondsMin)::bigint)) END
                        ELSE \(instant)::timestamptz + greatest((\(instant) - opened_at) / 2,
                            make_interval(secs => \(Self.askSecondsMin)::bigint)) END
                    FROM due WHERE top_ups.account_id = due.account_id
                        AND top_ups.top_up_id = due.top_up_id
                    RETURNING top_ups.account_id, top_ups.top_up_id
                )
                \(TopUp.query) WHERE (account_id, top_up_id) IN (SELECT * FROM claimed)
                """
            ).map { try TopUp($0) }
        }
    }
}
