-- Events that could not be appended, whole and durable, until a person has looked at them. The
-- money that a parked call's lease had set aside stays in the head's `reserved`.
CREATE TABLE parked_events (
    account_id uuid NOT NULL,
    event_id uuid NOT NULL,
    content_hash bytea NOT NULL CHECK (octet_length(content_hash) = 32),
    -- The canonical bytes.
    payload bytea NOT NULL,
    reason text NOT NULL,
    message text NOT NULL,
    reserved numeric(38,0) NOT NULL CHECK (reserved >= 0),
    parked_at timestamptz NOT NULL DEFAULT now(),
    resolved_at timestamptz,
    resolution text CHECK (resolution IN ('appended', 'dismissed')),
    PRIMARY KEY (account_id, event_id, content_hash),
    CHECK ((resolved_at IS NULL) = (resolution IS NULL))
);

CREATE INDEX parked_events_unresolved ON parked_events (account_id) WHERE resolved_at IS NULL;

GRANT SELECT, INSERT ON parked_events TO farebox_service;
GRANT UPDATE (resolved_at, resolution) ON parked_events TO farebox_service;
