"""Measures the start with a large directory; called by benchmarks/directory."""

import argparse
import sys
import time
import urllib.error
import urllib.request

from accounting import cpu_seconds, memory_kilobytes
from figures import spread, table, write
from systems import ROOT, scratch  # noqa: F401  (makes the harness importable)

from harness import Installation  # noqa: E402

# Keys are spread evenly over the accounts. Each secret is made of its number, so that any can be
# used; what the directory keeps of it is its hash.
POPULATE = """
    INSERT INTO accounts (account_id, slug, name, currency, time_zone)
    SELECT gen_random_uuid(), 'load-' || n, 'Load ' || n, 'USD', 'UTC'
    FROM generate_series(1, {accounts}) n;
    INSERT INTO account_heads (account_id) SELECT account_id FROM accounts
    WHERE slug LIKE 'load-%';
    INSERT INTO projects (account_id, project_id, slug)
    SELECT account_id, gen_random_uuid(), 'default' FROM accounts WHERE slug LIKE 'load-%';
    INSERT INTO api_keys (account_id, key_id, project_id, secret_hash, prefix, name)
    SELECT account_id, gen_random_uuid(), project_id, sha256(convert_to({secret}, 'UTF8')),
           'fb_' || n, 'load'
    FROM generate_series(1, {keys}) n
    JOIN (SELECT a.account_id, p.project_id, substr(a.slug, 6)::bigint AS number
          FROM accounts a JOIN projects p USING (account_id) WHERE a.slug LIKE 'load-%') o
      ON o.number = n % {accounts} + 1;
    -- These changes are older than any start here.
    DELETE FROM directory_changes;
    ANALYZE;
"""


def is_known(url, secret):
    request = urllib.request.Request(
        f"{url}/v1/models", headers={"authorization": f"Bearer {secret}"})
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status == 200
    except urllib.error.HTTPError as refusal:
        assert refusal.code == 401, refusal
        return False


def revocation(installation, key):
    """Seconds from a key's revocation to its first refusal."""
    installation.run("key", "revoke", key["id"])
    start = time.monotonic()
    while is_known(installation.url, key["secret"]):
        assert time.monotonic() < start + 60, "a revoked key still works"
        time.sleep(0.01)
    return time.monotonic() - start


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--accounts", type=int, default=100_000)
    options.add_argument("--keys", type=int, default=1_000_000)
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--quick", action="store_true", help="a small directory: that it runs")
    options.add_argument("--output", default="benchmarks/directory.json")
    options = options.parse_args()
    if options.quick:
        options.accounts, options.keys, options.rounds = 1_000, 10_000, 1

    installation = Installation(scratch())
    try:
        installation.prepare()
        installation.configure(
            {"chat": {"format": "openai", "baseURL": "http://127.0.0.1:9/v1"}},
            {"demo-small": {"routes": [{"upstream": "chat"}]}})
        installation.run("account", "create", "bench")
        print("populating", file=sys.stderr)
        installation.database.query(POPULATE.format(
            accounts=options.accounts, keys=options.keys, secret="'load ' || n"))
        report(options, [measure(installation) for _ in range(options.rounds)])
    finally:
        installation.end()


def measure(installation):
    """One start, from nothing to ready, and a revocation while it runs."""
    key = installation.json("key", "create", "bench")
    start = time.monotonic()
    url = installation.start()
    figures = {"seconds": time.monotonic() - start}
    pids = [installation.process.pid]
    figures["cpu_seconds"] = cpu_seconds(pids)
    figures["resident_mebibytes"] = memory_kilobytes(pids)[0] / 1024
    assert is_known(url, key["secret"])
    figures["revocation_seconds"] = revocation(installation, key)
    figures["later_mebibytes"] = memory_kilobytes(pids)[0] / 1024
    installation.process.end()
    installation.process = None
    return figures


def report(options, rounds):
    print(f"{options.accounts} accounts, {options.keys} keys; median (least–most) of "
          f"{options.rounds} starts; seconds are wall figures, noisy on a busy machine.\n")
    names = {"seconds": "ready after, s", "cpu_seconds": "CPU until then, s",
             "resident_mebibytes": "memory then, MiB", "later_mebibytes": "memory later, MiB",
             "revocation_seconds": "a revoked key is refused after, s"}
    table(["", "figure"],
          [[words, spread([figures[name] for figures in rounds])] for name, words in names.items()])
    write(options.output, {"accounts": options.accounts, "keys": options.keys, "rounds": rounds})


main()
