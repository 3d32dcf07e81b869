import Digest
import Postgres
import Schema

/// An event read back from its row, and the hash that was stored with it.
struct EventRow: Sendable {
    let recorded: RecordedEvent
    let storedHash: SHA256Digest

    static let columns: SQL = """
        events.*, data->>'grant' AS grant_text, data->>'kind' AS grant_kind,
        data->>'reference' AS reference, data->>'reason' AS reason,
        data->>'limit_pico' AS limit_text, data->>'priority' AS priority_text,
        data->>'expires_at' AS expiry_text, data->>'kept_pico' AS kept_text,
        data->>'invoice' AS invoice, data->>'number' AS document_number,
        data->>'lease' AS lease_text, data->>'instance' AS instance_text,
        data->>'epoch' AS epoch_text, data->>'bound_pico' AS bound_text,
        data->>'month' AS month_text, data->>'ends_at' AS end_text,
        data->>'charged_from' AS charged_from_text,
        data->>'lowered_cap' AS cap_text, data->>'cost_currency' AS cost_currency_text,
        CASE WHEN kind = 'usage' AND data IS NOT NULL THEN ARRAY(
            SELECT attempt->>field
            FROM jsonb_array_elements(data->'attempts') WITH ORDINALITY a(attempt, number),
                unnest(ARRAY['upstream', 'upstream_model', 'end', 'status', 'milliseconds'])
                    WITH ORDINALITY f(field, place)
            ORDER BY number, place) END AS attempt_fields
        """

    init(_ row: Row) throws(PostgresError) {
        let amount = try row.get("amount_pico", as: Pico.self)
        recorded = RecordedEvent(
            version: try row.get("version"),
            recordedAt: try row.get("recorded_at"),
            amount: amount,
            excess: try Self.pico(row, "excess_pico") ?? .zero,
            event: Event(
                account: try row.get("account_id"),
                id: try row.get("event_id"),
                occurredAt: try row.get("occurred_at"),
                body: try Self.body(row, amount)
            )
        )
        storedHash = try row.get("content_hash")
    }

    /// Whether the row still says what its producer stated.
    var isIntact: Bool { EventEncoding.contentHash(recorded.event) == storedHash }

    private static func body(_ row: Row, _ amount: Pico) throws(PostgresError) -> EventBody {
        switch try row.get("kind", as: EventKind.self) {
        case .usage: .usage(try usage(row, amount))
        case .creditGranted: .creditGranted(try grant(row, amount))
        case .creditExpired: .creditExpired(try withdrawal(row, amount))
        case .creditVoided: .creditVoided(try withdrawal(row, amount))
        case .creditChargedBack:
            .creditChargedBack(
                CreditChargedBack(
                    grant: try grantID(row),
                    amount: -amount,
                    reason: try row.get("reason")
                )
            )
        case .creditAdjusted:
            .creditAdjusted(CreditAdjusted(amount: amount, reason: try row.get("reason")))
        case .creditLimitSet:
            .creditLimitSet(
                CreditLimitSet(limit: Pico(try parsed(row, "limit_text") { Int128($0) } ?? 0))
            )
        case .payment:
            .payment(
                Payment(
                    amount: amount,
                    invoice: try row.get("invoice"),
                    reference: try row.get("reference")
                )
            )
        case .creditNote:
            .creditNote(
                CreditNote(
                    amount: amount,
                    invoice: try row.get("invoice"),
                    number: try row.get("document_number"),
                    reason: try row.get("reason")
                )
            )
        case .rounding:
            .rounding(InvoiceRounding(amount: amount, invoice: try row.get("invoice")))
        case .leaseLost: .leaseLost(try leaseLost(row))
        case .periodClosed: .periodClosed(try periodClosed(row))
        }
    }

    private static func grant(_ row: Row, _ amount: Pico) throws(PostgresError) -> CreditGranted {
        CreditGranted(
            grant: try grantID(row),
            kind: try row.get("grant_kind"),
            amount: amount,
            reference: try row.get("reference"),
            priority: try parsed(row, "priority_text") { Int32($0) } ?? 0,
            expiresAt: try parsed(row, "expiry_text") { Instant($0) }
        )
    }

    private static func withdrawal(
        _ row: Row,
        _ amount: Pico
    ) throws(PostgresError) -> CreditWithdrawn {
        CreditWithdrawn(
            grant: try grantID(row),
            amount: -amount,
            kept: Pico(try parsed(row, "kept_text") { Int128($0) } ?? 0)
        )
    }

    /// Text that is no identifier gives another hash than the one stored.
    private static func grantID(_ row: Row) throws(PostgresError) -> GrantID {
        GrantID(try row.get("grant_text", as: String.self)) ?? GrantID(high: 0, low: 0)
    }

    private static func periodClosed(_ row: Row) throws(PostgresError) -> PeriodClosed {
        PeriodClosed(
            month: try parsed(row, "month_text") { Month($0) } ?? .first,
            endsAt: try parsed(row, "end_text") { Instant($0) } ?? Instant(microseconds: 0),
            chargedFrom: try parsed(row, "charged_from_text") { Instant($0) }
        )
    }

