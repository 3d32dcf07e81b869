import Digest
import Postgres
import Schema

/// A batch of placed events turned into columns, as one INSERT takes it.
struct EventColumns {
    private let count: Int
    private var account = ArrayColumn<UUIDBytes>()
    private var version = ArrayColumn<Int64>()
    private var id = ArrayColumn<UUIDBytes>()
    private var kind = ArrayColumn<String>()
    private var occurredAt = ArrayColumn<Timestamp>()
    private var amount = ArrayColumn<Int128>()
    private var contentHash = ArrayColumn<Bytea>()
    private var currency = ArrayColumn<String>()
    private var request = ArrayColumn<UUIDBytes>()
    private var lease = ArrayColumn<UUIDBytes>()
    private var key = ArrayColumn<UUIDBytes>()
    private var project = ArrayColumn<UUIDBytes>()
    private var admittedAt = ArrayColumn<Timestamp>()
    private var model = ArrayColumn<String>()
    private var upstream = ArrayColumn<String>()
    private var upstreamModel = ArrayColumn<String>()
    private var endpoint = ArrayColumn<String>()
    private var streamed = ArrayColumn<Bool>()
    private var serviceTier = ArrayColumn<String>()
    private var contextThreshold = ArrayColumn<Int32>()
    /// From `input_tokens` to `web_searches`.
    private var counts = [ArrayColumn<Int32>](repeating: ArrayColumn(), count: 10)
    private var latency = ArrayColumn<Int64>()
    private var firstByte = ArrayColumn<Int64>()
    private var status = ArrayColumn<Int32>()
    private var outcome = ArrayColumn<String>()
    private var source = ArrayColumn<String>()
    private var priceVersion = ArrayColumn<Int64>()
    private var hold = ArrayColumn<Int64>()
    private var charge = ArrayColumn<Int64>()
    private var fromLease = ArrayColumn<Int64>()
    private var excess = ArrayColumn<Int64>()
    private var upstreamCost = ArrayColumn<Int64>()
    private var capped = ArrayColumn<Int16>()
    private var data = ArrayColumn<JSONText>()

    /// The columns that only usage has.
    static let usageColumns: SQL = """
        upstream_cost_currency, request_id, lease_id, key_id, project_id, admitted_at, model,
        upstream, upstream_model, endpoint, streamed, service_tier, context_threshold,
        input_tokens, cache_read_tokens, cache_write_short_tokens, cache_write_long_tokens,
        audio_input_tokens, image_input_tokens, output_tokens, audio_output_tokens,
        reasoning_tokens, web_searches, latency_ms, first_byte_ms, status, outcome, usage_source,
        price_version, hold_pico, charge_pico, from_lease_pico, excess_pico, upstream_cost_pico,
        capped
        """

    init(_ placed: [PlacedEvent], currencies: [AccountID: Currency]) {
        count = placed.count
        for placed in placed {
            let event = placed.hashed.event
            account.append(event.account)
            version.append(placed.version)
            id.append(event.id)
            kind.append(event.body.kind.rawValue)
            occurredAt.append(event.occurredAt)
            amount.append(placed.effect.amount.units)
            placed.hashed.contentHash.withUnsafeBytes { contentHash.append($0) }
            if case .usage(let usage) = event.body {
                append(usage, placed.effect)
                let own = usage.upstreamCost == nil ? nil : currencies[event.account]
                currency.append((usage.upstreamCostCurrency ?? own)?.code)
            } else {
                appendNoUsage()
            }
            data.append(event.body.data)
        }
    }

    private mutating func append(_ usage: Usage, _ effect: EventEffect) {
        request.append(usage.request)
        lease.append(usage.lease)
        key.append(usage.key)
        project.append(usage.project)
        admittedAt.append(usage.admittedAt)
        model.append(usage.model)
        upstream.append(usage.upstream)
        upstreamModel.append(usage.upstreamModel)
        endpoint.append(usage.endpoint.rawValue)
        streamed.append(usage.isStreamed)
        serviceTier.append(usage.serviceTier.rawValue)
        contextThreshold.append(usage.contextTier.threshold)
        append(usage.tokens)
        append(count: usage.webSearches, to: 9)
        latency.append(usage.latencyMilliseconds)
        firstByte.append(usage.firstByteMilliseconds)
        status.append(Int32(usage.status))
        outcome.append(usage.outcome.rawValue)
        source.append(usage.source.rawValue)
        priceVersion.append(usage.priceVersion.number)
        hold.append(usage.hold.int64)
        charge.append(usage.charge.int64)
        fromLease.append(effect.fromLease.int64)
        excess.append(effect.excess.int64)
        upstreamCost.append(usage.upstreamCost?.int64)
        capped.append(usage.capped.isEmpty ? nil : Int16(usage.capped.rawValue))
    }

    private mutating func append(_ tokens: TokenUsage) {
        append(count: tokens.input, to: 0)
        append(count: tokens.cacheRead, to: 1)
        append(count: tokens.cacheWriteShort, to: 2)
        append(count: tokens.cacheWriteLong, to: 3)
        append(count: tokens.audioInput, to: 4)
        append(count: tokens.imageInput, to: 5)
        append(count: tokens.output, to: 6)
        append(count: tokens.audioOutput, to: 7)
        append(count: tokens.reasoning, to: 8)
    }

    /// Appends a count, which `Event.defect` bounds far below what the column holds.
    private mutating func append(count: Int64, to index: Int) {
        counts[index].append(Int32(count))
    }

