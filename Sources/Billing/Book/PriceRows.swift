import Postgres
import Schema

/// The price tables as statements: rows in, values out.
enum PriceRows {
    /// The database's clock, which dates publications.
    static func now(_ session: Session) throws -> Instant {
        let row = try session.execute("SELECT clock_timestamp() AS now").single()
        return try instant(row, "now")
    }

    private static func instant(_ row: Row, _ column: String) throws -> Instant {
        Instant(microseconds: try row.get(column, as: Timestamp.self).microseconds)
    }

    static func headers(_ session: Session) throws -> [PriceVersionHeader] {
        let rows = try session.execute(
            """
            SELECT price_version, source, plan, sha256, currency, effective_at, published_at
            FROM price_versions ORDER BY price_version
            """
        )
        return try rows.map { row in
            let source = try row.get("source", as: String.self)
            let code = try row.get("currency", as: String.self)
            guard let source = PriceSource(rawValue: source), let currency = Currency(code) else {
                throw PriceBookError.database("a price version of an unknown source or currency")
            }
            return PriceVersionHeader(
                version: PriceVersion(try row.get("price_version")),
                line: PriceLine(source, currency, plan: try row.get("plan")),
                effectiveAt: Instant(
                    microseconds: try row.get("effective_at", as: Timestamp.self).microseconds
                ),
                publishedAt: Instant(
                    microseconds: try row.get("published_at", as: Timestamp.self).microseconds
                ),
                sha256: try row.get("sha256")
            )
        }
    }

    static func models(
        _ session: Session,
        _ version: PriceVersion
    ) throws -> [String: ModelPrices] {
        var models: [String: ModelPrices] = [:]
        let limits = try session.execute(
            """
            SELECT model, input_tokens_max, output_tokens_max FROM price_models
            WHERE price_version = \(version.number)
            """
        )
        for row in limits {
            var prices = ModelPrices()
            prices.inputTokensMax = try row.get("input_tokens_max")
            prices.outputTokensMax = try row.get("output_tokens_max")
            models[try row.get("model")] = prices
        }
        let tokens = try session.execute(
            """
            SELECT model, token_class, service_tier, context_threshold, pico_per_token FROM prices
            WHERE price_version = \(version.number)
            """
        )
        for row in tokens {
            let threshold = try row.get("context_threshold", as: Int32.self)
            guard let tokenClass = TokenClass(rawValue: try row.get("token_class")),
                let tier = ServiceTier(rawValue: try row.get("service_tier"))
            else { throw PriceBookError.database("a price of an unknown class or tier") }
            let key = PriceKey(tokenClass, tier, ContextTier(threshold: threshold))
            models[try row.get("model"), default: ModelPrices()].tokenPrices[key] =
                Pico(Int128(try row.get("pico_per_token", as: Int64.self)))
        }
        let fees = try session.execute(
            "SELECT model, fee, pico_per_call FROM price_fees WHERE price_version = \(version.number)"
        )
        for row in fees {
            guard let kind = FeeKind(rawValue: try row.get("fee")) else {
                throw PriceBookError.database("an unknown fee")
            }
            models[try row.get("model"), default: ModelPrices()].fees[kind] =
                Pico(Int128(try row.get("pico_per_call", as: Int64.self)))
        }
        return models
    }

    static func insert(
        _ session: Session,
        _ header: PriceVersionHeader,
        _ models: [String: ModelPrices]
    ) throws {
        _ = try session.execute(
            """
            INSERT INTO price_versions (price_version, source, plan, sha256, currency,
                effective_at, published_at)
            VALUES (\(header.version.number), \(header.source.rawValue), \(header.line.plan),
                \(header.sha256), \(header.currency.code),
                \(Timestamp(microseconds: header.effectiveAt.microseconds)),
                \(Timestamp(microseconds: header.publishedAt.microseconds)))
            """
        )
        let sorted = models.sorted { $0.key < $1.key }
        try insertLimits(session, header.version, sorted)
        try insertTokenPrices(session, header.version, sorted)
        try insertFees(session, header.version, sorted)
    }

    private static func insertLimits(
        _ session: Session,
        _ version: PriceVersion,
        _ models: [(key: String, value: ModelPrices)]
    ) throws {
        _ = try session.execute(
            """
            INSERT INTO price_models (price_version, model, input_tokens_max, output_tokens_max)
            SELECT \(version.number), * FROM unnest(\(models.map(\.key)),
                \(models.map(\.value.inputTokensMax)), \(models.map(\.value.outputTokensMax)))
            """
        )
    }

    private static func insertTokenPrices(
        _ session: Session,
        _ version: PriceVersion,
        _ models: [(key: String, value: ModelPrices)]
    ) throws {
        let prices = models.flatMap { model in
            model.value.tokenPrices.sorted { $0.key < $1.key }.map { (model.key, $0.key, $0.value) }
        }
        _ = try session.execute(
            """
            INSERT INTO prices (price_version, model, token_class, service_tier,
                context_threshold, pico_per_token)
            SELECT \(version.number), * FROM unnest(\(prices.map(\.0)),
                \(prices.map(\.1.tokenClass.rawValue)), \(prices.map(\.1.serviceTier.rawValue)),
                \(prices.map(\.1.contextTier.threshold)), \(prices.map { $0.2.int64 }))
            """
        )
    }

    private static func insertFees(
        _ session: Session,
        _ version: PriceVersion,
        _ models: [(key: String, value: ModelPrices)]
    ) throws {
        let fees = models.flatMap { model in
            model.value.fees.sorted { $0.key.rawValue < $1.key.rawValue }
                .map { (model.key, $0.key.rawValue, $0.value.int64) }
        }
        _ = try session.execute(
            """
            INSERT INTO price_fees (price_version, model, fee, pico_per_call)
            SELECT \(version.number), * FROM unnest(\(fees.map(\.0)), \(fees.map(\.1)),
                \(fees.map(\.2)))
            """
        )
    }
}
