-- Finds the grants whose end has begun and waits for calls. It goes on whatever clocks say: an end that
-- was begun by a clock that was ahead would else stop half way when the clock is set back.
CREATE INDEX grants_to_complete ON grants (account_id) WHERE closed_at IS NULL AND kept > 0;
