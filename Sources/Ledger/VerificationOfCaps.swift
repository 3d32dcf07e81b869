import Postgres

extension VerificationCheck {
    /// I6: each day of a capped key or project has the sum of the usage that was admitted in it.
    ///
    /// Months and totals are sums of days, so nothing else is to be checked of them.
    static func spending(_ scope: VerificationScope) -> VerificationCheck {
        VerificationCheck(
            name: "spending of capped keys and projects",
            query: """
                WITH usage AS (
                    SELECT account_id, scope_id, starts_at, -sum(amount_pico) AS amount,
                        max(version) AS version
                    FROM (SELECT * FROM spend_caps WHERE \(scope.accounts)) AS caps
                    JOIN (
                        SELECT account_id, key_id AS scope_id, admitted_at, amount_pico, version
                        FROM \(scope.events) WHERE \(scope.accounts) AND amount_pico < 0 AND kind = 'usage'
                        UNION ALL
                        SELECT account_id, project_id, admitted_at, amount_pico, version
                        FROM \(scope.events) WHERE \(scope.accounts) AND amount_pico < 0 AND kind = 'usage'
                    ) AS counted USING (account_id, scope_id)
                    LEFT JOIN LATERAL (
                        SELECT starts_at, ends_at FROM spend_days
                        WHERE spend_days.account_id = counted.account_id
                            AND spend_days.scope_id = counted.scope_id
                            AND starts_at <= admitted_at
                        ORDER BY starts_at DESC LIMIT 1
                    ) AS day ON ends_at > admitted_at
                    GROUP BY account_id, scope_id, starts_at
                )
                SELECT account_id, version, 'I6' AS invariant,
                    format('the day of %s of %s has spent %s pico, but its events sum to %s',
                        starts_at, scope_id, coalesce(spent, 0), coalesce(amount, 0)) AS message
                FROM (SELECT * FROM spend_days WHERE \(scope.accounts)) AS days
                FULL JOIN usage USING (account_id, scope_id, starts_at)
                WHERE coalesce(spent, 0) <> coalesce(amount, 0)
                UNION ALL
                SELECT account_id, NULL, 'I6',
                    format('the days of %s that begin at %s and before overlap', scope_id, starts_at)
                FROM (
                    SELECT account_id, scope_id, starts_at, lag(ends_at) OVER (
                        PARTITION BY account_id, scope_id ORDER BY starts_at) AS previous_end
                    FROM spend_days WHERE \(scope.accounts)
                ) AS days
                WHERE starts_at < previous_end
                """
        )
    }

    /// I6: what leases have set aside of caps is theirs, and usage has taken what they say.
    static func capLeases(_ scope: VerificationScope) -> VerificationCheck {
        VerificationCheck(
            name: "leases of caps",
            query: """
                SELECT leases.account_id, NULL::bigint AS version, 'I6' AS invariant,
                    format('lease %s has settled %s of the cap of %s, but its events took %s',
                        leases.lease_id, settled, leases.scope_id, coalesce(-sum(amount_pico), 0)) AS message
                FROM (
                    SELECT cap_leases.*, ends_at AS day_ends_at
                    FROM (SELECT * FROM cap_leases WHERE \(scope.accounts)) AS cap_leases
                    JOIN spend_days USING (account_id, scope_id)
                    WHERE starts_at = day_starts_at
                ) AS leases
                LEFT JOIN (
                    SELECT account_id, lease_id, key_id AS scope_id, admitted_at, amount_pico
                    FROM \(scope.events) WHERE \(scope.accounts) AND amount_pico < 0
                    UNION ALL
                    SELECT account_id, lease_id, project_id, admitted_at, amount_pico
                    FROM \(scope.events) WHERE \(scope.accounts) AND amount_pico < 0
                ) AS usage ON usage.account_id = leases.account_id
                    AND usage.lease_id = leases.lease_id AND usage.scope_id = leases.scope_id
                    AND admitted_at >= day_starts_at AND admitted_at < day_ends_at
                GROUP BY leases.account_id, leases.lease_id, leases.scope_id, day_starts_at, settled
                HAVING settled > coalesce(-sum(amount_pico), 0)
                """
        )
    }
}
