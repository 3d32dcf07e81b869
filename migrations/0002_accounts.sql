-- An account is the aggregate: one stream of events, one head. Accounts themselves are a small
-- directory that every shard may have a copy of, so foreign keys to them cross nothing.
CREATE TABLE accounts (
    account_id uuid PRIMARY KEY,
    slug text NOT NULL UNIQUE CHECK (slug ~ '^[a-z0-9][a-z0-9_-]{0,62}$'),
    name text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
    currency text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    time_zone text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);

-- What every append and every lease locks first. The status lives here, because it is decided
-- under this lock.
CREATE TABLE account_heads (
    account_id uuid PRIMARY KEY REFERENCES accounts,
    status text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'suspended')),
    -- The version of the stream's last event.
    version bigint NOT NULL DEFAULT 0 CHECK (version >= 0),
    balance numeric(38,0) NOT NULL DEFAULT 0,
    credit_limit numeric(38,0) NOT NULL DEFAULT 0 CHECK (credit_limit >= 0),
    -- Σ (granted − settled) over the open leases.
    escrowed numeric(38,0) NOT NULL DEFAULT 0 CHECK (escrowed >= 0),
    -- Not to be leased: credit that is being withdrawn, money of parked events.
    reserved numeric(38,0) NOT NULL DEFAULT 0 CHECK (reserved >= 0),
    -- What forced events have taken beyond balance and limit.
    overdrawn numeric(38,0) NOT NULL DEFAULT 0 CHECK (overdrawn >= 0),
    CONSTRAINT account_heads_never_overspent
        CHECK (balance + credit_limit + overdrawn >= escrowed)
) WITH (fillfactor = 50);

-- An account's currency and slug are on contracts and in stored amounts.
CREATE FUNCTION keep_account_identity() RETURNS trigger
    LANGUAGE plpgsql
AS $$
BEGIN
    IF NEW.account_id <> OLD.account_id OR NEW.currency <> OLD.currency OR NEW.slug <> OLD.slug
    THEN
        RAISE EXCEPTION 'the slug and the currency of an account never change'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END
$$;

CREATE TRIGGER accounts_keep_identity BEFORE UPDATE ON accounts
    FOR EACH ROW EXECUTE FUNCTION keep_account_identity();

GRANT SELECT, INSERT ON accounts, account_heads TO farebox_service;
GRANT UPDATE (name, time_zone) ON accounts TO farebox_service;
GRANT UPDATE (status, version, balance, credit_limit, escrowed, reserved, overdrawn)
    ON account_heads TO farebox_service;
