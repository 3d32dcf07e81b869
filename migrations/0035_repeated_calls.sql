-- Calls with an Idempotency-Key that were made again, because their process was gone, its leases were
-- closed and the ledger had no charge of them. Should the charge of such a call come after all, from a
-- journal that was found later or a process that was only stopped, it is the operator's loss: the
-- repeat is what the customer pays for. Never forgotten, for a journal may come back at any time.
CREATE TABLE repeated_calls (
    account_id uuid NOT NULL REFERENCES accounts,
    request_id uuid NOT NULL,
    -- The call that was made in its place.
    repeat_request_id uuid NOT NULL,
    repeated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (account_id, request_id)
);

GRANT SELECT, INSERT ON repeated_calls TO farebox_service;
