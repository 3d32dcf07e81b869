-- Months and documents. What a document rests on (parties, tax, prices, periods) is never changed:
-- a change is a new revision, so that any document can be made again to the byte.
ALTER DOMAIN event_kind DROP CONSTRAINT event_kind_check;
ALTER DOMAIN event_kind ADD CONSTRAINT event_kind_check CHECK (
    VALUE IN ('usage', 'credit_granted', 'credit_expired', 'credit_voided', 'credit_charged_back',
        'credit_adjusted', 'credit_limit_set', 'payment', 'credit_note', 'rounding',
        'lease_lost', 'period_closed')) NOT VALID;

-- Who issues documents. Not owned by an account, and few.
CREATE TABLE issuers (
    issuer text NOT NULL CHECK (issuer ~ '^[a-z0-9][a-z0-9_-]{0,62}$'),
    revision bigint NOT NULL CHECK (revision > 0),
    series text NOT NULL CHECK (series ~ '^[A-Z0-9][A-Z0-9/-]{0,19}$'),
    -- A DocumentParty as JSON.
    party text NOT NULL,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (issuer, revision)
);

-- The last number of an issuer, a series and a year. Taken by the transaction that finalizes, and
-- given back if that fails: so numbers have no gap.
CREATE TABLE document_numbers (
    issuer text NOT NULL,
    series text NOT NULL,
    year integer NOT NULL,
    last bigint NOT NULL CHECK (last > 0),
    PRIMARY KEY (issuer, series, year)
) WITH (fillfactor = 50);

-- Whom an account's documents are for.
CREATE TABLE billing_profiles (
    account_id uuid NOT NULL REFERENCES accounts,
    revision bigint NOT NULL CHECK (revision > 0),
    issuer text NOT NULL,
    party text NOT NULL,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (account_id, revision)
);

CREATE TABLE tax_rules (
    account_id uuid NOT NULL REFERENCES accounts,
    revision bigint NOT NULL CHECK (revision > 0),
    category text NOT NULL CHECK (category IN ('S', 'Z', 'E', 'AE', 'K', 'G', 'O')),
    -- In thousandths of a percent.
    rate bigint NOT NULL CHECK (rate BETWEEN 0 AND 100000),
    reason text,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (account_id, revision)
);

-- Closed months, each behind the one before.
CREATE TABLE periods (
    account_id uuid NOT NULL REFERENCES accounts,
    month date NOT NULL,
    -- NULL for an account's first.
    previous_month date,
    starts_at timestamptz NOT NULL,
    ends_at timestamptz NOT NULL,
    -- The last version that is in it; the event that closes it is the next.
    closing_version bigint NOT NULL CHECK (closing_version > 0),
    closed_at timestamptz NOT NULL,
    PRIMARY KEY (account_id, month),
    UNIQUE NULLS NOT DISTINCT (account_id, previous_month),
    FOREIGN KEY (account_id, previous_month) REFERENCES periods (account_id, month),
    CHECK (previous_month = (month - interval '1 month')::date AND starts_at < ends_at)
);

-- What the usage of closed months was invoiced as: what a later month's late lines are less of.
CREATE TABLE period_lines (
    account_id uuid NOT NULL,
    month date NOT NULL,
    service_month date NOT NULL,
    project_id uuid NOT NULL,
    key_id uuid NOT NULL,
    model text NOT NULL,
    price_version bigint NOT NULL,
    service_tier text NOT NULL,
    context_threshold integer NOT NULL,
    calls bigint NOT NULL,
    input_tokens bigint NOT NULL,
    cache_read_tokens bigint NOT NULL,
    cache_write_short_tokens bigint NOT NULL,
    cache_write_long_tokens bigint NOT NULL,
    audio_input_tokens bigint NOT NULL,
    image_input_tokens bigint NOT NULL,
    output_tokens bigint NOT NULL,
    audio_output_tokens bigint NOT NULL,
    web_searches bigint NOT NULL,
    charge_pico numeric(38,0) NOT NULL CHECK (charge_pico >= 0),
    PRIMARY KEY (account_id, month, service_month, project_id, key_id, model, price_version,
        service_tier, context_threshold),
    FOREIGN KEY (account_id, month) REFERENCES periods
);

