-- Usage that comes behind the close of its month is charged on the next document; what comes too late
-- even for that is recorded at no charge.

-- Before which usage is not charged any more; NULL where all is. Moved by the event that closes a
-- month alone, and on the head because every append compares it under the head's lock.
ALTER TABLE account_heads ADD COLUMN charged_from timestamptz;
GRANT UPDATE (charged_from) ON account_heads TO farebox_service;

-- How many days before the end of a closed month usage is charged all the same; NULL for any.
ALTER TABLE issuers ADD COLUMN late_days integer CHECK (late_days BETWEEN 0 AND 3660);
