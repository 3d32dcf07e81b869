-- What finance does by hand has its entry in the audit trail too: issuers, billing details, tax
-- rules, documents (a close is its document, of all the months that it closed) and payments.
--
-- As before, but without what is long and stands elsewhere for good: documents and logos.
CREATE OR REPLACE FUNCTION note_act() RETURNS trigger
    LANGUAGE plpgsql
AS $$
DECLARE
    left_out CONSTANT text[] := ARRAY['secret_hash', 'body', 'logo', 'logo_png'];
    before jsonb := to_jsonb(OLD) - left_out;
    after jsonb := to_jsonb(NEW) - left_out;
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

DO $$
DECLARE
    target text;
BEGIN
    FOREACH target IN ARRAY ARRAY['issuers', 'billing_profiles', 'tax_rules', 'documents',
        'document_payments']
    LOOP
        EXECUTE format('CREATE TRIGGER %1$s_act AFTER INSERT ON %1$s
            FOR EACH ROW EXECUTE FUNCTION note_act()', target);
        EXECUTE format('ALTER TABLE %1$s ENABLE ALWAYS TRIGGER %1$s_act', target);
    END LOOP;
END
$$;
