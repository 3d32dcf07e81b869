-- Wakes the instances when what they keep snapshots of has changed. These changes are rare. Events
-- never notify: NOTIFY takes a lock of the whole cluster at commit.
CREATE FUNCTION notify_directory() RETURNS trigger
    LANGUAGE plpgsql
AS $$
BEGIN
    PERFORM pg_notify('farebox_directory', '');
    RETURN NULL;
END
$$;

CREATE FUNCTION notify_prices() RETURNS trigger
    LANGUAGE plpgsql
AS $$
BEGIN
    PERFORM pg_notify('farebox_prices', '');
    RETURN NULL;
END
$$;

CREATE TRIGGER accounts_notify AFTER INSERT OR UPDATE ON accounts
    FOR EACH STATEMENT EXECUTE FUNCTION notify_directory();
-- Fires by the statement's column list, so an append that moves a balance does not.
CREATE TRIGGER account_heads_notify AFTER UPDATE OF status ON account_heads
    FOR EACH STATEMENT EXECUTE FUNCTION notify_directory();
CREATE TRIGGER projects_notify AFTER INSERT OR UPDATE ON projects
    FOR EACH STATEMENT EXECUTE FUNCTION notify_directory();
CREATE TRIGGER api_keys_notify AFTER INSERT OR UPDATE ON api_keys
    FOR EACH STATEMENT EXECUTE FUNCTION notify_directory();
CREATE TRIGGER price_versions_notify AFTER INSERT ON price_versions
    FOR EACH STATEMENT EXECUTE FUNCTION notify_prices();
