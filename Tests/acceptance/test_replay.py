"""A backup of PostgreSQL is restored, and the journal brings back what it has lost."""

import decimal
import subprocess

import pytest

from client import chat, post
from harness import Refused, wait_until


def dump(database, path):
    """A backup of the database while Farebox works."""
    subprocess.run(["pg_dump", "-Fc", "-f", path, "-d", database.owner_url], check=True)


def restore(database, path):
    """The database as it was when it was dumped; what came since is lost."""
    database.drop()
    database._admin(f'CREATE DATABASE "{database.name}"')
    subprocess.run(
        ["pg_restore", "--exit-on-error", "-d", database.owner_url, path], check=True)


def call(installation, key, count, **more):
    for _ in range(count):
        answer = post(
            installation.url, "/v1/chat/completions", key, chat("demo-exact", **more))
        assert answer.status == 200, answer.body


def shipped(installation, account, count):
    """Waits until so many calls are in the stream and nothing is held; then stops the instance."""
    wait_until(
        lambda: sum(e["kind"] == "usage" for e in installation.events(account)) == count,
        what=f"{count} calls in the stream")
    installation.settled(account)
    assert installation.process.stop() == 0


def content(events):
    return {event["event_id"]: (event["amount"], event["usage"], event["data"]) for event in events}


def test_replay_brings_back_what_a_restored_backup_lost(fresh, demo, tmp_path):
    fresh.configure_demo(demo.url)
    key = fresh.account("restored", "5")
    fresh.start()
    call(fresh, key, 20)
    dump(fresh.database, tmp_path / "backup")
    call(fresh, key, 30)
    with pytest.raises(Refused, match="in use: stop its instance first"):
        fresh.run("ledger", "replay")
    shipped(fresh, "restored", 50)
    truth = content(fresh.events("restored"))
    balance = fresh.json("account", "show", "restored")["balance"]
    usage = fresh.json("usage", "restored", "--by", "day,model,key")

    restore(fresh.database, tmp_path / "backup")
    assert len(fresh.events("restored")) < len(truth)
    report = fresh.json("ledger", "replay")
    assert report["kept"] == 50
    assert report["appended"] + report["already_there"] == 50
    assert report["appended"] >= 30
    assert (report["uncovered"], report["refused"]) == ("0", [])
    fresh.verify()
    assert content(fresh.events("restored")) == truth
    shown = fresh.json("account", "show", "restored")
    assert (shown["balance"], shown["held"]) == (balance, "0.00")
    assert fresh.json("usage", "restored", "--by", "day,model,key") == usage

    again = fresh.json("ledger", "replay")
    assert (again["appended"], again["already_there"]) == (0, 50)
    # The instance that was started meanwhile, and the last backup, know each other still.
    fresh.start()
    call(fresh, key, 1)
    shipped(fresh, "restored", 51)
    fresh.verify()
    assert all(made["equal"] for made in fresh.json("ledger", "rebuild", "--check"))


def test_replay_refuses_what_the_backup_cannot_carry(fresh, demo, tmp_path):
    fresh.configure_demo(demo.url)
    key = fresh.account("poor", "0.001")
    fresh.start()
    dump(fresh.database, tmp_path / "backup")
    fresh.run("credit", "grant", "poor", "5", "--idempotency-key", "second")
    late = fresh.account("late", "5")
    call(fresh, key, 10, max_tokens=32)
    call(fresh, late, 3)
    shipped(fresh, "late", 3)
    truth = content(fresh.events("poor"))

    restore(fresh.database, tmp_path / "backup")
    with pytest.raises(Refused) as refusal:
        fresh.run("ledger", "replay")
    assert "poor: 10 calls need 0.0032, and 0.001 is free" in str(refusal.value)
    assert "3 events of an account that this database does not know" in str(refusal.value)
    assert len(fresh.events("poor")) == 1
    fresh.verify()

    # The grant is repeated, under its own key, and the calls follow.
    fresh.run("credit", "grant", "poor", "5", "--idempotency-key", "second")
    with pytest.raises(Refused):
        fresh.run("ledger", "replay")
    usage = [event for event in fresh.events("poor") if event["usage"]]
    assert len(usage) == 10
    assert all(truth[event["event_id"]] == (event["amount"], event["usage"], event["data"])
               for event in usage)
    balance = decimal.Decimal(fresh.json("account", "show", "poor")["balance"])
    assert balance == decimal.Decimal("5.001") - decimal.Decimal("0.0032")
    fresh.verify()


def test_replay_needs_a_journal(fresh):
    with pytest.raises(Refused, match="there is no journal"):
        fresh.run("ledger", "replay", "--journal", fresh.folder / "missing.sqlite")
    assert not (fresh.folder / "missing.sqlite").exists()
