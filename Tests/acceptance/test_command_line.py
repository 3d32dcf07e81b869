"""The command line: shapes for programs, exit codes, repeats, and what is refused."""

import decimal
import json
import shutil
import subprocess

import pytest

from client import chat, post
from harness import BINARY, ROOT, Refused, wait_until


@pytest.fixture
def ledger(fresh):
    fresh.config.write_text("{}")
    return fresh


def refused(installation, *arguments):
    with pytest.raises(Refused) as raised:
        installation.run(*arguments)
    return raised.value


def test_an_account_is_created_and_shown(ledger):
    made = ledger.json("account", "create", "acme", "--name", "Acme", "--time-zone",
                       "Europe/Berlin", "--credit-limit", "10")
    assert made == {
        "slug": "acme", "name": "Acme", "plan": None, "currency": "USD",
        "time_zone": "Europe/Berlin", "balance": "0.00", "held": "0.00", "available": "10.00", "credit_limit": "10.00", "status": "active",
        "version": 1}
    assert ledger.json("account", "show", "acme") == made
    assert [row["slug"] for row in ledger.json("account", "list")] == ["acme"]
    assert refused(ledger, "account", "create", "acme").code == 1
    assert refused(ledger, "account", "show", "nobody").code == 1
    assert refused(ledger, "account", "create", "other", "--currency", "XQX").code == 1
    for zone in ["Mars/Base", "posix/UTC", "right/Europe/Berlin", "localtime"]:
        assert refused(ledger, "account", "create", "other", "--time-zone", zone).code == 1


@pytest.mark.parametrize("arguments", [
    ("account", "create"), ("account", "create", "a", "b"), ("account", "nothing"),
    ("plan", "create", "gold", "--adjust", "much"), ("nonsense",),
    ("project", "cap", "a", "b"), ("project", "cap", "a", "b", "--cap-day", "much"),
    ("key", "create", "a", "--requests-per-minute", "many"),
    ("credit", "grant", "a", "1e3"), ("credit", "grant", "a", "0.0000000000001"),
    ("ledger", "events", "a", "--from-version", "x"),
    ("alert", "set", "a"), ("alert", "set", "a", "--low-balance", "much"),
    ("alert", "set", "a", "--runway-days", "0"), ("alert", "set", "a", "--anomaly-percent", "100"),
    ("alert", "set", "a", "--unused-days", "soon"),
    ("webhook", "create"), ("webhook", "redeliver", "x"), ("webhook", "disable", "x"),
    ("webhook", "create", "https://example.com/", "--kinds", "balance.low,nonsense"),
    ("webhook", "rotate", "x"), ("webhook", "deliveries", "x"),
    ("webhook", "rotate", "01a21057-8e8b-7522-ab94-d6a0d7cbd380", "--overlap", "soon"),
    ("price", "diff", "1"), ("price", "diff", "1", "x"), ("price", "preview", "1", "--month", "May"),
    ("usage", "a", "--key", "nonsense"),
    ("journal", "export"), ("journal", "export", "--month", "2026-10", "--form", "pdf"),
    ("export", "focus"), ("export", "focus", "--month", "October"),
    ("topup", "list"), ("topup", "show"), ("topup", "show", "x"),
    ("invoice", "credit", "INV-2026-00001"), ("invoice", "paid", "INV-2026-00001"),
    ("invoice", "credit", "INV-2026-00001", "--reason", "r", "--amount", "much"),
])
def test_what_is_not_understood_or_not_enforced_is_a_usage_error(ledger, arguments):
    assert refused(ledger, *arguments).code == 2


def test_every_command_has_help():
    text = subprocess.run([BINARY, "--help"], capture_output=True, text=True, check=True).stdout
    commands = [line.strip().split("  ")[0] for line in text.splitlines() if line.startswith("  ")]
    assert len(commands) > 15
    for command in commands:
        done = subprocess.run(
            [BINARY, *command.split(), "--help"], capture_output=True, text=True)
        assert done.returncode == 0 and command in done.stdout


