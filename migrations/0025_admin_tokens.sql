-- Who may use the console, and as what. A token is known by the SHA-256 of its secret, which has
-- 256 bits of its own. Not owned by an account: most tokens see all of them.
CREATE TABLE admin_tokens (
    token_id uuid PRIMARY KEY,
    secret_hash bytea NOT NULL UNIQUE CHECK (octet_length(secret_hash) = 32),
    -- The first characters of the secret, to be told apart by in lists.
    prefix text NOT NULL,
    role text NOT NULL CHECK (role IN ('operator', 'finance', 'viewer', 'account')),
    -- The one account that it sees.
    sees_account_id uuid REFERENCES accounts,
    name text NOT NULL CHECK (length(name) <= 200),
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz,
    revoked_at timestamptz,
    CHECK ((role = 'account') = (sees_account_id IS NOT NULL))
);

GRANT SELECT, INSERT ON admin_tokens TO farebox_service;
GRANT UPDATE (revoked_at) ON admin_tokens TO farebox_service;

CREATE TRIGGER admin_tokens_act AFTER INSERT OR UPDATE ON admin_tokens
    FOR EACH ROW EXECUTE FUNCTION note_act();
ALTER TABLE admin_tokens ENABLE ALWAYS TRIGGER admin_tokens_act;
