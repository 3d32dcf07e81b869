-- Credit that expires, is voided or charged back; money and documents of invoices. Every kind of
-- before is among these, so the events need not be read again.
ALTER DOMAIN event_kind DROP CONSTRAINT event_kind_check;
ALTER DOMAIN event_kind ADD CONSTRAINT event_kind_check CHECK (
    VALUE IN ('usage', 'credit_granted', 'credit_expired', 'credit_voided', 'credit_charged_back',
        'credit_adjusted', 'credit_limit_set', 'payment', 'credit_note', 'rounding')) NOT VALID;
