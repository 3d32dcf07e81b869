-- Views of the streams that follow behind them, and can be dropped and rebuilt at any time.
--
-- A build is one making of a projection's rows, from version 1 of every stream on. Readers use the
-- build that is live; another one is made aside and takes its place in one step.
CREATE TABLE projections (
    projection text NOT NULL CHECK (projection IN ('usage', 'statement')),
    build integer NOT NULL CHECK (build > 0),
    -- Of the rules by which the rows are made; a program keeps and reads only builds of its own.
    version integer NOT NULL CHECK (version > 0),
    state text NOT NULL CHECK (state IN ('live', 'building', 'checking', 'retired')),
    started_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (projection, build)
);

CREATE UNIQUE INDEX projections_one_of_a_state ON projections (projection, state)
    WHERE state <> 'retired';

INSERT INTO projections (projection, build, version, state)
VALUES ('usage', 1, 1, 'live'), ('statement', 1, 1, 'live');

-- How far a build has followed a stream: moved in the transaction that writes the rows, by
-- comparing with where it stood.
CREATE TABLE projection_checkpoints (
    account_id uuid NOT NULL,
    projection text NOT NULL,
    build integer NOT NULL,
    version bigint NOT NULL CHECK (version >= 0),
    -- The event behind `version` could not be taken in, and why; other streams go on.
    stopped_at timestamptz,
    stop_reason text,
    PRIMARY KEY (account_id, projection, build),
    CHECK ((stopped_at IS NULL) = (stop_reason IS NULL))
) WITH (fillfactor = 50);

CREATE INDEX projection_checkpoints_stopped ON projection_checkpoints (projection, build)
    WHERE stopped_at IS NOT NULL;

-- The bucket of a latency: each below 16 ms has its own, then eight share each power of two, so the
-- middle of a bucket is at most 1/16 off; the last is for 2^20 ms (17 minutes) and more.
CREATE FUNCTION latency_bucket(milliseconds bigint) RETURNS integer
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
    SELECT width_bucket(milliseconds, ARRAY[
        1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 18, 20, 22, 24, 26, 28, 30, 32, 36,
        40, 44, 48, 52, 56, 60, 64, 72, 80, 88, 96, 104, 112, 120, 128, 144, 160, 176, 192, 208,
        224, 240, 256, 288, 320, 352, 384, 416, 448, 480, 512, 576, 640, 704, 768, 832, 896, 960,
        1024, 1152, 1280, 1408, 1536, 1664, 1792, 1920, 2048, 2304, 2560, 2816, 3072, 3328, 3584,
        3840, 4096, 4608, 5120, 5632, 6144, 6656, 7168, 7680, 8192, 9216, 10240, 11264, 12288,
        13312, 14336, 15360, 16384, 18432, 20480, 22528, 24576, 26624, 28672, 30720, 32768, 36864,
        40960, 45056, 49152, 53248, 57344, 61440, 65536, 73728, 81920, 90112, 98304, 106496, 114688,
        122880, 131072, 147456, 163840, 180224, 196608, 212992, 229376, 245760, 262144, 294912,
        327680, 360448, 393216, 425984, 458752, 491520, 524288, 589824, 655360, 720896, 786432,
        851968, 917504, 983040, 1048576]::bigint[])
$$;

-- A sketch of latencies is one number, whose digits in base 10^12 are the counts of the buckets:
-- the sum of sketches is the sketch of all. Not STRICT, which would keep it from being inlined: a
-- call of its own for every event had cost twenty times as much as all the rest.
CREATE FUNCTION latency_sketch(milliseconds bigint) RETURNS numeric
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
    SELECT ('1e' || (12 * latency_bucket(milliseconds))::text)::numeric
$$;

-- Usage by quarters of an hour, UTC, which every time zone's hours and days are made of.
CREATE TABLE usage_quarter_hours (
    account_id uuid NOT NULL,
    build integer NOT NULL,
    starts_at timestamptz NOT NULL,
    project_id uuid NOT NULL,
    key_id uuid NOT NULL,
    model text NOT NULL,
    upstream text NOT NULL,
    -- XXX where no cost is known.
    upstream_cost_currency text NOT NULL,
    calls bigint NOT NULL,
    -- Calls whose answer did not come, or did not come whole, for a reason of ours or upstream.
    failures bigint NOT NULL,
    input_tokens bigint NOT NULL,
    cache_read_tokens bigint NOT NULL,
    cache_write_short_tokens bigint NOT NULL,
    cache_write_long_tokens bigint NOT NULL,
    audio_input_tokens bigint NOT NULL,
    image_input_tokens bigint NOT NULL,
    output_tokens bigint NOT NULL,
    audio_output_tokens bigint NOT NULL,
    reasoning_tokens bigint NOT NULL,
    web_searches bigint NOT NULL,
    -- What was taken from the balance, and what the prices asked for beyond it.
    charge_pico numeric(38,0) NOT NULL,
    excess_pico numeric(38,0) NOT NULL,
    upstream_cost_pico numeric(38,0) NOT NULL,
    latency_ms bigint NOT NULL,
    -- The first bytes that came, and how long they took together.
    first_bytes bigint NOT NULL,
    first_byte_ms bigint NOT NULL,
    latency_sketch numeric NOT NULL,
    PRIMARY KEY (account_id, build, starts_at, project_id, key_id, model, upstream,
        upstream_cost_currency)
) WITH (fillfactor = 70);

-- What an account owes for: by service month in its own zone and by price term.
CREATE TABLE statement_lines (
    account_id uuid NOT NULL,
    build integer NOT NULL,
    -- The month's first day.
    service_month date NOT NULL,
    -- The version of the event that closed the period which took the line; 0 while it is open.
    closed_by bigint NOT NULL,
    project_id uuid NOT NULL,
    key_id uuid NOT NULL,
    model text NOT NULL,
    upstream text NOT NULL,
    -- With the class of each count, the price term.
    price_version bigint NOT NULL,
    service_tier text NOT NULL,
    context_threshold integer NOT NULL,
    calls bigint NOT NULL,
    -- Calls whose answer did not come, or did not come whole, for a reason of ours or upstream.
    failures bigint NOT NULL,
    input_tokens bigint NOT NULL,
    cache_read_tokens bigint NOT NULL,
    cache_write_short_tokens bigint NOT NULL,
    cache_write_long_tokens bigint NOT NULL,
    audio_input_tokens bigint NOT NULL,
    image_input_tokens bigint NOT NULL,
    output_tokens bigint NOT NULL,
    audio_output_tokens bigint NOT NULL,
    reasoning_tokens bigint NOT NULL,
    web_searches bigint NOT NULL,
    -- What was taken from the balance, and what the prices asked for beyond it.
    charge_pico numeric(38,0) NOT NULL,
    excess_pico numeric(38,0) NOT NULL,
    PRIMARY KEY (account_id, build, service_month, closed_by, project_id, key_id, model, upstream,
        price_version, service_tier, context_threshold)
) WITH (fillfactor = 70);

-- Rows here are derived: unlike those of the streams, they may be deleted.
GRANT SELECT, INSERT, UPDATE, DELETE ON projections, projection_checkpoints, usage_quarter_hours,
    statement_lines TO farebox_service;
