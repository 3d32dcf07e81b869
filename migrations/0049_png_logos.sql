-- A logo is an SVG of filled paths, or a PNG.
ALTER TABLE issuers
    ADD COLUMN logo_png bytea CHECK (octet_length(logo_png) <= 262144),
    ADD CONSTRAINT issuers_one_logo CHECK (logo IS NULL OR logo_png IS NULL);
