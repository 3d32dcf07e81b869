-- Caps on what a key or a project may spend, by day, by month and in total. A row that once was
-- made stays: without an amount it caps nothing, and goes on counting.
CREATE TABLE spend_caps (
    account_id uuid NOT NULL REFERENCES accounts,
    -- What is capped, a key or a project.
    scope_id uuid NOT NULL GENERATED ALWAYS AS (coalesce(key_id, project_id)) STORED,
    key_id uuid,
    project_id uuid,
    day_limit numeric(38,0) CHECK (day_limit >= 0),
    month_limit numeric(38,0) CHECK (month_limit >= 0),
    total_limit numeric(38,0) CHECK (total_limit >= 0),
    PRIMARY KEY (account_id, scope_id),
    FOREIGN KEY (account_id, key_id) REFERENCES api_keys,
    FOREIGN KEY (account_id, project_id) REFERENCES projects,
    CHECK (num_nonnulls(key_id, project_id) = 1)
);

-- What a capped key or project has spent, by the days on which its calls were admitted. The day is
-- the one window that is kept: a month and the total are sums of days. Nothing is ever reset.
--
-- Bounds are computed once, from the account's time zone, and stay: whatever becomes of the zone or
-- of its rules, an instant of admission lies in one day.
CREATE TABLE spend_days (
    account_id uuid NOT NULL,
    scope_id uuid NOT NULL,
    starts_at timestamptz NOT NULL,
    ends_at timestamptz NOT NULL,
    month_starts_at timestamptz NOT NULL,
    -- The sum of what usage has taken from the balance.
    spent numeric(38,0) NOT NULL DEFAULT 0 CHECK (spent >= 0),
    PRIMARY KEY (account_id, scope_id, starts_at),
    FOREIGN KEY (account_id, scope_id) REFERENCES spend_caps,
    CHECK (month_starts_at <= starts_at AND starts_at < ends_at)
) WITH (fillfactor = 50);

-- What of a cap an instance has set aside for a day's admissions. It belongs to the instance's lease
-- of the account, under whose numbers it is changed, and counts while that lease is open: whoever
-- closes a lease, in whatever way, has closed these with it.
CREATE TABLE cap_leases (
    account_id uuid NOT NULL,
    lease_id uuid NOT NULL,
    scope_id uuid NOT NULL,
    day_starts_at timestamptz NOT NULL,
    -- Less what was given back.
    granted numeric(38,0) NOT NULL CHECK (granted >= 0),
    settled numeric(38,0) NOT NULL DEFAULT 0 CHECK (settled >= 0),
    -- The last of the lease's operations that changed it, so that a repeat gets its result.
    op_seq bigint NOT NULL,
    op_result numeric(38,0) NOT NULL CHECK (op_result >= 0),
    PRIMARY KEY (account_id, lease_id, scope_id, day_starts_at),
    FOREIGN KEY (account_id, lease_id) REFERENCES leases ON DELETE CASCADE,
    FOREIGN KEY (account_id, scope_id, day_starts_at) REFERENCES spend_days,
    CHECK (settled <= granted)
) WITH (fillfactor = 50);

-- Whether anything of the account is capped. An append learns it with the lock of the head, and
-- does nothing more for accounts that have no caps.
ALTER TABLE account_heads ADD COLUMN has_caps boolean NOT NULL DEFAULT false;

-- The first instant at which a zone's calendar shows the day or a later one. That is the definition
-- itself, looked for in steps of a quarter of an hour, which all of today's zones keep to: so it
-- holds as well where midnight comes twice, does not come, or a day is left out.
CREATE FUNCTION first_instant(day date, zone text) RETURNS timestamptz
    LANGUAGE sql STABLE STRICT
AS $$
    SELECT min(instant)
    FROM generate_series((day::timestamp AT TIME ZONE 'UTC') - interval '16 hours',
        (day::timestamp AT TIME ZONE 'UTC') + interval '16 hours', interval '15 minutes') AS instant
    WHERE (instant AT TIME ZONE zone)::date >= day
$$;

-- The day and the month of a zone that an instant lies in. Where clocks are put back across
-- midnight, the hour that is repeated belongs to the day that had begun.
CREATE FUNCTION spend_day(instant timestamptz, zone text,
    OUT starts_at timestamptz, OUT ends_at timestamptz, OUT month_starts_at timestamptz)
    LANGUAGE sql STABLE STRICT
AS $$
    SELECT first_instant(day, zone), first_instant(day + 1, zone),
        first_instant(date_trunc('month', day)::date, zone)
    FROM (SELECT (instant AT TIME ZONE zone)::date AS shown) AS clock,
        LATERAL (SELECT CASE WHEN first_instant(shown + 1, zone) <= instant
            THEN shown + 1 ELSE shown END AS day) AS days
$$;

CREATE TRIGGER spend_caps_notify AFTER INSERT OR UPDATE ON spend_caps
    FOR EACH STATEMENT EXECUTE FUNCTION notify_directory();

GRANT SELECT, INSERT ON spend_caps TO farebox_service;
GRANT UPDATE (day_limit, month_limit, total_limit) ON spend_caps TO farebox_service;
GRANT SELECT, INSERT ON spend_days TO farebox_service;
GRANT UPDATE (spent) ON spend_days TO farebox_service;
GRANT SELECT, INSERT, DELETE ON cap_leases TO farebox_service;
GRANT UPDATE (granted, settled, op_seq, op_result) ON cap_leases TO farebox_service;
GRANT UPDATE (has_caps) ON account_heads TO farebox_service;
