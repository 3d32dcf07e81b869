-- Usage by days of the account's zone, of streams that are long: a month of quarters of an hour has
-- hundreds of thousands of rows there, which take a report a second. A part of the
-- projection "usage": of its builds, taken in by its batches.
CREATE TABLE usage_days (
    account_id uuid NOT NULL,
    build integer NOT NULL,
    day date NOT NULL,
    project_id uuid NOT NULL,
    key_id uuid NOT NULL,
    model text NOT NULL,
    upstream text NOT NULL,
    calls bigint NOT NULL,
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
    charge_pico numeric(38,0) NOT NULL,
    excess_pico numeric(38,0) NOT NULL,
    latency_sketch numeric NOT NULL,
    PRIMARY KEY (account_id, build, day, project_id, key_id, model, upstream)
) WITH (fillfactor = 70);

GRANT SELECT, INSERT, UPDATE, DELETE ON usage_days TO farebox_service;

-- A build that has taken nothing in yet is right by the new rules too; any other is replaced.
UPDATE projections SET version = 2
WHERE projection = 'usage' AND NOT EXISTS (
    SELECT FROM projection_checkpoints WHERE projection_checkpoints.projection = 'usage');
