import Postgres

/// Usage that comes too long after its month was closed is in its stream at no charge.
extension VerificationCheck {
    /// I7: nothing is charged that the last closed month before it had given up.
    ///
    /// Instants are compared as text, to the second: what a tampered row says may be none. Each close
    /// reads what came behind it up to the next one, so every event is looked at once.
    static func lateUsage(_ scope: VerificationScope) -> VerificationCheck {
        VerificationCheck(
            name: "late usage",
            query: """
                WITH closes AS (
                    SELECT account_id, version,
                        lead(version) OVER (PARTITION BY account_id ORDER BY version) AS next,
                        left(data->>'charged_from', 19) AS charged_from
                    FROM \(scope.events) WHERE \(scope.accounts) AND kind = 'period_closed'
                )
                SELECT account_id, usage.version, 'I7' AS invariant,
                    format('a call of %s is charged, but its month was closed, and calls from before '
                        '%s are not charged any more', occurred_at, charged_from) AS message
                FROM closes CROSS JOIN LATERAL (
                    SELECT version, kind, occurred_at, amount_pico FROM \(scope.events) AS behind
                    WHERE behind.account_id = closes.account_id
                        AND behind.version > closes.version
                        AND behind.version < coalesce(next, 9223372036854775807) OFFSET 0
                ) AS usage
                WHERE charged_from IS NOT NULL AND kind = 'usage' AND amount_pico <> 0
                    AND to_char(occurred_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS')
                        < charged_from COLLATE "C"
                """
        )
    }

    /// I6: from when on a head still charges is what the last close of a month says.
    static func lateBounds(_ scope: VerificationScope) -> VerificationCheck {
        VerificationCheck(
            name: "ends of charging",
            query: """
                SELECT account_id, closes.version, 'I6' AS invariant,
                    format('usage is charged from %s on, but the last close says from %s on',
                        coalesce(charged_from::text, 'ever'), coalesce(closes.said, 'ever'))
                        AS message
                FROM account_heads LEFT JOIN (
                    SELECT DISTINCT ON (account_id) account_id, version,
                        data->>'charged_from' AS said
                    FROM \(scope.events) WHERE \(scope.accounts) AND kind = 'period_closed'
                    ORDER BY account_id, version DESC
                ) AS closes USING (account_id)
                WHERE \(scope.accounts)
                    AND to_char(charged_from AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS')
                        IS DISTINCT FROM left(closes.said, 19)
                """
        )
    }
}
