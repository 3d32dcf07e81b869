-- What refunds and chargebacks took back of a payment, wherever they found it: a receipt is not over
-- what had gone back before it was issued.
ALTER TABLE grants ADD COLUMN returned numeric(38,0) NOT NULL DEFAULT 0;
UPDATE grants SET returned = coalesce((
        SELECT -sum(amount_pico) FROM events
        WHERE events.account_id = grants.account_id AND events.kind = 'credit_charged_back'
            AND events.data->>'grant' = grants.grant_id::text), 0)
    WHERE charged_back_at IS NOT NULL OR withdrawn > 0 OR reclaimed > 0;
ALTER TABLE grants ADD CONSTRAINT grants_returned
    CHECK (returned BETWEEN 0 AND withdrawn + reclaimed);
GRANT UPDATE (returned) ON grants TO farebox_service;
