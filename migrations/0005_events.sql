-- The rules of single columns are domains, and the table has few CHECKs of its own: PostgreSQL reads
-- a table's CHECKs anew for every statement and partition, which had cost half of an append.
CREATE DOMAIN sha256_digest AS bytea CHECK (octet_length(VALUE) = 32);
CREATE DOMAIN currency_code AS text CHECK (VALUE ~ '^[A-Z]{3}$');
CREATE DOMAIN usage_count AS integer CHECK (VALUE >= 0);
CREATE DOMAIN milliseconds AS bigint CHECK (VALUE >= 0);
-- Of one event, in pico-units: never below zero.
CREATE DOMAIN pico AS bigint CHECK (VALUE >= 0);
CREATE DOMAIN event_kind AS text CHECK (
    VALUE IN ('usage', 'credit_granted', 'credit_adjusted', 'credit_limit_set'));
CREATE DOMAIN endpoint AS text CHECK (VALUE IN ('chat_completions', 'messages'));
CREATE DOMAIN service_tier AS text CHECK (VALUE IN ('standard', 'flex', 'priority', 'batch'));
CREATE DOMAIN usage_outcome AS text CHECK (
    VALUE IN ('completed', 'client_gone', 'upstream_refused', 'upstream_failed', 'timed_out',
        'interrupted'));
CREATE DOMAIN usage_source AS text CHECK (
    VALUE IN ('upstream_final', 'upstream_partial', 'counted', 'estimated', 'none'));

-- The only truth: append-only, numbered 1… per account in commit order. Hash partitions by account
-- let the database enforce both keys, and are the layout of a sharded database already.
CREATE TABLE events (
    account_id uuid NOT NULL,
    version bigint NOT NULL,
    event_id uuid NOT NULL,
    kind event_kind NOT NULL,
    occurred_at timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL,
    -- The signed effect on the balance, in pico-units of the account's currency.
    amount_pico numeric(38,0) NOT NULL,
    -- SHA-256 of the canonical bytes of the event as its producer stated it.
    content_hash sha256_digest NOT NULL,

    -- Usage: one admitted call.
    request_id uuid,
    lease_id uuid,
    key_id uuid,
    project_id uuid,
    admitted_at timestamptz,
    model text,
    upstream text,
    upstream_model text,
    endpoint endpoint,
    streamed boolean,
    service_tier service_tier,
    context_threshold usage_count,
    input_tokens usage_count,
    cache_read_tokens usage_count,
    cache_write_short_tokens usage_count,
    cache_write_long_tokens usage_count,
    audio_input_tokens usage_count,
    image_input_tokens usage_count,
    output_tokens usage_count,
    audio_output_tokens usage_count,
    -- A memo: part of output_tokens, never added.
    reasoning_tokens usage_count,
    web_searches usage_count,
    latency_ms milliseconds,
    first_byte_ms milliseconds,
    status integer,
    outcome usage_outcome,
    usage_source usage_source,
    price_version bigint,
    hold_pico pico,
    -- What the call costs by its prices, as its producer stated it.
    charge_pico pico,
    -- What of it the lease had set aside, and what nothing covered.
    from_lease_pico pico,
    excess_pico pico,
    upstream_cost_pico pico,
    upstream_cost_currency currency_code,

    -- The other kinds.
    data jsonb,

    PRIMARY KEY (account_id, version),
    UNIQUE (account_id, event_id),
    CONSTRAINT events_are_complete CHECK (
        CASE kind WHEN 'usage' THEN
            num_nulls(request_id, key_id, project_id, model, upstream, upstream_model, outcome,
                usage_source, price_version) = 0
        ELSE data IS NOT NULL END),
    -- A charge takes; it never gives, and never more than its hold.
    CONSTRAINT events_charge_is_bounded CHECK (
        kind <> 'usage'
        OR coalesce(amount_pico BETWEEN -least(charge_pico, hold_pico) AND -from_lease_pico
            AND excess_pico >= charge_pico + amount_pico, false))
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
