-- A grant may begin later: until it is posted it has no event, only the id of the one to come. What
-- of a grant that is expired or voided running calls may still burn is kept in the head's `reserved`
-- until they have ended.
ALTER TABLE grants
    ADD COLUMN starts_at timestamptz,
    ADD COLUMN posted_at timestamptz DEFAULT now(),
    ADD COLUMN voided_at timestamptz,
    ADD COLUMN charged_back_at timestamptz,
    ADD COLUMN kept numeric(38,0) NOT NULL DEFAULT 0 CHECK (kept >= 0),
    -- What expiry, void or a chargeback took of it unburned.
    ADD COLUMN withdrawn numeric(38,0) NOT NULL DEFAULT 0 CHECK (withdrawn BETWEEN 0 AND amount),
    -- Nothing is left of it, or it was withdrawn to its end.
    ADD COLUMN closed_at timestamptz,
    ADD CONSTRAINT grants_keep_while_open CHECK (closed_at IS NULL OR kept = 0);
ALTER TABLE grants ALTER COLUMN posted_at DROP DEFAULT;

-- Finds a grant by its id alone, as the command line names it.
CREATE INDEX grants_by_id ON grants (grant_id);
-- What is to be done at its instant.
CREATE INDEX grants_to_post ON grants (starts_at) WHERE posted_at IS NULL AND closed_at IS NULL;
CREATE INDEX grants_to_expire ON grants (expires_at)
    WHERE closed_at IS NULL AND expires_at IS NOT NULL;
CREATE INDEX grants_to_void ON grants (account_id)
    WHERE closed_at IS NULL AND voided_at IS NOT NULL;

GRANT UPDATE (posted_at, voided_at, charged_back_at, kept, withdrawn, closed_at) ON grants
    TO farebox_service;
