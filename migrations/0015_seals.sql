-- Seals: each covers a run of an account's events and the seal before it, so that whoever holds one
-- hash that was pinned outside of this database can tell whether anything under it was changed.
-- Written by the sealer, behind the append; append-only and laid out like the events they cover.
CREATE TABLE seals (
    account_id uuid NOT NULL,
    first_version bigint NOT NULL CHECK (first_version > 0),
    last_version bigint NOT NULL,
    event_count bigint NOT NULL,
    -- Which form the hashed bytes have: what was sealed in one form is verified in it for ever.
    format smallint NOT NULL CHECK (format > 0),
    -- Of the account's seal before this one; zeroes for the first.
    previous_hash sha256_digest NOT NULL,
    hash sha256_digest NOT NULL,
    -- Four bytes of each event's own hash: they prove nothing, but tell which event was changed.
    fingerprints bytea NOT NULL,
    sealed_at timestamptz NOT NULL,
    -- The compare-and-set: of two seals that would follow the same one, the second is refused.
    PRIMARY KEY (account_id, first_version),
    CHECK (event_count > 0 AND last_version = first_version + event_count - 1
        AND octet_length(fingerprints) = 4 * event_count)
) PARTITION BY HASH (account_id);

CREATE TRIGGER seals_immutable BEFORE UPDATE OR DELETE ON seals
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER seals_not_truncated BEFORE TRUNCATE ON seals
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

DO $$
BEGIN
    FOR n IN 0..15 LOOP
        EXECUTE format(
            'CREATE TABLE seals_%s PARTITION OF seals FOR VALUES WITH (MODULUS 16, REMAINDER %s)',
            n, n);
        EXECUTE format(
            'CREATE TRIGGER seals_not_truncated BEFORE TRUNCATE ON seals_%s
             FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()', n);
        EXECUTE format('ALTER TABLE seals_%s ENABLE ALWAYS TRIGGER seals_immutable', n);
        EXECUTE format('ALTER TABLE seals_%s ENABLE ALWAYS TRIGGER seals_not_truncated', n);
        -- Verification reads partition by partition.
        EXECUTE format('GRANT SELECT ON events_%s, seals_%s TO farebox_service', n, n);
    END LOOP;
END
$$;

ALTER TABLE seals ENABLE ALWAYS TRIGGER seals_immutable;
ALTER TABLE seals ENABLE ALWAYS TRIGGER seals_not_truncated;

-- How far each stream is sealed. Only a way to find what is left to do and a lock while it is done:
-- the last seal itself is what the next one follows.
CREATE TABLE seal_checkpoints (
    account_id uuid PRIMARY KEY,
    version bigint NOT NULL DEFAULT 0 CHECK (version >= 0)
) WITH (fillfactor = 50);

GRANT SELECT, INSERT ON seals, seal_checkpoints TO farebox_service;
GRANT UPDATE (version) ON seal_checkpoints TO farebox_service;
