import Billing
import Ledger
import Schema

extension JSONNode {
    /// A published version of prices, without the prices.
    package static func prices(_ header: PriceVersionHeader) -> JSONNode {
        .object([
            ("version", .integer(header.version.number)),
            ("source", .text(header.source.rawValue)), ("plan", .optional(header.line.plan)),
            ("currency", .text(header.currency.code)),
            ("effective_at", .instant(header.effectiveAt)),
            ("published_at", .instant(header.publishedAt)),
        ])
    }

    /// An instance and what it has leased; `held` is `null` where that is of several currencies.
    package static func instance(_ instance: InstanceSummary) -> JSONNode {
        let sums = instance.escrowed.map { sum in
            (sum.currency.code, JSONNode.money(sum.amount, sum.currency))
        }
        return .object([
            ("id", .text(instance.id.description)), ("label", .text(instance.label)),
            ("epoch", .integer(instance.epoch)), ("renewed_at", .instant(instance.renewedAt)),
            ("state", .text(instance.state.rawValue)), ("leases", .integer(instance.openLeases)),
            ("escrowed", .object(sums)), ("running_calls", .integer(instance.runningCalls)),
            ("held", .optional(instance.heldText)),
        ])
    }

    /// How many leases of an instance were closed for it.
    package static func release(of instance: InstanceID, leasesClosed count: Int) -> JSONNode {
        .object([
            ("id", .text(instance.description)), ("leases_closed", .integer(Int64(count))),
        ])
    }

    /// What a verification came to.
    package static func verification(_ run: VerificationRun) -> JSONNode {
        .object([
            ("subject", .text(run.subject.rawValue)), ("scope", .optional(run.scope)),
            ("started_at", .instant(run.startedAt)), ("ended_at", .instant(run.endedAt)),
            ("checked", .integer(run.checked)), ("finding_count", .integer(run.findingCount)),
            ("examples", .array(run.examples.map(JSONNode.text))),
        ])
    }

    /// A token of the console.
    ///
    /// - Parameter secret: shown once, when the token is made.
    package static func token(_ token: AdminToken, secret: String? = nil) -> JSONNode {
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

    /// Who did what, and what it changed.
    package static func auditEntry(_ entry: AuditTrail.Entry) -> JSONNode {
        .object([
            ("id", .text(entry.id.description)), ("recorded_at", .instant(entry.recordedAt)),
            ("actor", .text(entry.actor)), ("token", .optional(entry.token?.description)),
            ("act", .text(entry.act)), ("subject", .text(entry.subject)),
            ("account", .optional(entry.account)),
            ("before", entry.before.map(JSONNode.raw) ?? .null),
            ("after", entry.after.map(JSONNode.raw) ?? .null),
        ])
    }

    /// How the ledger is, and how far its projections are behind it.
    ///
    /// - Parameter accounts: the slugs of the accounts that projections have stopped at.
    package static func status(
        _ status: LedgerStatus,
        _ projections: [ProjectionStatus],
        accounts: [AccountID: String] = [:]
    ) -> JSONNode {
        .object(
            status.counts.map { ($0.name, JSONNode.integer($0.count)) } + [
                ("projections", .array(projections.map { projection($0, accounts) }))
            ]
        )
    }

    private static func projection(
        _ status: ProjectionStatus,
        _ accounts: [AccountID: String]
    ) -> JSONNode {
        let stopped = status.stopped.map { stop in
            JSONNode.object([
                ("account", .text(accounts[stop.account] ?? stop.account.description)),
                ("version", .integer(stop.version)), ("reason", .text(stop.reason)),
                ("stopped_at", .instant(stop.stoppedAt)),
            ])
        }
        return .object([
            ("projection", .text(status.projection)), ("build", .integer(Int64(status.build))),
            ("version", .integer(Int64(status.version))),
            ("events_behind", .integer(status.eventsBehind)),
            ("seconds_behind", .integer(status.secondsBehind)), ("stopped", .array(stopped)),
        ])
    }
}

extension LedgerStatus {
    /// The figures by the names that programs read.
    package var counts: [(name: String, count: Int64)] {
        [
            ("accounts", accounts), ("suspended_accounts", suspendedAccounts),
            ("overdrawn_accounts", overdrawnAccounts), ("events", events),
            ("unsealed_events", unsealedEvents), ("seal_lag_seconds", sealLagSeconds),
            ("open_leases", openLeases), ("leases_nothing_for_seconds", learningSeconds),
            ("parked_events", parkedEvents), ("live_instances", liveInstances),
            ("database_bytes", databaseBytes), ("event_bytes", eventBytes),
        ]
    }
}

extension InstanceSummary {
    /// What running calls hold; nil where that is of several currencies.
    ///
    /// An instance without leases tells no currency, and then holds nothing.
    package var heldText: String? {
        held?.decimal(fractionDigitsMin: escrowed.first?.currency.exponent ?? 0)
    }
}
