-- Refunds are told one by one, as disputes are: one that fails at the provider gives its credit back.
ALTER TABLE payment_disputes RENAME TO payment_clawbacks;
ALTER TABLE payment_clawbacks RENAME COLUMN dispute_id TO clawback_id;
ALTER TABLE payment_clawbacks
    ADD COLUMN kind text NOT NULL DEFAULT 'dispute' CHECK (kind IN ('refund', 'dispute')),
    -- Of the money; NULL for a dispute that was told before it was kept.
    ADD COLUMN amount numeric(38,0) CHECK (amount > 0),
    ADD CONSTRAINT payment_clawbacks_amount CHECK (amount IS NOT NULL OR kind = 'dispute');
ALTER TABLE payment_clawbacks ALTER COLUMN kind DROP DEFAULT;

ALTER FUNCTION keep_payment_dispute() RENAME TO keep_payment_clawback;
CREATE OR REPLACE FUNCTION keep_payment_clawback() RETURNS trigger
    LANGUAGE plpgsql
AS $$
BEGIN
    IF (NEW.account_id, NEW.clawback_id, NEW.kind, NEW.top_up_id, NEW.amount, NEW.told_at, NEW.taken)
        IS DISTINCT FROM (OLD.account_id, OLD.clawback_id, OLD.kind, OLD.top_up_id, OLD.amount,
            OLD.told_at, OLD.taken)
        OR OLD.returned_at IS NOT NULL
    THEN
        RAISE EXCEPTION 'what is known of a refund or dispute never changes'
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END
$$;

DO $$
DECLARE
    part text;
BEGIN
    FOREACH part IN ARRAY ARRAY['kept', 'not_deleted', 'not_truncated', 'act']
    LOOP
        EXECUTE format('ALTER TRIGGER payment_disputes_%1$s ON payment_clawbacks'
            ' RENAME TO payment_clawbacks_%1$s', part);
    END LOOP;
END
$$;

-- When the provider failed to make the page: such a top-up is none that is open.
ALTER TABLE top_ups ADD COLUMN page_failed_at timestamptz;
GRANT UPDATE (page_failed_at) ON top_ups TO farebox_service;

-- As before, but that what was refunded falls when a refund fails.
CREATE OR REPLACE FUNCTION keep_top_up() RETURNS trigger
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
    THEN
        RAISE EXCEPTION 'what is known of a top-up never changes' USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END
$$;
