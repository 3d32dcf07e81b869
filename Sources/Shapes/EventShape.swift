import Digest
import Ledger
import Schema

extension JSONNode {
    /// An event of an account's stream.
    package static func event(_ recorded: RecordedEvent, account: String, _ currency: Currency)
        -> JSONNode
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

    /// A seal of a stretch of an account's stream.
    package static func seal(_ seal: Seal, account: String) -> JSONNode {
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
                ("charged_from", .optional(closed.chargedFrom?.description)),
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
            ("capped", .array(usage.capped.names.map(JSONNode.text))),
        ]
        return .object(fields)
    }

    /// The attempts that failed before the one that ended the call.
    ///
    /// - Parameter hidesUpstreamModel: what the upstream was asked for, is the operator's own
    ///   affair.
    package static func attempts(_ usage: Usage, hidesUpstreamModel: Bool = false) -> JSONNode {
        .array(
            usage.attempts.map { attempt in
                .object([
                    ("upstream", .text(attempt.upstream)),
                    (
                        "upstream_model",
                        hidesUpstreamModel ? .null : .text(attempt.upstreamModel)
                    ),
                    ("end", .text(attempt.end.rawValue)),
                    ("status", attempt.status.map { .integer(Int64($0)) } ?? .null),
                    ("milliseconds", .integer(attempt.milliseconds)),
                ])
            }
        )
    }
}
