-- Leases whose instance fell silent for good, or whose journal is destroyed, are closed by an
-- event. Every kind of before is among these, so the events need not be read again.
ALTER DOMAIN event_kind DROP CONSTRAINT event_kind_check;
ALTER DOMAIN event_kind ADD CONSTRAINT event_kind_check CHECK (
    VALUE IN ('usage', 'credit_granted', 'credit_expired', 'credit_voided', 'credit_charged_back',
        'credit_adjusted', 'credit_limit_set', 'payment', 'credit_note', 'rounding',
        'lease_lost')) NOT VALID;

ALTER TABLE instances
    -- By its own settings: how long it must be silent until no call of it can be running.
    ADD COLUMN release_after_seconds bigint NOT NULL DEFAULT 1260 CHECK (release_after_seconds > 0),
    -- How often others have closed leases of it: a heartbeat tells it, and it asks anew for each.
    ADD COLUMN releases bigint NOT NULL DEFAULT 0,
    -- It has given everything back and ended; NULL while it runs, and when it just fell silent.
    ADD COLUMN stopped_at timestamptz,
    -- What it told with its last heartbeat: calls under way, and what they hold.
    ADD COLUMN running_calls bigint NOT NULL DEFAULT 0 CHECK (running_calls >= 0),
    ADD COLUMN held numeric(38,0) NOT NULL DEFAULT 0 CHECK (held >= 0);

GRANT UPDATE (release_after_seconds, releases, stopped_at, running_calls, held) ON instances TO farebox_service;
