-- Published prices: whole versions, immutable, each in one currency. Not owned by an account, and
-- small enough for every shard to have a copy.
CREATE TABLE price_versions (
    price_version bigint PRIMARY KEY CHECK (price_version > 0),
    currency text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    -- Who made the prices; a newer version replaces an older one of the same source and currency.
    source text NOT NULL CHECK (source IN ('farebox', 'litellm')),
    sha256 bytea NOT NULL CHECK (octet_length(sha256) = 32),
    effective_at timestamptz NOT NULL,
    published_at timestamptz NOT NULL
);

CREATE TABLE price_models (
    price_version bigint NOT NULL REFERENCES price_versions,
    model text NOT NULL CHECK (length(model) BETWEEN 1 AND 300),
    input_tokens_max bigint CHECK (input_tokens_max > 0),
    output_tokens_max bigint CHECK (output_tokens_max > 0),
    PRIMARY KEY (price_version, model)
);

CREATE TABLE prices (
    price_version bigint NOT NULL,
    model text NOT NULL,
    token_class text NOT NULL CHECK (
        token_class IN ('input', 'cache_read', 'cache_write_short', 'cache_write_long',
            'audio_input', 'image_input', 'output', 'audio_output')),
    service_tier text NOT NULL CHECK (
        service_tier IN ('standard', 'flex', 'priority', 'batch')),
    -- Tokens of prompt above which the price applies to the whole call; zero is the base.
    context_threshold integer NOT NULL CHECK (context_threshold >= 0),
    pico_per_token bigint NOT NULL CHECK (pico_per_token BETWEEN 0 AND 1000000000000000),
    PRIMARY KEY (price_version, model, token_class, service_tier, context_threshold),
    FOREIGN KEY (price_version, model) REFERENCES price_models
);

CREATE TABLE price_fees (
    price_version bigint NOT NULL,
    model text NOT NULL,
    fee text NOT NULL CHECK (fee IN ('request', 'web_search')),
    pico_per_call bigint NOT NULL CHECK (pico_per_call BETWEEN 0 AND 1000000000000000),
    PRIMARY KEY (price_version, model, fee),
    FOREIGN KEY (price_version, model) REFERENCES price_models
);

-- A version is complete when the transaction that publishes it commits: a later one adds nothing.
CREATE FUNCTION refuse_published_version() RETURNS trigger
    LANGUAGE plpgsql
AS $$
BEGIN
    IF EXISTS (
        SELECT FROM (SELECT DISTINCT price_version FROM added) AS added
        JOIN price_versions USING (price_version)
        WHERE price_versions.xmin <> pg_current_xact_id()::xid)
    THEN
        RAISE EXCEPTION 'INSERT into % is refused: the price version is published', TG_TABLE_NAME
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NULL;
END
$$;

DO $$
DECLARE
    target text;
BEGIN
    FOREACH target IN ARRAY ARRAY['price_versions', 'price_models', 'prices', 'price_fees'] LOOP
        EXECUTE format(
            'CREATE TRIGGER %1$s_immutable BEFORE UPDATE OR DELETE ON %1$s
             FOR EACH ROW EXECUTE FUNCTION refuse_change()', target);
        EXECUTE format(
            'CREATE TRIGGER %1$s_not_truncated BEFORE TRUNCATE ON %1$s
             FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()', target);
        EXECUTE format('ALTER TABLE %1$s ENABLE ALWAYS TRIGGER %1$s_immutable', target);
        EXECUTE format('ALTER TABLE %1$s ENABLE ALWAYS TRIGGER %1$s_not_truncated', target);
    END LOOP;
    FOREACH target IN ARRAY ARRAY['price_models', 'prices', 'price_fees'] LOOP
        EXECUTE format(
            'CREATE TRIGGER %1$s_published_whole AFTER INSERT ON %1$s
             REFERENCING NEW TABLE AS added
             FOR EACH STATEMENT EXECUTE FUNCTION refuse_published_version()', target);
    END LOOP;
END
$$;

GRANT SELECT, INSERT ON price_versions, price_models, prices, price_fees TO farebox_service;
