-- Credit that an account buys by itself, at a payment provider's page. What was asked for is fixed
-- when the row is made; what became of it is noted once, and never changed after that.
CREATE TABLE top_ups (
    account_id uuid NOT NULL REFERENCES accounts,
    top_up_id uuid NOT NULL,
    provider text NOT NULL CHECK (provider IN ('stripe')),
    -- What is credited, and the tax that is asked for besides.
    amount numeric(38,0) NOT NULL CHECK (amount > 0),
    tax numeric(38,0) NOT NULL CHECK (tax >= 0),
    opened_at timestamptz NOT NULL,
    -- When the provider's page ends.
    expires_at timestamptz NOT NULL,
    -- The provider's page; NULL until it is known.
    page_id text CHECK (length(page_id) BETWEEN 1 AND 255),
    page_url text CHECK (length(page_url) BETWEEN 1 AND 4000),
    -- The page ended and nobody had paid.
    ended_at timestamptz,
    -- The provider's name of the payment, which is the reference of the grant that it became.
    payment_id text CHECK (length(payment_id) BETWEEN 1 AND 200),
    paid_at timestamptz,
    grant_id uuid,
    -- What of the payment, with its tax, went back so far.
    refunded numeric(38,0) NOT NULL DEFAULT 0,
    -- When the provider is asked next what became of it; NULL for never again.
    ask_at timestamptz,
    PRIMARY KEY (account_id, top_up_id),
    UNIQUE (account_id, payment_id),
    FOREIGN KEY (account_id, grant_id) REFERENCES grants,
    CONSTRAINT top_ups_page CHECK ((page_id IS NULL) = (page_url IS NULL)),
    CONSTRAINT top_ups_paid
        CHECK ((payment_id IS NULL) = (grant_id IS NULL) AND (payment_id IS NULL) = (paid_at IS NULL)),
    CONSTRAINT top_ups_refunded
        CHECK (refunded BETWEEN 0 AND amount + tax AND (refunded = 0 OR payment_id IS NOT NULL))
);

-- Providers name payments and know no account.
CREATE INDEX top_ups_by_payment ON top_ups (payment_id) WHERE payment_id IS NOT NULL;
CREATE INDEX top_ups_by_id ON top_ups (top_up_id);
CREATE INDEX top_ups_to_ask ON top_ups (ask_at) WHERE ask_at IS NOT NULL;

CREATE FUNCTION keep_top_up() RETURNS trigger
    LANGUAGE plpgsql
AS $$
BEGIN
    IF (NEW.account_id, NEW.top_up_id, NEW.provider, NEW.amount, NEW.tax, NEW.opened_at,
            NEW.expires_at)
        IS DISTINCT FROM (OLD.account_id, OLD.top_up_id, OLD.provider, OLD.amount, OLD.tax,
            OLD.opened_at, OLD.expires_at)
        OR (OLD.page_id IS NOT NULL
            AND (NEW.page_id, NEW.page_url) IS DISTINCT FROM (OLD.page_id, OLD.page_url))
        OR (OLD.ended_at IS NOT NULL AND NEW.ended_at IS DISTINCT FROM OLD.ended_at)
        OR (OLD.payment_id IS NOT NULL
            AND (NEW.payment_id, NEW.paid_at, NEW.grant_id)
                IS DISTINCT FROM (OLD.payment_id, OLD.paid_at, OLD.grant_id))
        OR NEW.refunded < OLD.refunded
    THEN
        RAISE EXCEPTION 'what is known of a top-up never changes' USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END
$$;

-- Payments whose bank or card holder asks for the money back, and what came of it.
CREATE TABLE payment_disputes (
    account_id uuid NOT NULL,
    dispute_id text NOT NULL CHECK (length(dispute_id) BETWEEN 1 AND 200),
    top_up_id uuid NOT NULL,
    told_at timestamptz NOT NULL,
    -- What the chargeback took of the balance; NULL when there was none.
    taken numeric(38,0) CHECK (taken >= 0),
    -- When the dispute was won, and the grant that then gave back what was taken.
    returned_at timestamptz,
    return_grant_id uuid,
    PRIMARY KEY (account_id, dispute_id),
    FOREIGN KEY (account_id, top_up_id) REFERENCES top_ups,
    FOREIGN KEY (account_id, return_grant_id) REFERENCES grants
);

CREATE FUNCTION keep_payment_dispute() RETURNS trigger
    LANGUAGE plpgsql
AS $$
BEGIN
    IF (NEW.account_id, NEW.dispute_id, NEW.top_up_id, NEW.told_at, NEW.taken)
        IS DISTINCT FROM (OLD.account_id, OLD.dispute_id, OLD.top_up_id, OLD.told_at, OLD.taken)
        OR OLD.returned_at IS NOT NULL
    THEN
        RAISE EXCEPTION 'what is known of a dispute never changes' USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END
$$;

-- What refunds and chargebacks took of a grant after it was burned, from whatever else there was.
-- With `withdrawn` it is all that went back, and so what a further chargeback can still take.
ALTER TABLE grants ADD COLUMN reclaimed numeric(38,0) NOT NULL DEFAULT 0;
UPDATE grants SET reclaimed = amount - withdrawn WHERE charged_back_at IS NOT NULL;
ALTER TABLE grants ADD CONSTRAINT grants_reclaimed
    CHECK (reclaimed >= 0 AND reclaimed + withdrawn <= amount);
GRANT UPDATE (reclaimed) ON grants TO farebox_service;

CREATE TRIGGER top_ups_kept BEFORE UPDATE ON top_ups
    FOR EACH ROW EXECUTE FUNCTION keep_top_up();
CREATE TRIGGER top_ups_not_deleted BEFORE DELETE ON top_ups
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER top_ups_not_truncated BEFORE TRUNCATE ON top_ups
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER payment_disputes_kept BEFORE UPDATE ON payment_disputes
    FOR EACH ROW EXECUTE FUNCTION keep_payment_dispute();
CREATE TRIGGER payment_disputes_not_deleted BEFORE DELETE ON payment_disputes
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER payment_disputes_not_truncated BEFORE TRUNCATE ON payment_disputes
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
-- Not when the provider is merely asked.
CREATE TRIGGER top_ups_act AFTER INSERT OR UPDATE OF page_id, ended_at, payment_id, refunded
    ON top_ups FOR EACH ROW EXECUTE FUNCTION note_act();
CREATE TRIGGER payment_disputes_act AFTER INSERT OR UPDATE ON payment_disputes
    FOR EACH ROW EXECUTE FUNCTION note_act();

DO $$
DECLARE
    target text;
BEGIN
    FOREACH target IN ARRAY ARRAY['top_ups', 'payment_disputes']
    LOOP
        EXECUTE format('ALTER TABLE %1$s ENABLE ALWAYS TRIGGER %1$s_kept', target);
        EXECUTE format('ALTER TABLE %1$s ENABLE ALWAYS TRIGGER %1$s_not_deleted', target);
        EXECUTE format('ALTER TABLE %1$s ENABLE ALWAYS TRIGGER %1$s_not_truncated', target);
        EXECUTE format('ALTER TABLE %1$s ENABLE ALWAYS TRIGGER %1$s_act', target);
    END LOOP;
END
$$;

GRANT SELECT, INSERT ON top_ups, payment_disputes TO farebox_service;
GRANT UPDATE (page_id, page_url, ended_at, payment_id, paid_at, grant_id, refunded, ask_at)
    ON top_ups TO farebox_service;
GRANT UPDATE (returned_at, return_grant_id) ON payment_disputes TO farebox_service;
