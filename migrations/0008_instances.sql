-- A journal and the process that has it open. Each registration is a new epoch, by compare and
-- set of the nonce, so of two copies of a journal one is refused.
CREATE TABLE instances (
    instance_id uuid PRIMARY KEY,
    label text NOT NULL CHECK (length(label) <= 200),
    epoch bigint NOT NULL CHECK (epoch > 0),
    -- Sixteen random bytes.
    nonce uuid NOT NULL,
    registered_at timestamptz NOT NULL DEFAULT now(),
    renewed_at timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 50);

GRANT SELECT, INSERT ON instances TO farebox_service;
GRANT UPDATE (label, epoch, nonce, registered_at, renewed_at) ON instances TO farebox_service;
