-- What a key may use in any 60 seconds and at a time, and from where. NULL is no limit.
ALTER TABLE api_keys
    ADD COLUMN requests_per_minute bigint
        CHECK (requests_per_minute BETWEEN 1 AND 1000000000),
    ADD COLUMN tokens_per_minute bigint CHECK (tokens_per_minute BETWEEN 1 AND 1000000000),
    ADD COLUMN concurrency bigint CHECK (concurrency BETWEEN 1 AND 1000000000),
    -- Ranges as 10.0.0.0/8 or 2001:db8::/32, checked where they are written and read.
    ADD COLUMN addresses text[] CHECK (cardinality(addresses) BETWEEN 1 AND 100);

-- Secrets that keys had before they were rotated: each works until it expires. The key is the same,
-- and so are its limits, its caps and its usage.
CREATE TABLE retired_secrets (
    account_id uuid NOT NULL,
    key_id uuid NOT NULL,
    secret_hash bytea NOT NULL CHECK (octet_length(secret_hash) = 32),
    retired_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    expires_at timestamptz NOT NULL,
    PRIMARY KEY (account_id, key_id, secret_hash),
    FOREIGN KEY (account_id, key_id) REFERENCES api_keys
);

GRANT UPDATE (secret_hash, prefix) ON api_keys TO farebox_service;
GRANT SELECT, INSERT ON retired_secrets TO farebox_service;
GRANT UPDATE (expires_at) ON retired_secrets TO farebox_service;
