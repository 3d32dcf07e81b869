-- Which accounts instances are short of, for those who hold leases of them. A notification tells
-- at once; these rows are what a poll finds when it was lost. One row an account, overwritten, and
-- never locked together with a head or a lease.
CREATE TABLE lease_recalls (
    account_id uuid PRIMARY KEY,
    -- The last one that asked.
    instance_id uuid NOT NULL,
    asked_at timestamptz NOT NULL
) WITH (fillfactor = 50);

CREATE INDEX lease_recalls_by_time ON lease_recalls (asked_at);

GRANT SELECT, INSERT, UPDATE, DELETE ON lease_recalls TO farebox_service;