def test_a_grant_is_given_once(ledger):
    ledger.run("account", "create", "acme")
    first = ledger.json("credit", "grant", "acme", "5", "--idempotency-key", "k1")
    assert (first["account"], first["kind"], first["amount"]) == ("acme", "paid", "5.00")
    again = ledger.json("credit", "grant", "acme", "5", "--idempotency-key", "k1")
    assert again == first
    assert refused(ledger, "credit", "grant", "acme", "6", "--idempotency-key", "k1").code == 1
    ledger.json("credit", "grant", "acme", "2", "--reference", "pay-1")
    assert refused(ledger, "credit", "grant", "acme", "3", "--reference", "pay-1").code == 1
    assert ledger.json("account", "show", "acme")["balance"] == "7.00"
    for bad in ("0", "-5"):
        assert refused(ledger, "credit", "grant", "acme", bad).code in (1, 2)
    ledger.verify()


def test_an_adjustment_moves_the_balance_and_has_a_reason(ledger):
    ledger.run("account", "create", "acme")
    ledger.run("credit", "grant", "acme", "5")
    ledger.run("credit", "adjust", "acme", "-1.5", "--reason", "goodwill, reversed",
               "--idempotency-key", "a1")
    ledger.run("credit", "adjust", "acme", "-1.5", "--reason", "goodwill, reversed",
               "--idempotency-key", "a1")
    assert ledger.json("account", "show", "acme")["balance"] == "3.50"
    assert refused(ledger, "credit", "adjust", "acme", "-100", "--reason", "typo").code == 1
    kinds = [event["kind"] for event in ledger.events("acme")]
    assert kinds == ["credit_granted", "credit_adjusted"]


def test_a_key_is_shown_once(ledger):
    ledger.run("account", "create", "acme")
    ledger.run("project", "create", "acme", "web")
    made = ledger.json("key", "create", "acme", "--project", "web", "--name", "ci")
    assert set(made) >= {"id", "secret", "account", "project", "name", "expires_at"}
    assert made["secret"].startswith("sk-fb-")
    assert made["secret"] not in ledger.run("key", "list", "acme")
    assert made["secret"] not in json.dumps(ledger.database.query("SELECT * FROM api_keys"))


def test_prices_are_imported_once_and_previewed(ledger):
    fixture = ROOT / "Tests/Fixtures/litellm-excerpt.json"
    before = ledger.run("price", "list")
    dry = ledger.run("price", "import", fixture, "--dry-run")
    assert dry and ledger.run("price", "list") == before
    ledger.run("price", "import", fixture, "--format", "litellm")
    once = ledger.run("price", "list")
    assert once != before
    ledger.run("price", "import", fixture, "--format", "litellm")
    assert ledger.run("price", "list") == once
    # It takes effect a minute after its publication, for the currency had prices before.
    later = ("--at", "2100-01-01")
    assert "gpt-4o" in ledger.run("price", "list", "--model", "gpt-4o*", *later)


def test_a_configuration_is_checked_as_a_whole(ledger):
    ledger.configure(
        {"a": {"format": "openai", "baseURL": "ftp://x"}, "b": {"format": "other"}},
        {"m": {"routes": [{"upstream": "c"}]}, "n": {"routes": []}},
        policy={"shortCredit": "beg", "onDisconnect": "stay"}, surprise=1)
    error = refused(ledger, "check-config", "--config", ledger.config)
    assert error.code == 1
    for path in ("upstreams.a.baseURL", "upstreams.b.format", "models.m.routes[0].upstream",
                 "models.n.routes", "policy.shortCredit", "policy.onDisconnect", "surprise"):
        assert path in str(error), path
    ledger.config.write_text("{ // comments are fine\n listen: '127.0.0.1:1', }")
    ledger.run("check-config", "--config", ledger.config)


def test_usage_and_explanation_agree_with_the_charge(fresh, demo):
    fresh.configure_demo(demo.url)
    key = fresh.account("used", "1")
    url = fresh.start()
    names = []
    for _ in range(3):
        answer = post(url, "/v1/chat/completions", key, chat("demo-small"))
        names.append(answer.fields["x-request-id"])
    fresh.settled("used")
    cost = 4 * decimal.Decimal("0.15") / 1_000_000 + 32 * decimal.Decimal("0.60") / 1_000_000
    for by in ("day", "key", "model", "day,key,model"):
        usage = fresh.json("usage", "used", "--by", by)
        assert len(usage["rows"]) == 1
        for row in (usage["rows"][0], usage["total"]):
            assert (row["calls"], row["input_tokens"], row["output_tokens"]) == (3, 12, 96)
            assert decimal.Decimal(row["cost"]) == 3 * cost
    shown = fresh.json("explain", names[0])
    assert shown["usage_source"] == "upstream_final"
    assert decimal.Decimal(shown["charge"]) == cost
    assert [(term["class"], term["tokens"]) for term in shown["terms"]] == [
        ("input", 4), ("output", 32)]
    assert sum(decimal.Decimal(term["amount"]) for term in shown["terms"]) == cost
    assert refused(fresh, "explain", "req_" + "0" * 32).code == 1
    status = fresh.json("ledger", "status")
    assert status["events"] >= 4


