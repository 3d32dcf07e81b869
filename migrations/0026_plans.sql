-- Plans: what an account pays instead of the list prices. A plan's terms are revisions, immutable,
-- and are published as exact prices of their own: a line of price versions for each plan.
CREATE TABLE plans (
    plan text PRIMARY KEY CHECK (plan ~ '^[a-z0-9][a-z0-9_-]{0,62}$'),
    currency text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    created_at timestamptz NOT NULL DEFAULT now(),
    -- What accounts and price versions refer to, so that all are of one currency.
    UNIQUE (plan, currency)
);

CREATE TABLE plan_revisions (
    plan text NOT NULL REFERENCES plans,
    revision bigint NOT NULL CHECK (revision > 0),
    effective_at timestamptz NOT NULL,
    published_at timestamptz NOT NULL,
    -- Names or patterns of models, and what is added to their list prices: 1 is 0.01 %.
    models text[] NOT NULL,
    basis_points integer[] NOT NULL
        CHECK (-9900 <= ALL (basis_points) AND 90000 >= ALL (basis_points)),
    PRIMARY KEY (plan, revision),
    CHECK (cardinality(models) = cardinality(basis_points))
);

DO $$
DECLARE
    target text;
BEGIN
    FOREACH target IN ARRAY ARRAY['plans', 'plan_revisions'] LOOP
        EXECUTE format(
            'CREATE TRIGGER %1$s_immutable BEFORE UPDATE OR DELETE ON %1$s
             FOR EACH ROW EXECUTE FUNCTION refuse_change()', target);
        EXECUTE format(
            'CREATE TRIGGER %1$s_not_truncated BEFORE TRUNCATE ON %1$s
             FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()', target);
        EXECUTE format('ALTER TABLE %1$s ENABLE ALWAYS TRIGGER %1$s_immutable', target);
        EXECUTE format('ALTER TABLE %1$s ENABLE ALWAYS TRIGGER %1$s_not_truncated', target);
        EXECUTE format(
            'CREATE TRIGGER %1$s_act AFTER INSERT ON %1$s
             FOR EACH ROW EXECUTE FUNCTION note_act()', target);
        EXECUTE format('ALTER TABLE %1$s ENABLE ALWAYS TRIGGER %1$s_act', target);
    END LOOP;
END
$$;

-- A version's line is its source and currency, and for a plan's prices the plan. Costs are what
-- upstreams charge, where that is not the community's price.
ALTER TABLE price_versions
    ADD COLUMN plan text,
    DROP CONSTRAINT price_versions_source_check,
    ADD CONSTRAINT price_versions_source_check
        CHECK (source IN ('farebox', 'litellm', 'plan', 'cost')),
    ADD CONSTRAINT price_versions_plan_check CHECK ((source = 'plan') = (plan IS NOT NULL)),
    ADD FOREIGN KEY (plan, currency) REFERENCES plans (plan, currency);

-- None: the account pays the list prices.
ALTER TABLE accounts
    ADD COLUMN plan text,
    ADD FOREIGN KEY (plan, currency) REFERENCES plans (plan, currency);

GRANT SELECT, INSERT ON plans, plan_revisions TO farebox_service;
GRANT UPDATE (plan) ON accounts TO farebox_service;
