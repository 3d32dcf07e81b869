import Digest
import Ledger
import Schema

// What programs read: the JSON shapes that dashboards and scripts depend on.

extension JSONNode {
    /// Money as a decimal string, exact, with at least the currency's own digits.
    static func money(_ amount: Pico, _ currency: Currency) -> JSONNode {
        .text(amount.decimal(fractionDigitsMin: currency.exponent))
    }

    static func account(_ account: AccountSummary) -> JSONNode {
        let currency = account.currency
        return .object(
            [
                ("slug", .text(account.slug)), ("currency", .text(currency.code)),
                ("time_zone", .text(account.timeZone)),
                ("balance", .money(account.balance, currency)),
                ("held", .money(account.held, currency)),
                ("available", .money(account.available, currency)),
                ("credit_limit", .money(account.creditLimit, currency)),
                ("status", .text(account.status.rawValue)), ("version", .integer(account.version)),
            ] + (account.plan.map { [("plan", .text($0))] } ?? [])
        )
    }

    static func grant(_ grant: GrantSummary, _ currency: Currency) -> JSONNode {
        .object([
            ("id", .text(grant.id.description)), ("account", .text(grant.account)),
            ("origin", .text(grant.origin.rawValue)), ("kind", .text(grant.kind.rawValue)),
            ("status", .text(grant.status.rawValue)),
            ("amount", .money(grant.amount, currency)),
            ("remaining", .money(grant.remaining, currency)),
            ("burned", .money(grant.burned, currency)),
            ("priority", .integer(Int64(grant.priority))),
            ("starts_at", .optional(grant.startsAt?.description)),
            ("expires_at", .optional(grant.expiresAt?.description)),
            ("reference", .optional(grant.reference)),
        ])
    }

    static func key(_ key: KeySummary, secret: String? = nil) -> JSONNode {
        let head: [(String, JSONNode)] = [("id", .text(key.id.description))]
        let shown: [(String, JSONNode)] =
            secret.map { [("secret", .text($0))] }
            ?? [
                ("prefix", .text(key.prefix)),
                ("models", key.models.map { .array($0.map(JSONNode.text)) } ?? .null),
                ("max_output_tokens", key.outputTokensMax.map(JSONNode.integer) ?? .null),
                ("ip", key.addresses.map { .array($0.map { .text($0.description) }) } ?? .null),
                ("requests_per_minute", key.rates.requestsPerMinute.map(JSONNode.integer) ?? .null),
                ("tokens_per_minute", key.rates.tokensPerMinute.map(JSONNode.integer) ?? .null),
                ("concurrency", key.rates.concurrency.map(JSONNode.integer) ?? .null),
                ("caps", .limits(key.limits, key.currency)),
                ("created_at", .text(key.createdAt.description)),
                ("revoked_at", .optional(key.revokedAt?.description)),
            ]
        return .object(
            head + shown + [
                ("account", .text(key.accountSlug)), ("project", .text(key.projectSlug)),
                ("name", .text(key.name)), ("expires_at", .optional(key.expiresAt?.description)),
                (
                    "previous_secret_expires_at",
                    .optional(key.retiredSecretsExpireAt?.description)
                ),
            ]
        )
    }

    static func event(_ recorded: RecordedEvent, account: String, _ currency: Currency) -> JSONNode
    {
        let event = recorded.event
        var usage = JSONNode.null
        if case .usage(let body) = event.body {
            usage = .usage(body, excess: recorded.excess, currency)
        }
        let data = JSONNode.object(members(of: event.body, currency))
        return .object([
            ("account", .text(account)), ("version", .integer(recorded.version)),
            ("event_id", .text(event.id.description)),
            ("kind", .text(event.body.kind.rawValue)),
            ("occurred_at", .text(event.occurredAt.description)),
            ("amount", .money(recorded.amount, currency)), ("usage", usage), ("data", data),
        ])
    }

    static func seal(_ seal: Seal, account: String) -> JSONNode {
        .object([
            ("account", .text(account)), ("account_id", .text(seal.account.description)),
            ("first_version", .integer(seal.firstVersion)),
            ("last_version", .integer(seal.lastVersion)), ("events", .integer(seal.eventCount)),
            ("format", .integer(Int64(seal.format))),
            ("previous_hash", .text(seal.previousHash.hexadecimal)),
            ("hash", .text(seal.hash.hexadecimal)),
            ("sealed_at", .text(seal.sealedAt.description)),
        ])
    }

