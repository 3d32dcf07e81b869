-- What stands on an issuer's documents instead of its name: an SVG of filled paths. A revision keeps
-- its own, so that a document looks the same for ever.
ALTER TABLE issuers ADD COLUMN logo text CHECK (octet_length(logo) <= 65536);
