import Postgres

/// One statement that finds every breach of one rule: `account_id, version, invariant, message`.
struct VerificationCheck {
    let name: String
    let query: SQL

    /// All checks of what `scope` holds.
    static func all(_ scope: VerificationScope) -> [VerificationCheck] {
        [
            streams(scope), heads(scope), escrow(scope), leases(scope), requests(scope),
            limits(scope), grants(scope), parked(scope), checkpoints(scope), spending(scope),
            capLeases(scope), reserved(scope), lateUsage(scope), lateBounds(scope),
        ]
    }

    /// I1 and I2: the head says of the stream what the stream is.
    private static func streams(_ scope: VerificationScope) -> VerificationCheck {
        VerificationCheck(
            name: "balances and versions",
            query: """
                WITH streams AS (
                    SELECT account_id, count(*) AS count, max(version) AS version,
                        sum(amount_pico) AS balance
                    FROM \(scope.events) WHERE \(scope.accounts) GROUP BY account_id
                ), heads AS (
                    SELECT account_id, version, balance FROM account_heads WHERE \(scope.accounts)
                ), pairs AS (
                    SELECT account_id, heads.account_id IS NULL AS is_headless,
                        coalesce(heads.version, 0) AS head_version,
                        coalesce(heads.balance, 0) AS head_balance,
                        coalesce(streams.count, 0) AS count,
                        coalesce(streams.version, 0) AS version,
                        coalesce(streams.balance, 0) AS balance
                    FROM heads FULL JOIN streams USING (account_id)
                )
                SELECT account_id, NULL::bigint AS version, 'I1' AS invariant,
                    format('the balance is %s pico, but the events sum to %s', head_balance,
                        balance) AS message
                FROM pairs WHERE NOT is_headless AND head_balance <> balance
                UNION ALL
                SELECT account_id, least(version, head_version) + 1, 'I2',
                    format('the head is at version %s, but the stream ends at %s', head_version,
                        version)
                FROM pairs WHERE NOT is_headless AND head_version <> version
                UNION ALL
                SELECT account_id, NULL, 'I2', format('%s events of an account without a head', count)
                FROM pairs WHERE is_headless
                """
        )
    }

    /// I3: the bounds of the head, which a CHECK guards as well.
    private static func heads(_ scope: VerificationScope) -> VerificationCheck {
        VerificationCheck(
            name: "bounds",
            query: """
                SELECT account_id, NULL::bigint AS version, 'I3' AS invariant,
                    format('balance %s + limit %s + overdrawn %s, escrowed %s, reserved %s: out of '
                        'bounds', balance, credit_limit, overdrawn, escrowed, reserved) AS message
                FROM account_heads
                WHERE \(scope.accounts) AND (balance + credit_limit + overdrawn < escrowed
                    OR escrowed < 0 OR credit_limit < 0 OR reserved < 0 OR overdrawn < 0
                    OR overdrawn > greatest(0, escrowed - balance - credit_limit))
                """
        )
    }

    /// I6: escrow is what the open leases have left.
    private static func escrow(_ scope: VerificationScope) -> VerificationCheck {
        VerificationCheck(
            name: "escrow",
            query: """
                SELECT account_id, NULL::bigint AS version, 'I6' AS invariant,
                    format('%s is escrowed, but the open leases have %s left', escrowed,
                        coalesce(left_over, 0)) AS message
                FROM account_heads LEFT JOIN (
                    SELECT account_id, sum(granted - settled) AS left_over FROM leases
                    WHERE \(scope.accounts) AND state = 'open' GROUP BY account_id
                ) AS open_leases USING (account_id)
                WHERE \(scope.accounts) AND escrowed <> coalesce(left_over, 0)
                """
        )
    }

    /// I6: a lease has settled what its events took from it.
    private static func leases(_ scope: VerificationScope) -> VerificationCheck {
        VerificationCheck(
            name: "leases",
            query: """
                SELECT account_id, first_version AS version, 'I6' AS invariant,
                    format('lease %s has settled %s, but its events took %s', lease_id,
                        coalesce(settled, 0), coalesce(taken, 0)) AS message
                FROM (SELECT * FROM leases WHERE \(scope.accounts)) AS leases
                FULL JOIN (
                    SELECT account_id, lease_id, sum(from_lease_pico) AS taken,
                        min(version) AS first_version
                    FROM \(scope.events) WHERE \(scope.accounts) AND lease_id IS NOT NULL
                    GROUP BY account_id, lease_id
                ) AS usage USING (account_id, lease_id)
                WHERE coalesce(settled, 0) <> coalesce(taken, 0)
                """
        )
    }