    private static func leaseLost(_ row: Row) throws(PostgresError) -> LeaseLost {
        LeaseLost(
            lease: try parsed(row, "lease_text") { LeaseID($0) } ?? LeaseID(high: 0, low: 0),
            instance: try parsed(row, "instance_text") { InstanceID($0) }
                ?? InstanceID(high: 0, low: 0),
            epoch: try parsed(row, "epoch_text") { Int64($0) } ?? 0,
            bound: Pico(try parsed(row, "bound_text") { Int128($0) } ?? 0)
        )
    }

    /// What a text in `data` stands for; nil when there is none.
    ///
    /// Not cast by PostgreSQL, where one row that was tampered with would fail all of its page.
    private static func parsed<Value>(
        _ row: Row,
        _ column: String,
        _ parse: (String) -> Value?
    ) throws(PostgresError) -> Value? {
        guard let text = try row.get(column, as: String?.self) else { return nil }
        guard let value = parse(text) else {
            throw PostgresError(.decoding, "\(column) is no \(Value.self)")
        }
        return value
    }

    private static func usage(_ row: Row, _ amount: Pico) throws(PostgresError) -> Usage {
        var usage = Usage(
            request: try row.get("request_id"),
            lease: try row.get("lease_id"),
            key: try row.get("key_id"),
            project: try row.get("project_id"),
            admittedAt: try row.get("admitted_at"),
            model: try row.get("model"),
            upstream: try row.get("upstream"),
            upstreamModel: try row.get("upstream_model"),
            endpoint: try row.get("endpoint"),
            isStreamed: try row.get("streamed"),
            priceVersion: PriceVersion(try row.get("price_version")),
            hold: try pico(row, "hold_pico") ?? .zero
        )
        usage.serviceTier = try row.get("service_tier")
        usage.contextTier = ContextTier(threshold: try row.get("context_threshold"))
        usage.tokens = try tokens(row)
        usage.webSearches = try row.get("web_searches")
        usage.latencyMilliseconds = try row.get("latency_ms")
        usage.firstByteMilliseconds = try row.get("first_byte_ms")
        usage.status = try row.get("status", as: Int.self)
        usage.outcome = try row.get("outcome")
        usage.source = try row.get("usage_source")
        usage.charge = try pico(row, "charge_pico") ?? .zero
        // The append added to the producer's excess what of the charge found no cover.
        usage.excess = (try pico(row, "excess_pico") ?? .zero) - (usage.charge + amount)
        usage.upstreamCost = try pico(row, "upstream_cost_pico")
        usage.attempts = try attempts(row)
        usage.upstreamCostCurrency = try parsed(row, "cost_currency_text") { Currency($0) }
        usage.loweredCap = try parsed(row, "cap_text") { Int64($0) }
        // A number that is none gives another hash than the one stored.
        usage.capped = CappedScopes(
            rawValue: UInt8(truncatingIfNeeded: try row.get("capped", as: Int16?.self) ?? 0)
        )
        return usage
    }

    /// The failed attempts, of which the row has the fields one after the other.
    private static func attempts(_ row: Row) throws(PostgresError) -> [UpstreamAttempt] {
        guard let fields = try row.get("attempt_fields", as: [String?]?.self) else { return [] }
        guard fields.count.isMultiple(of: 5) else {
            throw PostgresError(.decoding, "data is no list of attempts")
        }
        return try stride(from: 0, to: fields.count, by: 5).map { start throws(PostgresError) in
            guard let upstream = fields[start], let model = fields[start + 1],
                let end = fields[start + 2].flatMap(AttemptEnd.init),
                let milliseconds = fields[start + 4].flatMap(Int64.init)
            else { throw PostgresError(.decoding, "data is no list of attempts") }
            return UpstreamAttempt(
                upstream: upstream,
                upstreamModel: model,
                end: end,
                status: fields[start + 3].flatMap { Int($0) },
                milliseconds: milliseconds
            )
        }
    }

    private static func tokens(_ row: Row) throws(PostgresError) -> TokenUsage {
        var tokens = TokenUsage()
        tokens.input = try row.get("input_tokens")
        tokens.cacheRead = try row.get("cache_read_tokens")
        tokens.cacheWriteShort = try row.get("cache_write_short_tokens")
        tokens.cacheWriteLong = try row.get("cache_write_long_tokens")
        tokens.audioInput = try row.get("audio_input_tokens")
        tokens.imageInput = try row.get("image_input_tokens")
        tokens.output = try row.get("output_tokens")
        tokens.audioOutput = try row.get("audio_output_tokens")
        tokens.reasoning = try row.get("reasoning_tokens")
        return tokens
    }

    private static func pico(_ row: Row, _ column: String) throws(PostgresError) -> Pico? {
        try row.get(column, as: Int64?.self).map { Pico(Int128($0)) }
    }
}
