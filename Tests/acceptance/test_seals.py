"""Seals: a serving Farebox makes them, they are pinned outside, and pins find what was rewritten."""

import json
import re
import subprocess
import urllib.request

from client import chat, post
from harness import BINARY, wait_until


def sealed(installation):
    wait_until(
        lambda: installation.json("ledger", "status")["unsealed_events"] == 0, 30,
        "every event to be sealed")


def verify(installation, *options):
    done = subprocess.run(
        [BINARY, "ledger", "verify", "--json", *options], env=installation.environment(),
        capture_output=True, text=True)
    return done.returncode, json.loads(done.stdout)


def test_calls_are_sealed_pinned_and_protected(fresh, demo):
    fresh.configure_demo(demo.url, ledger={"sealMilliseconds": 50})
    key = fresh.account("acme", "5")
    fresh.account("other", "0")
    fresh.start()
    for _ in range(3):
        assert post(fresh.url, "/v1/chat/completions", key, chat(words="one")).status == 200
    fresh.settled("acme")
    sealed(fresh)

    seals = [json.loads(line) for line in
             fresh.run("ledger", "seals", "acme", "--json").splitlines()]
    assert seals[0]["first_version"] == 1
    assert sum(seal["events"] for seal in seals) == 4
    assert [seal["previous_hash"] for seal in seals[1:]] == [seal["hash"] for seal in seals[:-1]]
    later = fresh.run("ledger", "seals", "acme", "--json", "--from-version", "4").splitlines()
    assert [json.loads(line) for line in later] == seals[-1:]

    pins = fresh.folder / "pins.jsonl"
    pins.write_text(fresh.run("ledger", "seals", "--all", "--latest", "--json"))
    assert [json.loads(line) for line in pins.read_text().splitlines()] == seals[-1:]
    code, report = verify(fresh, "--pins", str(pins))
    assert (code, report["sealed_events"], report["pins"]) == (0, 4, 1)

    # The owner rewrites the credit, and has everything sealed anew by the running instance.
    fresh.database.query(
        "ALTER TABLE events DISABLE TRIGGER USER; ALTER TABLE seals DISABLE TRIGGER USER;"
        "UPDATE events SET recorded_at = recorded_at - interval '1 h' WHERE version = 1;"
        "DELETE FROM seals; UPDATE seal_checkpoints SET version = 0")
    sealed(fresh)
    assert verify(fresh)[0] == 0
    code, report = verify(fresh, "--pins", str(pins))
    assert code == 1
    assert [(finding["account"], finding["version"], finding["invariant"])
            for finding in report["findings"]] == [("acme", 1, "I2")]


def test_a_stop_leaves_nothing_unsealed(fresh, demo):
    fresh.configure_demo(demo.url, ledger={"sealMilliseconds": 3_600_000})
    key = fresh.account("acme", "5")
    fresh.start()
    assert post(fresh.url, "/v1/chat/completions", key, chat(words="one")).status == 200
    fresh.settled("acme")
    assert fresh.json("ledger", "status")["unsealed_events"] > 0
    fresh.process.stop()
    assert fresh.json("ledger", "status")["unsealed_events"] == 0
    assert verify(fresh)[0] == 0


def test_pins_that_are_none_are_refused(fresh):
    for text in ("", "{}\n", '{"account_id": "x", "last_version": 1, "hash": "00"}\n'):
        pins = fresh.folder / "pins.jsonl"
        pins.write_text(text)
        done = subprocess.run(
            [BINARY, "ledger", "verify", "--pins", str(pins)], env=fresh.environment(),
            capture_output=True, text=True)
        assert done.returncode == 1, text
        assert "pins" in done.stderr or "no seal" in done.stderr
    for arguments in (("--all",), ("acme", "--all", "--latest"), (),
                      ("acme", "--latest", "--from-version", "2")):
        done = subprocess.run(
            [BINARY, "ledger", "seals", *arguments], env=fresh.environment(), capture_output=True)
        assert done.returncode == 2, arguments


def test_the_metrics_tell_how_far_the_sealer_is(fresh, demo):
    fresh.configure_demo(demo.url)
    fresh.account("acme", "5")
    fresh.start()
    sealed(fresh)
    admin = re.search(r"(http://\S+)/metrics", (fresh.folder / "farebox.log").read_text())[1]

    def metrics():
        with urllib.request.urlopen(f"{admin}/metrics", timeout=5) as answer:
            return dict(re.findall(r"^(farebox_\S+) (\S+)$", answer.read().decode(), re.M))

    wait_until(lambda: metrics()["farebox_sealed_events"] == "1", 10, "the sealer's metrics")
    assert metrics()["farebox_unsealed_events"] == "0"
    assert int(metrics()["farebox_seal_lag_seconds"]) < 60
