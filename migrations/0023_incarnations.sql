-- The histories that this database has been through: a promoted standby or a restored backup is
-- another one, and may have lost what was committed before. Until every lease that it may not know
-- has run out, it leases nothing new.
CREATE TABLE incarnations (
    -- Counts from 1; the highest is what the database took itself for last.
    incarnation bigint PRIMARY KEY CHECK (incarnation > 0),
    system_identifier bigint NOT NULL,
    timeline integer NOT NULL,
    -- When somebody noticed.
    began_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    grants_from timestamptz NOT NULL
);

INSERT INTO incarnations (incarnation, system_identifier, timeline, grants_from)
SELECT 1, system_identifier,
    ('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::integer,
    clock_timestamp()
FROM pg_control_system();

GRANT SELECT, INSERT ON incarnations TO farebox_service;

-- The incarnation that an instance's leases are registered in; NULL from before there were any.
ALTER TABLE instances
    ADD COLUMN system_identifier bigint,
    ADD COLUMN timeline integer;

GRANT UPDATE (system_identifier, timeline) ON instances TO farebox_service;

ALTER TABLE leases
    DROP CONSTRAINT leases_op_kind_check,
    ADD CONSTRAINT leases_op_kind_check CHECK (op_kind IN ('acquire', 'give_back', 'reclaim'));
