-- Alerts that come of a look at an account's usage rather than of an append: each NULL for none.
CREATE TABLE account_alerts (
    account_id uuid PRIMARY KEY REFERENCES accounts,
    -- Told when balance and credit limit last for fewer days, at the pace of the last seven.
    runway_days integer CHECK (runway_days BETWEEN 1 AND 365),
    -- Told when a day has cost more than so many hundredths of what its weekday usually costs.
    anomaly_percent integer CHECK (anomaly_percent BETWEEN 101 AND 10000),
    -- Told when a key was not used for so many days.
    unused_days integer CHECK (unused_days BETWEEN 1 AND 365)
);

CREATE TRIGGER account_alerts_act AFTER INSERT OR UPDATE ON account_alerts
    FOR EACH ROW EXECUTE FUNCTION note_act();
ALTER TABLE account_alerts ENABLE ALWAYS TRIGGER account_alerts_act;

-- What was seen and told. Apart from the settings, whose changes are acts.
CREATE TABLE account_watches (
    account_id uuid PRIMARY KEY REFERENCES account_alerts,
    looked_at timestamptz NOT NULL,
    -- A short runway was told, and it has not become long again.
    runway_told boolean NOT NULL DEFAULT false,
    -- The day, in the account's time zone, whose spending was told.
    anomaly_told_on date
);

CREATE INDEX account_watches_by_look ON account_watches (looked_at);

-- Keys that were told to be unused, until they are used again.
CREATE TABLE told_unused_keys (
    account_id uuid NOT NULL,
    key_id uuid NOT NULL,
    told_at timestamptz NOT NULL,
    PRIMARY KEY (account_id, key_id),
    FOREIGN KEY (account_id, key_id) REFERENCES api_keys
);

GRANT SELECT, INSERT, UPDATE ON account_alerts, account_watches TO farebox_service;
GRANT SELECT, INSERT, DELETE ON told_unused_keys TO farebox_service;
