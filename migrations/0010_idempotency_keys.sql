-- What a command answered, so that its repeat answers the same and a repeat with other content is
-- refused.
CREATE TABLE idempotency_keys (
    account_id uuid NOT NULL REFERENCES accounts,
    idempotency_key text NOT NULL CHECK (length(idempotency_key) BETWEEN 1 AND 200),
    command text NOT NULL,
    request_hash bytea NOT NULL CHECK (octet_length(request_hash) = 32),
    -- What the command made, by which its answer is read again.
    result_id uuid,
    recorded_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (account_id, idempotency_key)
);

GRANT SELECT, INSERT ON idempotency_keys TO farebox_service;
