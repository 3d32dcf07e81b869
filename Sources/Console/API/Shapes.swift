import Billing
import Ledger
import Schema

// What programs read: the shapes of the command line's --json.

extension JSONNode {
    /// Money as a decimal text, exact, with at least the currency's own digits.
    static func money(_ amount: Pico, _ currency: Currency) -> JSONNode {
        .text(amount.decimal(fractionDigitsMin: currency.exponent))
    }

    static func instant(_ instant: Instant?) -> JSONNode { .optional(instant?.description) }

    static func account(_ account: AccountSummary) -> JSONNode {
        let currency = account.currency
        return .object([
            ("slug", .text(account.slug)), ("name", .text(account.name)),
            ("currency", .text(currency.code)), ("time_zone", .text(account.timeZone)),
            ("balance", .money(account.balance, currency)),
            ("held", .money(account.held, currency)),
            ("available", .money(account.available, currency)),
            ("credit_limit", .money(account.creditLimit, currency)),
            ("status", .text(account.status.rawValue)), ("version", .integer(account.version)),
            ("plan", .optional(account.plan)),
        ])
    }

    static func caps(_ limits: SpendLimits, _ currency: Currency) -> JSONNode {
        .object(
            CapPeriod.allCases.map { period in
                (period.rawValue, limits[period].map { .money($0, currency) } ?? .null)
            }
        )
    }

    static func project(_ project: ProjectSummary) -> JSONNode {
        .object([
            ("id", .text(project.id.description)), ("slug", .text(project.slug)),
            ("caps", .caps(project.limits, project.currency)),
            ("created_at", .instant(project.createdAt)),
        ])
    }

    /// - Parameter secret: shown once, when the key is made.
    static func key(_ key: KeySummary, secret: String? = nil) -> JSONNode {
        .object(
            [("id", .text(key.id.description))]
                + (secret.map { [("secret", .text($0))] } ?? [])
                + [
                    ("prefix", .text(key.prefix)), ("account", .text(key.accountSlug)),
                    ("project", .text(key.projectSlug)), ("name", .text(key.name)),
                    ("models", key.models.map { .array($0.map(JSONNode.text)) } ?? .null),
                    ("max_output_tokens", key.outputTokensMax.map(JSONNode.integer) ?? .null),
                    ("caps", .caps(key.limits, key.currency)),
                    ("created_at", .instant(key.createdAt)),
                    ("expires_at", .instant(key.expiresAt)),
                    ("revoked_at", .instant(key.revokedAt)),
                ]
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
            ("starts_at", .instant(grant.startsAt)), ("expires_at", .instant(grant.expiresAt)),
            ("reference", .optional(grant.reference)),
        ])
    }

    static func sums(_ sums: UsageSums, _ currency: Currency) -> [(String, JSONNode)] {
        [
            ("calls", .integer(sums.calls)), ("failures", .integer(sums.failures)),
            ("input_tokens", .integer(sums.inputTokens)),
            ("cache_read_tokens", .integer(sums.cacheReadTokens)),
            ("cache_write_tokens", .integer(sums.cacheWriteTokens)),
            ("output_tokens", .integer(sums.outputTokens)), ("cost", .money(sums.cost, currency)),
        ]
    }

    static func usage(_ usage: AccountUsage, _ currency: Currency) -> JSONNode {
        let rows = usage.rows.map { row in
            let groups = zip(usage.dimensions, row.group).map { dimension, value in
                (dimension.rawValue, JSONNode.text(value))
            }
            return JSONNode.object(groups + sums(row.sums, currency))
        }
        return .object([
            ("from", .instant(usage.from)), ("to", .instant(usage.to)),
            ("rows", .array(rows)), ("total", .object(sums(usage.total, currency))),
        ])
    }

    static func prices(_ header: PriceVersionHeader) -> JSONNode {
        .object([
            ("version", .integer(header.version.number)),
            ("source", .text(header.source.rawValue)),
            ("currency", .text(header.currency.code)),
            ("effective_at", .instant(header.effectiveAt)),
            ("published_at", .instant(header.publishedAt)),
        ])
    }

    static func instance(_ instance: InstanceSummary) -> JSONNode {
        let sums = instance.escrowed.map { sum in
            (sum.currency.code, JSONNode.money(sum.amount, sum.currency))
        }
        return .object([
            ("id", .text(instance.id.description)), ("label", .text(instance.label)),
            ("epoch", .integer(instance.epoch)), ("renewed_at", .instant(instance.renewedAt)),
            ("state", .text(instance.state.rawValue)), ("leases", .integer(instance.openLeases)),
            ("escrowed", .object(sums)), ("running_calls", .integer(instance.runningCalls)),
        ])
    }

    static func token(_ token: AdminToken, secret: String? = nil) -> JSONNode {
        .object(
            [("id", .text(token.id.description))]
                + (secret.map { [("secret", .text($0))] } ?? [])
                + [
                    ("prefix", .text(token.prefix)), ("role", .text(token.role.rawValue)),
                    ("account", .optional(token.account)), ("name", .text(token.name)),
                    ("created_at", .instant(token.createdAt)),
                    ("expires_at", .instant(token.expiresAt)),
                    ("revoked_at", .instant(token.revokedAt)),
                ]
        )
    }

    static func auditEntry(_ entry: AuditTrail.Entry) -> JSONNode {
        .object([
            ("id", .text(entry.id.description)), ("recorded_at", .instant(entry.recordedAt)),
            ("actor", .text(entry.actor)), ("token", .optional(entry.token?.description)),
            ("act", .text(entry.act)), ("subject", .text(entry.subject)),
            ("account", .optional(entry.account)),
            ("before", entry.before.map(JSONNode.raw) ?? .null),
            ("after", entry.after.map(JSONNode.raw) ?? .null),
        ])
    }

    static func status(_ status: LedgerStatus, _ projections: [ProjectionStatus]) -> JSONNode {
        let counts: [(String, Int64)] = [
            ("accounts", status.accounts), ("suspended_accounts", status.suspendedAccounts),
            ("overdrawn_accounts", status.overdrawnAccounts), ("events", status.events),
            ("unsealed_events", status.unsealedEvents),
            ("seal_lag_seconds", status.sealLagSeconds), ("open_leases", status.openLeases),
            ("leases_nothing_for_seconds", status.learningSeconds),
            ("parked_events", status.parkedEvents), ("live_instances", status.liveInstances),
            ("database_bytes", status.databaseBytes), ("event_bytes", status.eventBytes),
        ]
        let followers = projections.map { projection in
            JSONNode.object([
                ("projection", .text(projection.projection)),
                ("events_behind", .integer(projection.eventsBehind)),
                ("seconds_behind", .integer(projection.secondsBehind)),
                ("stopped", .integer(Int64(projection.stopped.count))),
            ])
        }
        return .object(
            counts.map { ($0.0, JSONNode.integer($0.1)) } + [("projections", .array(followers))]
        )
    }
}
