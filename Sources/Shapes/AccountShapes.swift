import Ledger
import Schema

extension JSONNode {
    /// An account and what it has.
    package static func account(_ account: AccountSummary) -> JSONNode {
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

    /// Spend caps by period; `null` where there is none.
    package static func caps(_ limits: SpendLimits, _ currency: Currency) -> JSONNode {
        .object(
            CapPeriod.allCases.map { period in
                (period.rawValue, limits[period].map { .money($0, currency) } ?? .null)
            }
        )
    }

    /// A project and its caps.
    package static func project(_ project: ProjectSummary) -> JSONNode {
        .object([
            ("id", .text(project.id.description)), ("slug", .text(project.slug)),
            ("caps", .caps(project.limits, project.currency)),
            ("created_at", .instant(project.createdAt)),
        ])
    }

    /// A key and what binds it.
    ///
    /// - Parameter secret: shown once, when the key is made or rotated.
    package static func key(_ key: KeySummary, secret: String? = nil) -> JSONNode {
        .object(
            [("id", .text(key.id.description))]
                + (secret.map { [("secret", .text($0))] } ?? [])
                + [
                    ("prefix", .text(key.prefix)), ("account", .text(key.accountSlug)),
                    ("project", .text(key.projectSlug)), ("name", .text(key.name)),
                    ("models", key.models.map { .array($0.map(JSONNode.text)) } ?? .null),
                    ("max_output_tokens", key.outputTokensMax.map(JSONNode.integer) ?? .null),
                    ("ip", key.addresses.map { .array($0.map { .text($0.description) }) } ?? .null),
                ] + rates(key.rates) + [
                    ("caps", .caps(key.limits, key.currency)),
                    ("created_at", .instant(key.createdAt)),
                    ("expires_at", .instant(key.expiresAt)),
                    ("previous_secret_expires_at", .instant(key.retiredSecretsExpireAt)),
                    ("revoked_at", .instant(key.revokedAt)),
                ]
        )
    }

    private static func rates(_ rates: RateLimits) -> [(String, JSONNode)] {
        [
            ("requests_per_minute", rates.requestsPerMinute.map(JSONNode.integer) ?? .null),
            ("tokens_per_minute", rates.tokensPerMinute.map(JSONNode.integer) ?? .null),
            ("concurrency", rates.concurrency.map(JSONNode.integer) ?? .null),
        ]
    }

    /// A grant and what is left of it.
    package static func grant(_ grant: GrantSummary, _ currency: Currency) -> JSONNode {
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
}