    /// Appends NULLs to the columns that only usage has.
    private mutating func appendNoUsage() {
        currency.appendNull()
        request.appendNull()
        lease.appendNull()
        key.appendNull()
        project.appendNull()
        admittedAt.appendNull()
        model.appendNull()
        upstream.appendNull()
        upstreamModel.appendNull()
        endpoint.appendNull()
        streamed.appendNull()
        serviceTier.appendNull()
        contextThreshold.appendNull()
        for index in counts.indices { counts[index].appendNull() }
        latency.appendNull()
        firstByte.appendNull()
        status.appendNull()
        outcome.appendNull()
        source.appendNull()
        priceVersion.appendNull()
        hold.appendNull()
        charge.appendNull()
        fromLease.appendNull()
        excess.appendNull()
        upstreamCost.appendNull()
        capped.appendNull()
    }

    /// Inserts the rows: never ON CONFLICT, for a conflict here would be a fault to be seen.
    func insert(into session: Session) throws {
        guard count > 0 else { return }
        _ = try session.executePrepared(
            """
            INSERT INTO events (account_id, version, event_id, kind, occurred_at, amount_pico,
                content_hash, \(Self.usageColumns), data, recorded_at)
            SELECT unnest(\(account)), unnest(\(version)), unnest(\(id)), unnest(\(kind)),
                unnest(\(occurredAt)), unnest(\(amount)), unnest(\(contentHash)),
                unnest(\(currency)), unnest(\(request)), unnest(\(lease)), unnest(\(key)),
                unnest(\(project)), unnest(\(admittedAt)), unnest(\(model)), unnest(\(upstream)),
                unnest(\(upstreamModel)), unnest(\(endpoint)), unnest(\(streamed)),
                unnest(\(serviceTier)), unnest(\(contextThreshold)), unnest(\(counts[0])),
                unnest(\(counts[1])), unnest(\(counts[2])), unnest(\(counts[3])),
                unnest(\(counts[4])), unnest(\(counts[5])), unnest(\(counts[6])),
                unnest(\(counts[7])), unnest(\(counts[8])), unnest(\(counts[9])),
                unnest(\(latency)), unnest(\(firstByte)), unnest(\(status)), unnest(\(outcome)),
                unnest(\(source)), unnest(\(priceVersion)), unnest(\(hold)), unnest(\(charge)),
                unnest(\(fromLease)), unnest(\(excess)), unnest(\(upstreamCost)),
                unnest(\(capped)), unnest(\(data)), statement_timestamp()
            """
        )
    }
}

extension EventBody {
    /// What the column `data` holds; nil for usage that says nothing beyond its own columns.
    var data: JSONText? {
        switch self {
        case .usage(let usage): usage.data
        case .creditGranted(let grant):
            JSONText.object([
                ("grant", grant.grant.description), ("kind", grant.kind.rawValue),
                ("reference", grant.reference), ("priority", String(grant.priority)),
                ("expires_at", grant.expiresAt?.description),
            ])
        case .creditExpired(let withdrawal), .creditVoided(let withdrawal):
            JSONText.object([
                ("grant", withdrawal.grant.description),
                ("kept_pico", String(withdrawal.kept.units)),
            ])
        case .creditChargedBack(let chargeback):
            JSONText.object([
                ("grant", chargeback.grant.description), ("reason", chargeback.reason),
            ])
        case .creditAdjusted(let adjustment):
            JSONText.object([("reason", adjustment.reason)])
        case .creditLimitSet(let change):
            JSONText.object([("limit_pico", String(change.limit.units))])
        case .payment(let payment):
            JSONText.object([("invoice", payment.invoice), ("reference", payment.reference)])
        case .creditNote(let note):
            JSONText.object([
                ("invoice", note.invoice), ("number", note.number), ("reason", note.reason),
            ])
        case .rounding(let rounding):
            JSONText.object([("invoice", rounding.invoice)])
        case .leaseLost(let lost):
            JSONText.object([
                ("lease", lost.lease.description), ("instance", lost.instance.description),
                ("epoch", String(lost.epoch)), ("bound_pico", String(lost.bound.units)),
            ])
        case .periodClosed(let closed):
            JSONText.object([
                ("month", closed.month.description), ("ends_at", closed.endsAt.description),
                ("charged_from", closed.chargedFrom?.description),
            ])
        }
    }
}

extension Usage {
    fileprivate var data: JSONText? {
        guard !attempts.isEmpty || loweredCap != nil || upstreamCostCurrency != nil else {
            return nil
        }
        return JSONText.object(
            [
                ("lowered_cap", loweredCap.map { String($0) }),
                ("cost_currency", upstreamCostCurrency?.code),
            ],
            and: attempts.isEmpty ? [] : [("attempts", attempts.map(\.data))]
        )
    }
}

extension UpstreamAttempt {
    fileprivate var data: JSONText {
        JSONText.object([
            ("upstream", upstream), ("upstream_model", upstreamModel),
            ("end", end.rawValue), ("status", status.map(String.init)),
            ("milliseconds", String(milliseconds)),
        ])
    }
}

extension JSONText {
    /// An object of strings and nulls, and of lists of objects behind them.
    fileprivate static func object(
        _ members: [(name: String, value: String?)],
        and lists: [(name: String, objects: [JSONText])] = []
    ) -> JSONText {
        let texts =
            members.map { "\(quoted($0.name)): \($0.value.map(quoted) ?? "null")" }
            + lists.map { list in
                let objects = list.objects.map(\.text).joined(separator: ", ")
                return "\(quoted(list.name)): [\(objects)]"
            }
        return JSONText("{\(texts.joined(separator: ", "))}")
    }

    private static func quoted(_ text: String) -> String {
        var quoted = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"", "\\":
                quoted += "\\"
                quoted.unicodeScalars.append(scalar)
            case "\u{0}"..."\u{1f}":
                let digits = String(scalar.value, radix: 16)
                quoted += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: quoted.unicodeScalars.append(scalar)
            }
        }
        return quoted + "\""
    }
}
