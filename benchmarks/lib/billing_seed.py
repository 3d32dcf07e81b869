"""Streams for benchmarks/billing, written by sets: what appends would have left, in minutes less."""

import subprocess

# The columns of a call that differ, and those that are alike in all of them.
CALL = """
INSERT INTO events (account_id, version, event_id, kind, occurred_at, recorded_at, amount_pico,
    content_hash, request_id, key_id, project_id, admitted_at, model, upstream, upstream_model,
    endpoint, streamed, service_tier, context_threshold, input_tokens, cache_read_tokens,
    cache_write_short_tokens, cache_write_long_tokens, audio_input_tokens, image_input_tokens,
    output_tokens, audio_output_tokens, reasoning_tokens, web_searches, latency_ms, first_byte_ms,
    status, outcome, usage_source, price_version, hold_pico, charge_pico, from_lease_pico,
    excess_pico)
SELECT account, place + {below}, fb_id(at, '8', place), 'usage', at, at, -charge,
    sha256(int8send(place)), fb_id(at, '9', place), fb_name(account, 'a', place % {keys}),
    fb_name(account, 'b', place % {projects}), at, 'bench-' || place / {keys} % {models}, 'openai',
    'bench', 'chat_completions', true, 'standard', 0, input, 0, 0, 0, 0, 0, output, 0, 0, 0,
    200 + place % 1700, 90 + place % 400, 200, 'completed', 'upstream_final', 1, charge, charge,
    0, 0
FROM (
    SELECT *, input * 37500::bigint + output * 150000::bigint AS charge
    FROM (
        SELECT account, place, (100 + place % 900)::integer AS input,
            (50 + place % 300)::integer AS output,
            timestamptz '{starts_at}' + (place - 0.5) * (interval '{seconds} seconds' / {calls})
                AS at
        FROM ({accounts}) AS accounts, generate_series({first}::bigint, {last}) AS place
    ) AS calls
) AS priced
"""

FUNCTIONS = """
-- An identifier such as instances mint: of the instant, and beside that of its place.
CREATE FUNCTION fb_id(at timestamptz, mark text, place bigint) RETURNS uuid
    LANGUAGE sql IMMUTABLE AS $$
    SELECT (lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0') || '7000' || mark
        || '000' || lpad(to_hex(place), 12, '0'))::uuid $$;
-- A key or a project of an account.
CREATE FUNCTION fb_name(account uuid, mark text, place bigint) RETURNS uuid
    LANGUAGE sql IMMUTABLE AS $$
    SELECT (left(account::text, 24) || mark || lpad(to_hex(
        (('x' || right(account::text, 7))::bit(28)::bigint * 1024 + place) % 17592186044416),
        11, '0'))::uuid $$;
"""

# Every account owes its month: a limit, and credit that covers a part of it.
PARTIES = """
CREATE TEMP TABLE made AS {accounts};
INSERT INTO accounts (account_id, slug, name, currency, time_zone)
SELECT account, slug, 'Benchmark', 'USD', 'UTC' FROM made;
INSERT INTO account_heads (account_id) SELECT account FROM made;
INSERT INTO projects (account_id, project_id, slug)
SELECT account, fb_name(account, 'b', place), 'project-' || place
FROM made, generate_series(0::bigint, {projects} - 1) AS place;
INSERT INTO api_keys (account_id, key_id, project_id, secret_hash, prefix, name)
SELECT account, fb_name(account, 'a', place), fb_name(account, 'b', place % {projects}),
    sha256((account::text || place)::bytea), 'sk-fb-', 'key-' || place
FROM made, generate_series(0::bigint, {keys} - 1) AS place;
INSERT INTO billing_profiles (account_id, revision, issuer, party, created_at)
SELECT account, 1, 'us', '{{"legalName":"Benchmark Inc.","address":["1 Main Street"],'
    '"paymentTermsDays":30}}', now() FROM made;
INSERT INTO tax_rules (account_id, revision, category, rate, created_at, effective_at)
SELECT account, 1, 'S', 19000, now(), '{starts_at}' FROM made;
INSERT INTO events (account_id, version, event_id, kind, occurred_at, recorded_at, amount_pico,
    content_hash, data)
SELECT account, 1, account, 'credit_limit_set', '{starts_at}', '{starts_at}', 0,
    sha256(account::text::bytea), '{{"limit_pico": "100000000000000000000"}}' FROM made;
INSERT INTO grants (account_id, grant_id, event_id, kind, amount, posted_at)
SELECT account, fb_name(account, 'c', place), fb_name(account, 'c', place), 'paid',
    1000000000000 * place, '{starts_at}'
FROM made, generate_series(1::bigint, {grants}) AS place;
INSERT INTO events (account_id, version, event_id, kind, occurred_at, recorded_at, amount_pico,
    content_hash, data)
SELECT account_id, row_number() OVER (PARTITION BY account_id ORDER BY amount) + 1, event_id,
    'credit_granted', posted_at, posted_at, amount, sha256(event_id::text::bytea),
    jsonb_build_object('grant', grant_id, 'kind', 'paid', 'reference', NULL, 'priority', '0',
        'expires_at', NULL)
FROM grants JOIN made ON account = account_id;
"""

HEADS = """
UPDATE account_heads SET version = stream.version, balance = stream.balance,
    credit_limit = 100000000000000000000
FROM (SELECT account_id, max(version) AS version, sum(amount_pico) AS balance FROM events
    WHERE account_id IN (SELECT account FROM ({accounts}) AS made) GROUP BY account_id) AS stream
WHERE account_heads.account_id = stream.account_id;
"""


class Seeder:
    """Writes accounts of a month, as the owner of a database."""

    CHUNK = 1_000_000

    def __init__(self, database, starts_at, seconds):
        self.database = database
        self.span = {"starts_at": starts_at, "seconds": seconds}
        self.run(FUNCTIONS)

    def run(self, sql):
        subprocess.run(
            ["psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", self.database.owner_url],
            input=sql, text=True, check=True, stdout=subprocess.DEVNULL)

    def accounts(self, slug, number, count, calls, *, keys, projects, models, grants=3):
        """So many accounts, numbered from one on, with so many calls each over the month."""
        many = "" if count == 1 else " || number"
        accounts = (
            "SELECT ('01900000-0000-7000-8000-' || lpad(to_hex(number), 12, '0'))::uuid AS account,"
            f" '{slug}'{many} AS slug FROM generate_series({number}::bigint,"
            f" {number + count - 1}) AS number")
        shape = {"accounts": accounts, "keys": keys, "projects": projects, "models": models,
                 "grants": grants, "below": 1 + grants, "calls": calls, **self.span}
        self.run(PARTIES.format(**shape))
        # In transactions of bounded size, each of which fills the indexes from the right.
        step = max(1, self.CHUNK // count)
        for first in range(1, calls + 1, step):
            last = min(calls, first + step - 1)
            self.run(CALL.format(first=first, last=last, **shape))
        self.run(HEADS.format(**shape))
