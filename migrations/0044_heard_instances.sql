-- Since when the database has heard an instance without a break. Whoever closes leases as lost must
-- have been heard for a while: else the silence of the others may have been the database's own.
ALTER TABLE instances ADD COLUMN heard_since timestamptz NOT NULL DEFAULT clock_timestamp();

GRANT UPDATE (heard_since) ON instances TO farebox_service;
