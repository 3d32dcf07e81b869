-- Sums of credit, each with the event that put it into the balance.
CREATE TABLE grants (
    account_id uuid NOT NULL REFERENCES accounts,
    grant_id uuid NOT NULL,
    event_id uuid NOT NULL,
    kind text NOT NULL CHECK (kind IN ('paid', 'promotional')),
    amount numeric(38,0) NOT NULL CHECK (amount > 0),
    -- Lower burns first.
    priority integer NOT NULL DEFAULT 0,
    expires_at timestamptz,
    -- An outside reference such as a payment's.
    reference text CHECK (length(reference) BETWEEN 1 AND 200),
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (account_id, grant_id),
    UNIQUE (account_id, event_id),
    UNIQUE (account_id, reference)
);

GRANT SELECT, INSERT ON grants TO farebox_service;