CREATE TABLE documents (
    account_id uuid NOT NULL REFERENCES accounts,
    number text NOT NULL,
    kind text NOT NULL CHECK (kind IN ('invoice', 'statement', 'receipt', 'credit_note')),
    issuer text NOT NULL,
    issuer_revision bigint NOT NULL,
    series text NOT NULL,
    year integer NOT NULL,
    sequence bigint NOT NULL CHECK (sequence > 0),
    month date,
    grant_id uuid,
    -- The number of the document that a credit note corrects.
    corrects text,
    profile_revision bigint NOT NULL,
    tax_revision bigint,
    -- Of the last seal that it states; NULL for none.
    seal_version bigint,
    issued_at timestamptz NOT NULL,
    -- In minor units.
    net bigint NOT NULL CHECK (net >= 0),
    tax bigint NOT NULL CHECK (tax >= 0),
    due bigint NOT NULL CHECK (due >= 0),
    -- The canonical bytes, and their SHA-256.
    body text NOT NULL,
    sha256 sha256_digest NOT NULL,
    PRIMARY KEY (account_id, number),
    UNIQUE (account_id, month),
    UNIQUE (account_id, grant_id),
    CHECK ((kind IN ('invoice', 'statement')) = (month IS NOT NULL)),
    CHECK ((kind = 'receipt') = (grant_id IS NOT NULL)),
    CHECK ((kind = 'credit_note') = (corrects IS NOT NULL)),
    FOREIGN KEY (account_id, month) REFERENCES periods,
    FOREIGN KEY (account_id, corrects) REFERENCES documents (account_id, number)
);

CREATE INDEX documents_by_number ON documents (number);
CREATE INDEX documents_by_sequence ON documents (issuer, series, year, sequence);
CREATE INDEX documents_by_month ON documents (month);

CREATE TABLE document_payments (
    account_id uuid NOT NULL,
    number text NOT NULL,
    event_id uuid NOT NULL,
    reference text NOT NULL CHECK (length(reference) BETWEEN 1 AND 200),
    -- Without tax, in minor units.
    net bigint NOT NULL CHECK (net > 0),
    paid_at timestamptz NOT NULL,
    PRIMARY KEY (account_id, number),
    UNIQUE (account_id, event_id),
    UNIQUE (account_id, reference),
    FOREIGN KEY (account_id, number) REFERENCES documents
);

-- How far the open months of an account have been summed up; can be deleted at any time.
CREATE TABLE period_checkpoints (
    account_id uuid PRIMARY KEY REFERENCES accounts,
    version bigint NOT NULL CHECK (version > 0),
    state text NOT NULL
);

DO $$
DECLARE
    target text;
BEGIN
    FOREACH target IN ARRAY ARRAY['issuers', 'billing_profiles', 'tax_rules', 'periods',
        'period_lines', 'documents', 'document_payments'] LOOP
        EXECUTE format(
            'CREATE TRIGGER %1$s_immutable BEFORE UPDATE OR DELETE ON %1$s
             FOR EACH ROW EXECUTE FUNCTION refuse_change()', target);
        EXECUTE format(
            'CREATE TRIGGER %1$s_not_truncated BEFORE TRUNCATE ON %1$s
             FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()', target);
        EXECUTE format('ALTER TABLE %1$s ENABLE ALWAYS TRIGGER %1$s_immutable', target);
        EXECUTE format('ALTER TABLE %1$s ENABLE ALWAYS TRIGGER %1$s_not_truncated', target);
    END LOOP;
END
$$;

GRANT SELECT, INSERT ON issuers, billing_profiles, tax_rules, periods, period_lines, documents,
    document_payments TO farebox_service;
GRANT SELECT, INSERT, UPDATE, DELETE ON document_numbers, period_checkpoints TO farebox_service;
