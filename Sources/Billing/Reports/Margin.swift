import Ledger
import Postgres
import Schema

/// What customers paid beside what upstreams are expected to bill.
package struct MarginReport: Hashable, Sendable {
    package enum Dimension: String, CaseIterable, Sendable {
        case account
        case model
        case upstream
    }

    package struct Row: Hashable, Sendable {
        /// One value for each dimension asked for, in that order.
        package let group: [String]
        /// Of what was paid.
        package let currency: Currency
        /// Nil where no cost is known.
        package let costCurrency: Currency?
        package let calls: Int64
        package let paid: Pico
        /// What the prices asked for and no hold or balance covered.
        package let excess: Pico
        package let cost: Pico

        /// Nil where the cost is not known, or in another currency.
        package var margin: Pico? { costCurrency == currency ? paid - cost : nil }
    }

    package let dimensions: [Dimension]
    /// In the order of their groups.
    package let rows: [Row]
}

/// Sums margins up over all accounts, from the usage projection and the events beyond it.
package struct Margins: Sendable {
    private let database: Database

    package init(_ database: Database) {
        self.database = database
    }

    /// - Parameters:
    ///   - from: A beginning of a quarter of an hour, as `to` is.
    ///   - account: The slug of the only account to report of; nil for all.
    package func report(
        from: Instant?,
        to: Instant?,
        account: String?,
        by dimensions: [MarginReport.Dimension]
    ) async throws(PriceBookError) -> MarginReport {
        let groups = dimensions.map { dimension in
            switch dimension {
            case .account: "slug"
            case .model: "model"
            case .upstream: "upstream"
            }
        }.joined(separator: ", ")
        let start = from.map { Timestamp(microseconds: $0.microseconds) }
        let end = to.map { Timestamp(microseconds: $0.microseconds) }
        do {
            let rows = try await database.read { session in
                try session.execute(
                    """
                    WITH chosen AS (
                        SELECT account_id, slug, currency FROM accounts
                        WHERE \(account)::text IS NULL OR slug = \(account)
                    ), live AS (
                        SELECT build FROM projections WHERE projection = 'usage' AND state = 'live'
                    ), parts AS (
                        SELECT slug, currency, model, upstream, upstream_cost_currency, calls,
                            charge_pico, excess_pico, upstream_cost_pico
                        FROM usage_quarter_hours JOIN chosen USING (account_id)
                        WHERE build = (SELECT build FROM live)
                            AND starts_at >= coalesce(\(start), '-infinity')
                            AND starts_at < coalesce(\(end), 'infinity')
                        UNION ALL
                        SELECT slug, currency, model, upstream,
                            coalesce(upstream_cost_currency, 'XXX'), 1, -amount_pico, excess_pico,
                            coalesce(upstream_cost_pico, 0)
                        FROM chosen
                        LEFT JOIN projection_checkpoints AS followed
                            ON followed.account_id = chosen.account_id
                            AND followed.projection = 'usage'
                            AND followed.build = (SELECT build FROM live)
                        JOIN LATERAL (
                            SELECT * FROM events
                            WHERE events.account_id = chosen.account_id
                                AND events.version > coalesce(followed.version, 0)
                                AND kind = 'usage'
                                AND occurred_at >= coalesce(\(start), '-infinity')
                                AND occurred_at < coalesce(\(end), 'infinity')
                        ) AS fresh ON true
                    )
                    SELECT ARRAY[\(unescaped: groups)]::text[] AS groups, currency::text,
                        upstream_cost_currency::text AS cost_currency,
                        sum(calls)::bigint AS calls, sum(charge_pico) AS paid,
                        sum(excess_pico) AS excess, sum(upstream_cost_pico) AS cost
                    FROM parts GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
                    """
                ).map { try MarginReport.Row($0) }
            }
            return MarginReport(dimensions: dimensions, rows: rows)
        } catch {
            throw PriceBookError(error)
        }
    }
}

extension MarginReport.Row {
    fileprivate init(_ row: Row) throws {
        let costCurrency = try row.get("cost_currency", as: String.self)
        self.init(
            group: try row.get("groups"),
            currency: try row.get("currency"),
            costCurrency: costCurrency == "XXX" ? nil : Currency(costCurrency),
            calls: try row.get("calls"),
            paid: try row.get("paid"),
            excess: try row.get("excess"),
            cost: try row.get("cost")
        )
    }
}
