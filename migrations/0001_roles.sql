-- Two roles: whoever runs the migrations owns the tables; the service is granted only what it
-- needs. Log-in roles become the service by `GRANT farebox_service TO …`.
--
-- Roles belong to the cluster, so another database's migration may create this one at the same
-- instant: that is no error.
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'farebox_service') THEN
        CREATE ROLE farebox_service NOLOGIN;
    END IF;
EXCEPTION
    WHEN duplicate_object OR unique_violation THEN NULL;
    WHEN insufficient_privilege THEN
        RAISE EXCEPTION 'the role farebox_service is missing and this role may not create it'
            USING HINT = 'As a superuser: CREATE ROLE farebox_service NOLOGIN;';
END
$$;

-- Raised by the triggers that guard what is never changed.
CREATE FUNCTION refuse_change() RETURNS trigger
    LANGUAGE plpgsql
AS $$
BEGIN
    RAISE EXCEPTION '% of % is refused: its rows are never changed', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'integrity_constraint_violation';
END
$$;
