import Postgres
import Schema

/// A plan's terms from an instant on; immutable once published.
package struct PlanRevision: Hashable, Sendable {
    package let plan: String
    package let currency: Currency
    /// From 1.
    package let number: Int64
    package let effectiveAt: Instant
    package let publishedAt: Instant
    package let adjustments: PlanAdjustments

    package init(
        plan: String,
        currency: Currency,
        number: Int64,
        effectiveAt: Instant,
        publishedAt: Instant,
        adjustments: PlanAdjustments
    ) {
        self.plan = plan
        self.currency = currency
        self.number = number
        self.effectiveAt = effectiveAt
        self.publishedAt = publishedAt
        self.adjustments = adjustments
    }

    /// The line of price versions that the plan's prices are published in.
    package var line: PriceLine { PriceLine(.plan, currency, plan: plan) }
}

/// The tables of plans as statements: rows in, values out.
enum PlanRows {
    /// Every revision of every plan, or of one, by plan and number.
    static func revisions(_ session: Session, of plan: String? = nil) throws -> [PlanRevision] {
        let rows = try session.execute(
            """
            SELECT plan, currency, revision, effective_at, published_at, models, basis_points
            FROM plan_revisions JOIN plans USING (plan)
            WHERE \(plan)::text IS NULL OR plan = \(plan)
            ORDER BY plan, revision
            """
        )
        return try rows.map { row in
            guard let currency = Currency(try row.get("currency", as: String.self)) else {
                throw PriceBookError.database("a plan of an unknown currency")
            }
            return PlanRevision(
                plan: try row.get("plan"),
                currency: currency,
                number: try row.get("revision"),
                effectiveAt: Instant(
                    microseconds: try row.get("effective_at", as: Timestamp.self).microseconds
                ),
                publishedAt: Instant(
                    microseconds: try row.get("published_at", as: Timestamp.self).microseconds
                ),
                adjustments: try adjustments(row)
            )
        }
    }

    private static func adjustments(_ row: Row) throws -> PlanAdjustments {
        let models = try row.get("models", as: [String].self)
        let values = try row.get("basis_points", as: [Int32].self)
        var byPattern: [ModelPattern: BasisPoints] = [:]
        for (model, value) in zip(models, values) {
            guard let pattern = ModelPattern(model), let basisPoints = BasisPoints(value) else {
                throw PriceBookError.database("an adjustment that is none")
            }
            byPattern[pattern] = basisPoints
        }
        return PlanAdjustments(byPattern)
    }

    /// Makes a plan without terms; false when there is one of this name.
    static func insertPlan(
        _ session: Session,
        _ plan: String,
        _ currency: Currency
    ) throws -> Bool {
        try session.execute(
            """
            INSERT INTO plans (plan, currency) VALUES (\(plan), \(currency.code))
            ON CONFLICT (plan) DO NOTHING
            """
        ).affectedCount == 1
    }

    static func insert(_ session: Session, _ revision: PlanRevision) throws {
        let entries = revision.adjustments.entries
        _ = try session.execute(
            """
            INSERT INTO plan_revisions (plan, revision, effective_at, published_at, models,
                basis_points)
            VALUES (\(revision.plan), \(revision.number),
                \(Timestamp(microseconds: revision.effectiveAt.microseconds)),
                \(Timestamp(microseconds: revision.publishedAt.microseconds)),
                \(entries.map(\.pattern.description)), \(entries.map(\.basisPoints.value)))
            """
        )
    }

    /// How many accounts have each plan.
    static func accountCounts(_ session: Session) throws -> [String: Int64] {
        let rows = try session.execute(
            "SELECT plan, count(*) AS count FROM accounts WHERE plan IS NOT NULL GROUP BY plan"
        )
        var counts: [String: Int64] = [:]
        for row in rows { counts[try row.get("plan")] = try row.get("count") }
        return counts
    }
}
