-- Alerts and the webhooks that carry them. An alert is written in the transaction of its cause, with
-- a delivery for each endpoint that wants it; deliveries are sent behind that, at least once.

-- Below this balance (with the credit limit) the account's owner is told. On the head, because every
-- append compares it under the head's lock anyway.
ALTER TABLE account_heads ADD COLUMN low_balance numeric(38,0);
GRANT UPDATE (low_balance) ON account_heads TO farebox_service;
CREATE TRIGGER account_heads_low_balance_act AFTER UPDATE OF low_balance ON account_heads
    FOR EACH ROW EXECUTE FUNCTION note_act();
ALTER TABLE account_heads ENABLE ALWAYS TRIGGER account_heads_low_balance_act;

-- Where alerts go. Not owned by an account: an operator's endpoint is told of all accounts.
CREATE TABLE webhook_endpoints (
    endpoint_id uuid PRIMARY KEY,
    -- The one account that it is told of; NULL for all, and for what is of no account.
    sees_account_id uuid REFERENCES accounts,
    url text NOT NULL CHECK (length(url) BETWEEN 1 AND 2000),
    -- Empty for all kinds.
    kinds text[] NOT NULL,
    -- Whether it may be at a private address, which only an operator may say.
    is_private boolean NOT NULL,
    state text NOT NULL DEFAULT 'enabled' CHECK (state IN ('enabled', 'disabled', 'deleted')),
    created_at timestamptz NOT NULL
);

CREATE TRIGGER webhook_endpoints_act AFTER INSERT OR UPDATE ON webhook_endpoints
    FOR EACH ROW EXECUTE FUNCTION note_act();
ALTER TABLE webhook_endpoints ENABLE ALWAYS TRIGGER webhook_endpoints_act;

-- What signatures are made with, apart from what lists and the audit trail show. In the clear, for a
-- hash signs nothing.
CREATE TABLE webhook_secrets (
    endpoint_id uuid PRIMARY KEY REFERENCES webhook_endpoints,
    secret bytea NOT NULL CHECK (octet_length(secret) BETWEEN 24 AND 64)
);

-- How an endpoint does, as deliveries find it. Apart from the endpoint, whose changes are acts.
CREATE TABLE webhook_health (
    endpoint_id uuid PRIMARY KEY REFERENCES webhook_endpoints,
    last_success_at timestamptz,
    last_failure_at timestamptz,
    last_failure text,
    -- Since when every attempt failed; NULL when the last one did not.
    failing_since timestamptz,
    failures bigint NOT NULL DEFAULT 0 CHECK (failures >= 0)
);

-- The outbox. What is of no account has the identifier of zeros.
CREATE TABLE webhook_messages (
    account_id uuid NOT NULL,
    message_id uuid NOT NULL,
    kind text NOT NULL,
    -- The very bytes that are signed and sent.
    body text NOT NULL,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (account_id, message_id)
);

CREATE INDEX webhook_messages_by_time ON webhook_messages (created_at);
CREATE INDEX webhook_messages_by_id ON webhook_messages (message_id);

CREATE TABLE webhook_deliveries (
    account_id uuid NOT NULL,
    message_id uuid NOT NULL,
    endpoint_id uuid NOT NULL REFERENCES webhook_endpoints,
    state text NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'delivered', 'given_up')),
    -- All that were begun.
    attempts integer NOT NULL DEFAULT 0 CHECK (attempts >= 0),
    -- Those of the present schedule, and its first instant; a redelivery by hand begins another.
    tries integer NOT NULL DEFAULT 0 CHECK (tries >= 0),
    began_at timestamptz NOT NULL,
    -- While an attempt runs, when another process may take it for dead.
    due_at timestamptz NOT NULL,
    PRIMARY KEY (account_id, message_id, endpoint_id),
    FOREIGN KEY (account_id, message_id) REFERENCES webhook_messages ON DELETE CASCADE
) WITH (fillfactor = 50);

CREATE INDEX webhook_deliveries_due ON webhook_deliveries (endpoint_id, due_at)
    WHERE state = 'pending';
CREATE INDEX webhook_deliveries_by_endpoint ON webhook_deliveries (endpoint_id, message_id);

CREATE TABLE webhook_attempts (
    account_id uuid NOT NULL,
    message_id uuid NOT NULL,
    endpoint_id uuid NOT NULL,
    attempt integer NOT NULL CHECK (attempt > 0),
    at timestamptz NOT NULL,
    -- NULL when no answer came.
    status integer,
    -- Why it failed; NULL for a success.
    failure text,
    milliseconds bigint NOT NULL,
    PRIMARY KEY (account_id, message_id, endpoint_id, attempt),
    FOREIGN KEY (account_id, message_id, endpoint_id) REFERENCES webhook_deliveries
        ON DELETE CASCADE
);

-- The ends of keys that were told already. An end that is moved is told anew.
CREATE TABLE told_expiries (
    account_id uuid NOT NULL,
    key_id uuid NOT NULL,
    expires_at timestamptz NOT NULL,
    PRIMARY KEY (account_id, key_id, expires_at),
    FOREIGN KEY (account_id, key_id) REFERENCES api_keys
);

CREATE INDEX api_keys_by_expiry ON api_keys (expires_at)
    WHERE revoked_at IS NULL AND expires_at IS NOT NULL;

GRANT SELECT, INSERT ON told_expiries TO farebox_service;
GRANT SELECT, INSERT ON webhook_endpoints, webhook_secrets TO farebox_service;
GRANT UPDATE (state) ON webhook_endpoints TO farebox_service;
GRANT DELETE ON webhook_secrets TO farebox_service;
GRANT SELECT, INSERT, UPDATE, DELETE ON webhook_health, webhook_messages, webhook_deliveries,
    webhook_attempts TO farebox_service;
