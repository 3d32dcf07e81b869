-- The only truth: append-only, numbered 1… per account in commit order. Hash partitions by account
-- let the database enforce both keys, and are the layout of a sharded database already.
CREATE TABLE events (
    account_id uuid NOT NULL,
    version bigint NOT NULL CHECK (version > 0),
    event_id uuid NOT NULL,
    kind text NOT NULL CHECK (
        kind IN ('usage', 'credit_granted', 'credit_adjusted', 'credit_limit_set')),
    occurred_at timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL,
    -- The signed effect on the balance, in pico-units of the account's currency.
    amount_pico numeric(38,0) NOT NULL,
    -- SHA-256 of the canonical bytes of the event as its producer stated it.
    content_hash bytea NOT NULL CHECK (octet_length(content_hash) = 32),

    -- Usage: one admitted call.
    request_id uuid,
    lease_id uuid,
    key_id uuid,
    project_id uuid,
    admitted_at timestamptz,
    model text,
    upstream text,
    upstream_model text,
    endpoint text CHECK (endpoint IN ('chat_completions', 'messages')),
    streamed boolean,
    service_tier text CHECK (service_tier IN ('standard', 'flex', 'priority', 'batch')),
    context_threshold integer CHECK (context_threshold >= 0),
    input_tokens integer CHECK (input_tokens >= 0),
    cache_read_tokens integer CHECK (cache_read_tokens >= 0),
    cache_write_short_tokens integer CHECK (cache_write_short_tokens >= 0),
    cache_write_long_tokens integer CHECK (cache_write_long_tokens >= 0),
    audio_input_tokens integer CHECK (audio_input_tokens >= 0),
    image_input_tokens integer CHECK (image_input_tokens >= 0),
    output_tokens integer CHECK (output_tokens >= 0),
    audio_output_tokens integer CHECK (audio_output_tokens >= 0),
    -- A memo: part of output_tokens, never added.
    reasoning_tokens integer CHECK (reasoning_tokens >= 0),
    web_searches integer CHECK (web_searches >= 0),
    latency_ms bigint CHECK (latency_ms >= 0),
    first_byte_ms bigint CHECK (first_byte_ms >= 0),
    status integer,
    outcome text CHECK (
        outcome IN ('completed', 'client_gone', 'upstream_refused', 'upstream_failed',
            'timed_out', 'interrupted')),
    usage_source text CHECK (
        usage_source IN ('upstream_final', 'upstream_partial', 'counted', 'estimated', 'none')),
    price_version bigint,
    hold_pico bigint CHECK (hold_pico >= 0),
    -- What the call costs by its prices, as its producer stated it.
    charge_pico bigint CHECK (charge_pico >= 0),
    -- What of it the lease had set aside, and what nothing covered.
    from_lease_pico bigint CHECK (from_lease_pico >= 0),
    excess_pico bigint CHECK (excess_pico >= 0),
    upstream_cost_pico bigint CHECK (upstream_cost_pico >= 0),
    upstream_cost_currency text CHECK (upstream_cost_currency ~ '^[A-Z]{3}$'),

    -- The other kinds.
    data jsonb,

    PRIMARY KEY (account_id, version),
    UNIQUE (account_id, event_id),
    CONSTRAINT events_usage_is_complete CHECK (
        CASE kind WHEN 'usage' THEN
            num_nulls(request_id, key_id, project_id, admitted_at, model, upstream,
                upstream_model, endpoint, streamed, service_tier, context_threshold,
                input_tokens, cache_read_tokens, cache_write_short_tokens,
                cache_write_long_tokens, audio_input_tokens, image_input_tokens, output_tokens,
                audio_output_tokens, reasoning_tokens, web_searches, latency_ms, status, outcome,
                usage_source, price_version, hold_pico, charge_pico, from_lease_pico,
                excess_pico) = 0
            AND data IS NULL
        ELSE request_id IS NULL AND data IS NOT NULL END),
    -- A charge takes; it never gives, and never more than its hold.
    CONSTRAINT events_charge_is_bounded CHECK (
        kind <> 'usage'
        OR (amount_pico <= 0 AND -amount_pico <= charge_pico AND -amount_pico <= hold_pico
            AND from_lease_pico <= -amount_pico)),
    CONSTRAINT events_grant_gives CHECK (kind <> 'credit_granted' OR amount_pico > 0),
    CONSTRAINT events_limit_moves_nothing CHECK (kind <> 'credit_limit_set' OR amount_pico = 0),
    CONSTRAINT events_upstream_cost_has_a_currency CHECK (
        (upstream_cost_pico IS NULL) = (upstream_cost_currency IS NULL))
) PARTITION BY HASH (account_id);

CREATE INDEX events_by_time ON events USING brin (occurred_at);

CREATE TRIGGER events_immutable BEFORE UPDATE OR DELETE ON events
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER events_not_truncated BEFORE TRUNCATE ON events
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- A partition takes over its parent's row trigger, but neither the trigger on TRUNCATE nor ALWAYS,
-- without which session_replication_role = replica would skip it.
DO $$
BEGIN
    FOR n IN 0..15 LOOP
        EXECUTE format(
            'CREATE TABLE events_%s PARTITION OF events FOR VALUES WITH (MODULUS 16, REMAINDER %s)',
            n, n);
        EXECUTE format(
            'CREATE TRIGGER events_not_truncated BEFORE TRUNCATE ON events_%s
             FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()', n);
        EXECUTE format('ALTER TABLE events_%s ENABLE ALWAYS TRIGGER events_immutable', n);
        EXECUTE format('ALTER TABLE events_%s ENABLE ALWAYS TRIGGER events_not_truncated', n);
    END LOOP;
END
$$;

ALTER TABLE events ENABLE ALWAYS TRIGGER events_immutable;
ALTER TABLE events ENABLE ALWAYS TRIGGER events_not_truncated;

GRANT SELECT, INSERT ON events TO farebox_service;
