-- The days that documents state, and the zone that they are days of: kept, so that a document is made
-- again whatever zone its account has by then, and whatever is known of the zone.
ALTER TABLE documents
    ADD COLUMN time_zone text,
    ADD COLUMN issued_on date,
    -- Of a receipt: the day of its payment.
    ADD COLUMN paid_on date;
ALTER TABLE documents DISABLE TRIGGER documents_immutable;
UPDATE documents SET time_zone = body::jsonb->>'time_zone',
    issued_on = (body::jsonb->>'issue_date')::date,
    paid_on = (body::jsonb#>>'{payment,date}')::date;
ALTER TABLE documents ENABLE ALWAYS TRIGGER documents_immutable;
ALTER TABLE documents
    ALTER COLUMN time_zone SET NOT NULL,
    ALTER COLUMN issued_on SET NOT NULL,
    ADD CONSTRAINT documents_paid_on CHECK ((kind = 'receipt') = (paid_on IS NOT NULL));

-- How far months were summed up by calendars that nobody kept: it is made again of the events.
DELETE FROM period_checkpoints;
