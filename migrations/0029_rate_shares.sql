-- What of a key's limits each start of an instance may use: calls and tokens of any 60 seconds, and
-- calls under way. A key's shares are changed under the lock of its row in api_keys, and their sum
-- is never above its limits. A share counts for as long as what was admitted under it may lie within
-- 60 seconds, which the instance's own row tells.
CREATE TABLE rate_shares (
    account_id uuid NOT NULL,
    key_id uuid NOT NULL,
    instance_id uuid NOT NULL,
    epoch bigint NOT NULL,
    -- The instance's last request: an older one that arrives later does nothing.
    op_seq bigint NOT NULL,
    requests bigint NOT NULL CHECK (requests >= 0),
    tokens bigint NOT NULL CHECK (tokens >= 0),
    running bigint NOT NULL CHECK (running >= 0),
    PRIMARY KEY (account_id, key_id, instance_id, epoch),
    FOREIGN KEY (account_id, key_id) REFERENCES api_keys
) WITH (fillfactor = 50);

GRANT SELECT, INSERT, DELETE ON rate_shares TO farebox_service;
GRANT UPDATE (op_seq, requests, tokens, running) ON rate_shares TO farebox_service;
