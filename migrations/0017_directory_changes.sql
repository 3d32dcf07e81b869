-- What of the directory has changed, so that an instance with a million keys reads the one that was
-- revoked and not all of them.
--
-- A reader goes on from the oldest transaction that still ran when it last read: everything older
-- was visible to it then, so nothing that commits late is missed, and what it meets twice it just
-- reads twice. Rows are of use for minutes, and are deleted after an hour.
CREATE TABLE directory_changes (
    account_id uuid NOT NULL,
    change_id uuid NOT NULL DEFAULT gen_random_uuid(),
    -- What changed: a key, all keys of a project, or with neither the account itself.
    project_id uuid,
    key_id uuid,
    changed_by xid8 NOT NULL DEFAULT pg_current_xact_id(),
    changed_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (account_id, change_id),
    CHECK (num_nonnulls(project_id, key_id) <= 1)
);

CREATE INDEX directory_changes_by_transaction ON directory_changes (changed_by);

GRANT SELECT, INSERT, DELETE ON directory_changes TO farebox_service;

CREATE FUNCTION note_account_change() RETURNS trigger
    LANGUAGE plpgsql
AS $$
BEGIN
    INSERT INTO directory_changes (account_id) VALUES (NEW.account_id);
    RETURN NULL;
END
$$;

CREATE FUNCTION note_key_change() RETURNS trigger
    LANGUAGE plpgsql
AS $$
BEGIN
    INSERT INTO directory_changes (account_id, key_id) VALUES (NEW.account_id, NEW.key_id);
    RETURN NULL;
END
$$;

CREATE FUNCTION note_cap_change() RETURNS trigger
    LANGUAGE plpgsql
AS $$
BEGIN
    INSERT INTO directory_changes (account_id, project_id, key_id)
    VALUES (NEW.account_id, NEW.project_id, NEW.key_id);
    RETURN NULL;
END
$$;

CREATE TRIGGER accounts_change AFTER INSERT OR UPDATE ON accounts
    FOR EACH ROW EXECUTE FUNCTION note_account_change();
-- Fires by the statement's column list, so an append that moves a balance does not.
CREATE TRIGGER account_heads_change AFTER UPDATE OF status ON account_heads
    FOR EACH ROW EXECUTE FUNCTION note_account_change();
CREATE TRIGGER api_keys_change AFTER INSERT OR UPDATE ON api_keys
    FOR EACH ROW EXECUTE FUNCTION note_key_change();
CREATE TRIGGER spend_caps_change AFTER INSERT OR UPDATE ON spend_caps
    FOR EACH ROW EXECUTE FUNCTION note_cap_change();
