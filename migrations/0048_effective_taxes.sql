-- From when on a rule of tax holds, until the next. One that was wrong is corrected by another from the
-- same instant.
ALTER TABLE tax_rules ADD COLUMN effective_at timestamptz;
ALTER TABLE tax_rules DISABLE TRIGGER tax_rules_immutable;
UPDATE tax_rules SET effective_at = created_at;
ALTER TABLE tax_rules ENABLE ALWAYS TRIGGER tax_rules_immutable;
ALTER TABLE tax_rules ALTER COLUMN effective_at SET NOT NULL;
