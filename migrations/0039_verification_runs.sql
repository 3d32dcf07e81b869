-- What verifications came to, so that whoever looks knows when the ledger was last proven. A run is
-- written when it ends, in one transaction with the alert of what it found, and never changes.
CREATE TABLE verification_runs (
    run_id uuid PRIMARY KEY,
    -- What was verified: the ledger, or finalized documents.
    subject text NOT NULL CHECK (subject IN ('ledger', 'documents')),
    -- The one account or document; NULL for all.
    scope text,
    started_at timestamptz NOT NULL,
    ended_at timestamptz NOT NULL CHECK (ended_at >= started_at),
    -- Events or documents that were looked at.
    checked bigint NOT NULL CHECK (checked >= 0),
    finding_count bigint NOT NULL CHECK (finding_count >= 0),
    -- The first of the findings, a sentence each.
    examples text[] NOT NULL
);

CREATE INDEX verification_runs_by_end ON verification_runs (subject, ended_at);

CREATE TRIGGER verification_runs_immutable BEFORE UPDATE OR DELETE ON verification_runs
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER verification_runs_not_truncated BEFORE TRUNCATE ON verification_runs
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
ALTER TABLE verification_runs ENABLE ALWAYS TRIGGER verification_runs_immutable;
ALTER TABLE verification_runs ENABLE ALWAYS TRIGGER verification_runs_not_truncated;

GRANT SELECT, INSERT ON verification_runs TO farebox_service;