def test_an_unknown_database_is_refused(fresh, tmp_path):
    migrations = tmp_path / "migrations"
    shutil.copytree(ROOT / "migrations", migrations)
    last = sorted(migrations.iterdir())[-1]
    last.write_text(last.read_text() + "\n-- changed after it was applied\n")
    environment = {**fresh.environment(), "FAREBOX_MIGRATIONS": str(migrations)}
    done = subprocess.run([BINARY, "migrate"], env=environment, capture_output=True, text=True)
    assert done.returncode == 1 and last.name.split(".")[0] in done.stderr
    fresh.config.write_text("{}")
    fresh.database.query("DELETE FROM schema_migrations WHERE version = 5")
    done = subprocess.run(
        [BINARY, "serve", "--listen", "127.0.0.1:0"], env=fresh.environment(),
        capture_output=True, text=True, timeout=30)
    assert done.returncode == 1 and "migrat" in done.stderr


CORRUPTIONS = {
    "an edited amount": ("UPDATE events SET amount_pico = amount_pico + 1 WHERE version = 1", "I"),
    "a deleted event": ("DELETE FROM events WHERE version = 1", "I2"),
    "a moved balance": ("UPDATE account_heads SET balance = balance + 1", "I1"),
    "a moved escrow": ("UPDATE account_heads SET escrowed = escrowed + 1", "I"),
    "a changed fact": ("UPDATE events SET occurred_at = occurred_at + interval '1 s'"
                       " WHERE version = 1", "I2"),
}


@pytest.mark.parametrize("case", CORRUPTIONS)
def test_verify_finds_corruption(ledger, case):
    ledger.run("account", "create", "acme")
    ledger.run("credit", "grant", "acme", "5")
    ledger.run("credit", "grant", "acme", "2")
    ledger.verify()
    statement, invariant = CORRUPTIONS[case]
    tables = [row[0] for row in ledger.database.query(
        "SELECT tablename FROM pg_tables WHERE tablename ~ '^events(_[0-9]+)?$'")]
    off = "".join(f"ALTER TABLE {table} DISABLE TRIGGER USER;" for table in tables)
    ledger.database.query(off + statement)
    done = subprocess.run(
        [BINARY, "ledger", "verify", "--json"], env=ledger.environment(), capture_output=True,
        text=True)
    assert done.returncode == 1
    report = json.loads(done.stdout)
    assert not report["ok"]
    assert any(finding["invariant"].startswith(invariant) for finding in report["findings"])
    assert all(finding["account"] == "acme" for finding in report["findings"])


def test_events_cannot_be_changed_by_anyone_who_serves(ledger):
    ledger.run("account", "create", "acme")
    ledger.run("credit", "grant", "acme", "5")
    for url in (ledger.database.url, ledger.database.owner_url):
        for statement in ("UPDATE events SET amount_pico = 0", "DELETE FROM events",
                          "TRUNCATE events", "TRUNCATE events_0",
                          "SET session_replication_role = replica; DELETE FROM events"):
            done = subprocess.run(
                ["psql", "-X", "-v", "ON_ERROR_STOP=1", "-d", url, "-c", statement],
                capture_output=True, text=True)
            assert done.returncode != 0, statement
    ledger.verify()


def test_the_demo_tells_what_it_served(demo):
    before = len(demo.calls())
    post(demo.url, "/v1/chat/completions", "any", chat("x", words="one two three"))
    last = demo.calls()[-1]
    assert len(demo.calls()) == before + 1
    assert (last["input_tokens"], last["output_tokens"], last["finished"]) == (3, 32, True)
    wait_until(lambda: demo.calls(), 1, "the list")
