-- A checkpoint of the burn-down of an account's grants: what its events up to `version` leave. It
-- can be deleted at any time and is folded from the stream again.
CREATE TABLE burn_downs (
    account_id uuid PRIMARY KEY REFERENCES accounts,
    version bigint NOT NULL CHECK (version > 0),
    credit_limit numeric(38,0) NOT NULL,
    -- What usage and corrections took that no grant covered.
    unpaid numeric(38,0) NOT NULL,
    granted numeric(38,0) NOT NULL,
    burned numeric(38,0) NOT NULL,
    expired numeric(38,0) NOT NULL,
    voided numeric(38,0) NOT NULL
);

-- The grants that have something left at that version.
CREATE TABLE burn_down_grants (
    account_id uuid NOT NULL REFERENCES burn_downs ON DELETE CASCADE,
    grant_id uuid NOT NULL,
    kind text NOT NULL,
    priority integer NOT NULL,
    starts_at timestamptz NOT NULL,
    expires_at timestamptz,
    version bigint NOT NULL,
    voided_at timestamptz,
    rest numeric(38,0) NOT NULL CHECK (rest > 0),
    PRIMARY KEY (account_id, grant_id)
);

GRANT SELECT, INSERT, DELETE ON burn_downs, burn_down_grants TO farebox_service;
