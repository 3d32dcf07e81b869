import Ledger
import Postgres
import Schema

/// What a past month would have cost by the price book as it stands when a version takes effect.
package struct PricePreview: Hashable, Sendable {
    package struct Row: Hashable, Sendable {
        package let account: String
        package let currency: Currency
        package let model: String
        package let calls: Int64
        /// What the prices asked for then, whatever the calls' holds covered of it.
        package let before: Pico
        /// What the new prices ask for; nil where the model has none any more.
        package let after: Pico?

        package var difference: Pico? { after.map { $0 - before } }
    }

    /// The sums of a preview.
    package struct Total: Hashable, Sendable {
        package fileprivate(set) var before = Pico.zero
        package fileprivate(set) var after = Pico.zero
        /// Of what can be rated: a model that has no price any more is not money saved.
        package fileprivate(set) var difference = Pico.zero
        package fileprivate(set) var calls: Int64 = 0
    }

    package let version: PriceVersionHeader
    package let month: Month
    /// By account and model.
    package let rows: [Row]

    package var total: Total {
        rows.reduce(into: Total()) { total, row in
            total.before += row.before
            total.after += row.after ?? .zero
            total.difference += row.difference ?? .zero
            total.calls += row.calls
        }
    }
}

extension PriceBook {
    /// Rates the calls of a month anew, which is reckoned in each account's own time zone.
    ///
    /// Every account is rated that pays by the version's currency, and for a plan's version those
    /// with the plan. Throws `.noVersion`.
    package func preview(
        _ version: PriceVersion,
        month: Month
    ) async throws(PriceBookError) -> PricePreview {
        guard let header = try await list().first(where: { $0.version == version }) else {
            throw .noVersion(version)
        }
        let snapshot = try await load(at: header.effectiveAt)
        let thresholds = Set(
            snapshot.editions.flatMap { $0.allTerms.flatMap(\.tokenPrices.contextTiers) }
                .map(\.threshold)
        ).subtracting([0]).sorted()
        let usages = try await reading { session in
            try MonthUsage.read(
                session,
                header.line,
                month: "\(month)-01",
                thresholds: thresholds
            )
        }
        return PricePreview(
            version: header,
            month: month,
            rows: Self.rated(usages, by: snapshot, header)
        )
    }

    private static func rated(
        _ usages: [MonthUsage],
        by snapshot: PriceSnapshot,
        _ header: PriceVersionHeader
    ) -> [PricePreview.Row] {
        var rows: [PricePreview.Row] = []
        for usage in usages {
            let terms = snapshot.terms(
                model: usage.model,
                currency: header.currency,
                plan: usage.plan,
                at: header.effectiveAt
            )
            var row = PricePreview.Row(
                account: usage.account,
                currency: header.currency,
                model: usage.model,
                calls: usage.calls,
                before: usage.asked,
                after: terms.map(usage.amount)
            )
            // The rows of one account and model stand together.
            if let last = rows.last, last.account == row.account, last.model == row.model {
                rows.removeLast()
                row = last.adding(row)
            }
            rows.append(row)
        }
        return rows
    }
}

extension PricePreview.Row {
    fileprivate func adding(_ other: Self) -> Self {
        let sum = after.flatMap { after in other.after.map { after + $0 } }
        return Self(
            account: account,
            currency: currency,
            model: model,
            calls: calls + other.calls,
            before: before + other.before,
            after: sum
        )
    }
}

/// Sums of calls that every price list rates alike: of one account, model and service tier, with
/// prompts between the same two thresholds.
private struct MonthUsage: Sendable {
    let account: String
    let plan: String?
    let model: String
    let serviceTier: ServiceTier
    /// The highest threshold that the prompts exceed.
    let threshold: Int32
    let calls: Int64
    /// Calls that the upstream served, which have fees.
    let requests: Int64
    let webSearches: Int64
    let tokens: [TokenClass: Int64]
    let asked: Pico

    /// The sum of the calls' charges by these terms, without the bound of their holds.
    func amount(_ terms: PriceTerms) -> Pico {
        let context = terms.contextTier(promptTokens: Int64(threshold) + 1)
        // Counts are at most 10¹⁸ and prices 2 × 10¹⁵, so sums stay below 10³⁵.
        var total = tokens.reduce(Int128.zero) { total, count in
            total + terms.rate(count.key, serviceTier, context).price.units * Int128(count.value)
        }
        total += (terms.fees[.request] ?? .zero).units * Int128(requests)
        total += (terms.fees[.webSearch] ?? .zero).units * Int128(webSearches)
        return Pico(total)
    }

    static func read(
        _ session: Session,
        _ line: PriceLine,
        month: String,
        thresholds: [Int32]
    ) throws -> [MonthUsage] {
        let rows = try session.execute(
            """
            WITH months AS (
                SELECT account_id, slug, plan, \(month)::date::timestamp AT TIME ZONE time_zone
                    AS starts_at,
                    (\(month)::date + interval '1 month') AT TIME ZONE time_zone AS ends_at
                FROM accounts
                WHERE currency = \(line.currency.code)
                    AND (\(line.plan)::text IS NULL OR plan = \(line.plan))
            ), calls AS (
                SELECT slug, plan, events.*, width_bucket(
                    input_tokens::bigint + cache_read_tokens + cache_write_short_tokens
                        + cache_write_long_tokens + audio_input_tokens + image_input_tokens - 1,
                    \(thresholds.map(Int64.init))) AS bucket
                FROM events JOIN months USING (account_id)
                WHERE kind = 'usage' AND occurred_at >= starts_at AND occurred_at < ends_at
            )
            SELECT slug, plan, model, service_tier::text, bucket, count(*) AS calls,
                count(*) FILTER (WHERE usage_source <> 'none') AS requests,
                sum(web_searches)::bigint AS web_searches,
                sum(input_tokens)::bigint AS input, sum(cache_read_tokens)::bigint AS cache_read,
                sum(cache_write_short_tokens)::bigint AS cache_write_short,
                sum(cache_write_long_tokens)::bigint AS cache_write_long,
                sum(audio_input_tokens)::bigint AS audio_input,
                sum(image_input_tokens)::bigint AS image_input,
                sum(output_tokens)::bigint AS output,
                sum(audio_output_tokens)::bigint AS audio_output,
                sum(excess_pico - amount_pico) AS asked
            FROM calls GROUP BY slug, plan, model, service_tier, bucket
            ORDER BY slug, model, service_tier, bucket
            """
        )
        return try rows.map { row in
            guard let tier = ServiceTier(rawValue: try row.get("service_tier")) else {
                throw PriceBookError.database("a call of an unknown tier")
            }
            let bucket = try row.get("bucket", as: Int32.self)
            var tokens: [TokenClass: Int64] = [:]
            for tokenClass in TokenClass.allCases {
                let count = try row.get(tokenClass.rawValue, as: Int64.self)
                if count > 0 { tokens[tokenClass] = count }
            }
            return MonthUsage(
                account: try row.get("slug"),
                plan: try row.get("plan"),
                model: try row.get("model"),
                serviceTier: tier,
                threshold: bucket == 0 ? 0 : thresholds[Int(bucket) - 1],
                calls: try row.get("calls"),
                requests: try row.get("requests"),
                webSearches: try row.get("web_searches"),
                tokens: tokens,
                asked: try row.get("asked")
            )
        }
    }
}