    /// I4: a call ends once.
    private static func requests(_ scope: VerificationScope) -> VerificationCheck {
        VerificationCheck(
            name: "requests",
            query: """
                SELECT account_id, max(version) AS version, 'I4' AS invariant,
                    format('request %s has %s usage events', request_id, count(*)) AS message
                FROM \(scope.events) WHERE \(scope.accounts) AND kind = 'usage'
                GROUP BY account_id, request_id HAVING count(*) > 1
                """
        )
    }

    /// The credit limit of a head is that of the last event that set one.
    private static func limits(_ scope: VerificationScope) -> VerificationCheck {
        VerificationCheck(
            name: "credit limits",
            query: """
                SELECT account_id, last_set.version, 'I6' AS invariant,
                    format('the credit limit is %s, but was last set to %s', credit_limit,
                        coalesce(last_set.limit_pico, '0')) AS message
                FROM account_heads LEFT JOIN (
                    SELECT DISTINCT ON (account_id) account_id, version,
                        data->>'limit_pico' AS limit_pico
                    FROM \(scope.events) WHERE \(scope.accounts) AND kind = 'credit_limit_set'
                    ORDER BY account_id, version DESC
                ) AS last_set USING (account_id)
                WHERE \(scope.accounts)
                    AND credit_limit::text <> coalesce(last_set.limit_pico, '0')
                """
        )
    }

    /// Every posted grant has its event and every such event its grant, of the same terms.
    private static func grants(_ scope: VerificationScope) -> VerificationCheck {
        VerificationCheck(
            name: "grants",
            query: """
                SELECT account_id, granted.version, 'I6' AS invariant,
                    format('grant %s: %s recorded, %s in the stream',
                        coalesce(grants.grant_id::text, granted.data->>'grant'),
                        coalesce(grants.amount, 0), coalesce(granted.amount_pico, 0)) AS message
                FROM (
                    SELECT * FROM grants WHERE \(scope.accounts) AND posted_at IS NOT NULL
                ) AS grants
                FULL JOIN (
                    SELECT account_id, event_id, version, amount_pico, data FROM \(scope.events)
                    WHERE \(scope.accounts) AND kind = 'credit_granted'
                ) AS granted USING (account_id, event_id)
                WHERE grants.amount IS DISTINCT FROM granted.amount_pico
                    OR grants.kind <> granted.data->>'kind'
                    OR grants.grant_id::text <> granted.data->>'grant'
                    OR grants.priority::text <> coalesce(granted.data->>'priority', '0')
                    OR to_char(grants.expires_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS')
                        IS DISTINCT FROM left(granted.data->>'expires_at', 19)
                """
        )
    }

    /// I4: an event that is set aside is a call whose end is not yet in its stream.
    private static func parked(_ scope: VerificationScope) -> VerificationCheck {
        VerificationCheck(
            name: "parked events",
            query: """
                SELECT account_id, NULL::bigint AS version, 'I4' AS invariant,
                    format('event %s is parked since %s: %s', event_id, parked_at, message)
                        AS message
                FROM parked_events WHERE \(scope.accounts) AND resolved_at IS NULL
                """
        )
    }

    /// I2: the sealer believes of the seals what is so; a stream it thinks sealed is never sealed.
    private static func checkpoints(_ scope: VerificationScope) -> VerificationCheck {
        VerificationCheck(
            name: "seal checkpoints",
            query: """
                SELECT account_id, least(coalesce(last_version, 0), version) + 1 AS version,
                    'I2' AS invariant, format('the checkpoint of the seals is at version %s, but '
                        'the last seal ends at %s', version, coalesce(last_version, 0)) AS message
                FROM seal_checkpoints LEFT JOIN (
                    SELECT account_id, max(last_version) AS last_version FROM \(scope.seals)
                    WHERE \(scope.accounts) GROUP BY account_id
                ) AS seals USING (account_id)
                WHERE \(scope.accounts) AND version <> coalesce(last_version, 0)
                """
        )
    }

    /// I6: what is reserved is what parked events and ending grants keep.
    private static func reserved(_ scope: VerificationScope) -> VerificationCheck {
        VerificationCheck(
            name: "reserved credit",
            query: """
                SELECT account_id, NULL::bigint AS version, 'I6' AS invariant,
                    format('%s is reserved, but parked events and ending grants keep %s', reserved,
                        coalesce(keepers.kept, 0)) AS message
                FROM account_heads LEFT JOIN (
                    SELECT account_id, sum(kept) AS kept FROM (
                        SELECT account_id, reserved AS kept FROM parked_events
                        WHERE resolved_at IS NULL
                        UNION ALL
                        SELECT account_id, kept FROM grants WHERE kept > 0
                    ) AS parts GROUP BY account_id
                ) AS keepers USING (account_id)
                WHERE \(scope.accounts) AND reserved <> coalesce(keepers.kept, 0)
                """
        )
    }
}
