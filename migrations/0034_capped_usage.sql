-- Which caps a call's hold was taken from: 1 its key's, 2 its project's, 3 both; NULL for none, and in
-- what versions before this one appended. Only such a charge is taken from what its lease has set
-- aside of a cap: a call from before the cap, or from while it was lifted, took nothing of it.
ALTER TABLE events ADD COLUMN capped smallint;
ALTER TABLE events ADD CONSTRAINT events_capped_check CHECK (capped BETWEEN 1 AND 3) NOT VALID;
