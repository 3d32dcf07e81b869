-- A secret that follows another: for a while messages are signed with both, so that a receiver can
-- take the new one without refusing any.
ALTER TABLE webhook_secrets
    ADD COLUMN retired_secret bytea CHECK (octet_length(retired_secret) BETWEEN 24 AND 64),
    ADD COLUMN retired_until timestamptz,
    ADD CHECK ((retired_secret IS NULL) = (retired_until IS NULL));
GRANT UPDATE ON webhook_secrets TO farebox_service;

-- When the present secret replaced another; NULL while it is the first. On the endpoint, so that a
-- rotation is an act that the audit trail has, without any secret.
ALTER TABLE webhook_endpoints ADD COLUMN rotated_at timestamptz;
GRANT UPDATE (rotated_at) ON webhook_endpoints TO farebox_service;

-- As before, but of URLs the trail keeps the host alone: what follows is often a secret, and nothing
-- can be taken out of the trail again.
CREATE OR REPLACE FUNCTION note_act() RETURNS trigger
    LANGUAGE plpgsql
AS $$
DECLARE
    before jsonb := to_jsonb(OLD) - 'secret_hash';
    after jsonb := to_jsonb(NEW) - 'secret_hash';
BEGIN
    IF before IS DISTINCT FROM after THEN
        IF TG_TABLE_NAME = 'webhook_endpoints' THEN
            before := jsonb_set(before, '{url}',
                to_jsonb(substring(before ->> 'url' FROM '^[a-z]+://[^/?]*')));
            after := jsonb_set(after, '{url}',
                to_jsonb(substring(after ->> 'url' FROM '^[a-z]+://[^/?]*')));
        END IF;
        PERFORM record_act(TG_TABLE_NAME,
            coalesce(after ->> 'account_id', after ->> 'sees_account_id')::uuid, before, after);
    END IF;
    RETURN NULL;
END
$$;
