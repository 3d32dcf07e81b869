-- Slices of an account's balance that instances admit calls from.
CREATE TABLE leases (
    account_id uuid NOT NULL,
    lease_id uuid NOT NULL,
    instance_id uuid NOT NULL,
    epoch bigint NOT NULL CHECK (epoch > 0),
    state text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'closed')),
    -- Less what was given back.
    granted numeric(38,0) NOT NULL CHECK (granted >= 0),
    -- What usage has taken.
    settled numeric(38,0) NOT NULL DEFAULT 0 CHECK (settled >= 0),
    -- The last operation, so that a repeat gets its recorded result.
    op_seq bigint NOT NULL CHECK (op_seq > 0),
    op_kind text NOT NULL CHECK (op_kind IN ('acquire', 'give_back')),
    op_result numeric(38,0) NOT NULL CHECK (op_result >= 0),
    opened_at timestamptz NOT NULL DEFAULT now(),
    closed_at timestamptz,
    PRIMARY KEY (account_id, lease_id),
    CHECK (settled <= granted),
    CHECK ((state = 'closed') = (closed_at IS NOT NULL)),
    -- A closed lease holds nothing.
    CHECK (state = 'open' OR granted = settled)
) WITH (fillfactor = 50);

CREATE UNIQUE INDEX leases_one_open ON leases (account_id, instance_id, epoch)
    WHERE state = 'open';
-- What a new epoch of an instance has to close.
CREATE INDEX leases_open_by_instance ON leases (instance_id, epoch) WHERE state = 'open';

GRANT SELECT, INSERT ON leases TO farebox_service;
GRANT UPDATE (state, granted, settled, op_seq, op_kind, op_result, closed_at)
    ON leases TO farebox_service;