    /// What the kinds other than usage say beside their amount.
    private static func members(
        of body: EventBody,
        _ currency: Currency
    ) -> [(String, JSONNode)] {
        switch body {
        case .usage: []
        case .creditGranted(let grant):
            [
                ("grant", .text(grant.grant.description)), ("kind", .text(grant.kind.rawValue)),
                ("reference", .optional(grant.reference)),
                ("priority", .integer(Int64(grant.priority))),
                ("expires_at", .optional(grant.expiresAt?.description)),
            ]
        case .creditExpired(let withdrawal), .creditVoided(let withdrawal):
            [
                ("grant", .text(withdrawal.grant.description)),
                ("kept", .money(withdrawal.kept, currency)),
            ]
        case .creditChargedBack(let chargeback):
            [
                ("grant", .text(chargeback.grant.description)),
                ("reason", .text(chargeback.reason)),
            ]
        case .creditAdjusted(let adjustment): [("reason", .text(adjustment.reason))]
        case .creditLimitSet(let change): [("limit", .money(change.limit, currency))]
        case .payment(let payment):
            [("invoice", .text(payment.invoice)), ("reference", .text(payment.reference))]
        case .creditNote(let note):
            [
                ("invoice", .text(note.invoice)), ("number", .text(note.number)),
                ("reason", .text(note.reason)),
            ]
        case .rounding(let rounding): [("invoice", .text(rounding.invoice))]
        case .leaseLost(let lost):
            [
                ("lease", .text(lost.lease.description)),
                ("instance", .text(lost.instance.description)), ("epoch", .integer(lost.epoch)),
                ("bound", .money(lost.bound, currency)),
            ]
        case .periodClosed(let closed):
            [
                ("month", .text(closed.month.description)),
                ("ends_at", .text(closed.endsAt.description)),
            ]
        }
    }

    private static func usage(_ usage: Usage, excess: Pico, _ currency: Currency) -> JSONNode {
        var fields: [(String, JSONNode)] = [
            ("request_id", .text("req_\(usage.request.hexadecimal)")),
            ("lease_id", .optional(usage.lease?.description)),
            ("key_id", .text(usage.key.description)),
            ("project_id", .text(usage.project.description)),
            ("admitted_at", .text(usage.admittedAt.description)),
            ("model", .text(usage.model)), ("upstream", .text(usage.upstream)),
            ("upstream_model", .text(usage.upstreamModel)),
            ("endpoint", .text(usage.endpoint.rawValue)), ("streamed", .flag(usage.isStreamed)),
            ("service_tier", .text(usage.serviceTier.rawValue)),
            ("context_threshold", .integer(Int64(usage.contextTier.threshold))),
        ]
        fields += TokenClass.allCases.map { tokenClass in
            ("\(tokenClass.rawValue)_tokens", .integer(usage.tokens[tokenClass]))
        }
        fields += [
            ("reasoning_tokens", .integer(usage.tokens.reasoning)),
            ("web_searches", .integer(usage.webSearches)),
            ("latency_ms", .integer(usage.latencyMilliseconds)),
            ("first_byte_ms", usage.firstByteMilliseconds.map(JSONNode.integer) ?? .null),
            ("status", .integer(Int64(usage.status))), ("outcome", .text(usage.outcome.rawValue)),
            ("usage_source", .text(usage.source.rawValue)),
            ("price_version", .integer(usage.priceVersion.number)),
            ("hold", .money(usage.hold, currency)), ("charge", .money(usage.charge, currency)),
            ("excess", .money(excess, currency)),
            ("attempts", .attempts(usage)),
            (
                "upstream_cost",
                usage.upstreamCost.map { .money($0, usage.upstreamCostCurrency ?? currency) }
                    ?? .null
            ),
            (
                "upstream_cost_currency",
                usage.upstreamCost == nil
                    ? .null : .text((usage.upstreamCostCurrency ?? currency).code)
            ),
            ("lowered_cap", usage.loweredCap.map(JSONNode.integer) ?? .null),
        ]
        return .object(fields)
    }

    /// The attempts that failed before the one that ended the call.
    static func attempts(_ usage: Usage) -> JSONNode {
        .array(
            usage.attempts.map { attempt in
                .object([
                    ("upstream", .text(attempt.upstream)),
                    ("upstream_model", .text(attempt.upstreamModel)),
                    ("end", .text(attempt.end.rawValue)),
                    ("status", attempt.status.map { .integer(Int64($0)) } ?? .null),
                    ("milliseconds", .integer(attempt.milliseconds)),
                ])
            }
        )
    }
}
