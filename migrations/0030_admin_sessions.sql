-- Who is signed in to the dashboard. A session is known by the hash of its cookie and says which
-- token it began with, so that it ends with that token, at once.
CREATE TABLE admin_sessions (
    session_hash bytea PRIMARY KEY CHECK (octet_length(session_hash) = 32),
    token_hash bytea NOT NULL CHECK (octet_length(token_hash) = 32),
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL
);

GRANT SELECT, INSERT, DELETE ON admin_sessions TO farebox_service;
