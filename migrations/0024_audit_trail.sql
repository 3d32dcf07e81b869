-- Who did what by hand, and what it changed: written by the tables themselves, in the transaction
-- of the act, so that no program can act without its entry. An entry never changes.
--
-- The program says for whom it acts, with `set_config` for the length of its transaction; without
-- that it is the database's role.
CREATE TABLE audit_entries (
    entry_id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    actor text NOT NULL,
    -- The token that was presented, if any.
    token_id uuid,
    act text NOT NULL,
    -- The table whose row was made or changed.
    subject text NOT NULL,
    -- None for what is of no account, such as prices. The trail itself belongs to none, wherever
    -- the streams of accounts live.
    about_account_id uuid,
    before jsonb,
    after jsonb
);

CREATE INDEX audit_entries_by_time ON audit_entries (recorded_at, entry_id);

CREATE TRIGGER audit_entries_immutable BEFORE UPDATE OR DELETE ON audit_entries
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER audit_entries_not_truncated BEFORE TRUNCATE ON audit_entries
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
ALTER TABLE audit_entries ENABLE ALWAYS TRIGGER audit_entries_immutable;
ALTER TABLE audit_entries ENABLE ALWAYS TRIGGER audit_entries_not_truncated;

GRANT SELECT, INSERT ON audit_entries TO farebox_service;

CREATE FUNCTION record_act(subject text, account uuid, before jsonb, after jsonb) RETURNS void
    LANGUAGE sql
AS $$
    INSERT INTO audit_entries (actor, token_id, act, subject, about_account_id, before, after)
    VALUES (
        coalesce(nullif(current_setting('farebox.actor', true), ''),
            'the database role ' || session_user),
        nullif(current_setting('farebox.token', true), '')::uuid,
        coalesce(nullif(current_setting('farebox.act', true), ''), 'SQL'),
        subject, account, before, after)
$$;

-- Hashes of secrets are no part of what anybody needs to see.
CREATE FUNCTION note_act() RETURNS trigger
    LANGUAGE plpgsql
AS $$
DECLARE
    before jsonb := to_jsonb(OLD) - 'secret_hash';
    after jsonb := to_jsonb(NEW) - 'secret_hash';
BEGIN
    IF before IS DISTINCT FROM after THEN
        PERFORM record_act(TG_TABLE_NAME,
            coalesce(after ->> 'account_id', after ->> 'sees_account_id')::uuid, before, after);
    END IF;
    RETURN NULL;
END
$$;

CREATE TRIGGER accounts_act AFTER INSERT OR UPDATE ON accounts
    FOR EACH ROW EXECUTE FUNCTION note_act();
-- These fire by the statement's column list, so an append that moves a balance, a cap that is
-- prepared and a grant that ends by itself do not.
CREATE TRIGGER account_heads_act AFTER UPDATE OF status ON account_heads
    FOR EACH ROW EXECUTE FUNCTION note_act();
CREATE TRIGGER projects_act AFTER INSERT OR UPDATE ON projects
    FOR EACH ROW EXECUTE FUNCTION note_act();
CREATE TRIGGER api_keys_act AFTER INSERT OR UPDATE ON api_keys
    FOR EACH ROW EXECUTE FUNCTION note_act();
CREATE TRIGGER spend_caps_act
    AFTER UPDATE OF day_limit, month_limit, total_limit ON spend_caps
    FOR EACH ROW EXECUTE FUNCTION note_act();
CREATE TRIGGER grants_act AFTER INSERT OR UPDATE OF voided_at, charged_back_at ON grants
    FOR EACH ROW EXECUTE FUNCTION note_act();
CREATE TRIGGER price_versions_act AFTER INSERT ON price_versions
    FOR EACH ROW EXECUTE FUNCTION note_act();

DO $$
DECLARE
    target text;
BEGIN
    FOREACH target IN ARRAY ARRAY['accounts', 'account_heads', 'projects', 'api_keys',
        'spend_caps', 'grants', 'price_versions']
    LOOP
        EXECUTE format('ALTER TABLE %1$s ENABLE ALWAYS TRIGGER %1$s_act', target);
    END LOOP;
END
$$;
