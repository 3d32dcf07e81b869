-- A key is known by the SHA-256 of its secret: the secret has 256 bits of its own, so that no
-- salt or slow hash would add anything.
CREATE TABLE api_keys (
    account_id uuid NOT NULL,
    key_id uuid NOT NULL,
    project_id uuid NOT NULL,
    secret_hash bytea NOT NULL CHECK (octet_length(secret_hash) = 32),
    -- The first characters of the secret, to be told apart by in lists.
    prefix text NOT NULL,
    name text NOT NULL CHECK (length(name) <= 200),
    -- Globs of models that the key may use; NULL is all.
    models text[] CHECK (cardinality(models) BETWEEN 1 AND 100),
    expires_at timestamptz,
    max_output_tokens bigint CHECK (max_output_tokens > 0),
    created_at timestamptz NOT NULL DEFAULT now(),
    revoked_at timestamptz,
    PRIMARY KEY (account_id, key_id),
    UNIQUE (account_id, secret_hash),
    FOREIGN KEY (account_id, project_id) REFERENCES projects
);

-- Finds a key by its id alone, as the command line names it.
CREATE INDEX api_keys_by_id ON api_keys (key_id);

GRANT SELECT, INSERT ON api_keys TO farebox_service;
GRANT UPDATE (revoked_at) ON api_keys TO farebox_service;
