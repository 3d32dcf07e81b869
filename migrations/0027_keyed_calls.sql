-- Calls that came with an Idempotency-Key: what each was answered, for a day, so that its repeat
-- gets the same answer and costs nothing. The only bodies that are ever stored.
CREATE TABLE keyed_calls (
    account_id uuid NOT NULL REFERENCES accounts,
    key_id uuid NOT NULL,
    idempotency_key text NOT NULL CHECK (length(idempotency_key) BETWEEN 1 AND 255),
    -- Of the route and the body.
    request_hash bytea NOT NULL CHECK (octet_length(request_hash) = 32),
    request_id uuid NOT NULL,
    -- Who answers it: it runs until these have ended it, or their lease is closed.
    instance_id uuid NOT NULL,
    epoch bigint NOT NULL CHECK (epoch > 0),
    claimed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    -- NULL while it runs.
    ended_at timestamptz,
    charge_pico bigint CHECK (charge_pico >= 0),
    -- NULL for an answer that is not kept.
    status smallint CHECK (status BETWEEN 100 AND 599),
    field_names text[],
    field_values text[],
    body bytea CHECK (octet_length(body) <= 262144),
    PRIMARY KEY (account_id, key_id, idempotency_key),
    CHECK ((ended_at IS NULL) = (charge_pico IS NULL)),
    CHECK (body IS NULL OR ended_at IS NOT NULL),
    CHECK ((body IS NULL) = (status IS NULL) AND (body IS NULL) = (field_names IS NULL)),
    CHECK (cardinality(field_names) = cardinality(field_values))
);

CREATE INDEX keyed_calls_by_age ON keyed_calls (claimed_at);

GRANT SELECT, INSERT, DELETE ON keyed_calls TO farebox_service;
GRANT UPDATE (request_hash, request_id, instance_id, epoch, claimed_at, ended_at, charge_pico,
    status, field_names, field_values, body) ON keyed_calls TO farebox_service;
