"""Credit that begins, expires, is voided or charged back, as an operator sees it."""

import datetime
import decimal

from client import chat, post
from harness import wait_until


def in_seconds(count):
    instant = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=count)
    return instant.strftime("%Y-%m-%dT%H:%M:%SZ")


def rests(installation, account):
    """What each grant has left, by its id; the list adds up to the balance."""
    listed = installation.json("credit", "list", account)
    left = {grant["id"]: decimal.Decimal(grant["remaining"]) for grant in listed["grants"]}
    owed = decimal.Decimal(listed["unpaid"])
    assert sum(left.values()) - owed == decimal.Decimal(listed["balance"])
    return left


def test_grants_begin_and_expire_at_their_instant_while_served(fresh, demo):
    fresh.configure_demo(demo.url)
    key = fresh.account("acme", "1")
    url = fresh.start()
    ending = fresh.json("credit", "grant", "acme", "2", "--kind", "promotional",
                        "--expires", in_seconds(20), "--priority", "-1")
    coming = fresh.json("credit", "grant", "acme", "3", "--starts", in_seconds(20))
    assert coming["status"] == "scheduled"
    assert post(url, "/v1/chat/completions", key, chat("demo-small")).status == 200
    fresh.settled("acme")
    # The call burned what ends soonest.
    left = rests(fresh, "acme")
    assert left[ending["id"]] < 2 and left[coming["id"]] == 0

    def is_over():
        left = rests(fresh, "acme")
        return left[ending["id"]] == 0 and left[coming["id"]] == 3

    wait_until(is_over, 60, "the end of one grant and the beginning of the other")
    assert fresh.json("account", "show", "acme")["balance"] == "4.00"
    kinds = [event["kind"] for event in fresh.events("acme")]
    assert kinds.count("credit_expired") == 1 and kinds.count("credit_granted") == 3
    assert fresh.process.stop() == 0
    fresh.verify()


def test_a_chargeback_stops_admission_until_it_is_paid(fresh, demo):
    fresh.configure_demo(demo.url)
    key = fresh.account("acme", "0.01")
    fresh.run("credit", "grant", "acme", "5", "--reference", "pay-1")
    url = fresh.start()
    # A correction by force takes all there is, and the chargeback then overdraws.
    fresh.run("credit", "adjust", "acme", "-5", "--reason", "moved elsewhere", "--force")
    for _ in range(2):
        account = fresh.json("credit", "chargeback", "acme", "pay-1", "--reason", "card stolen")
    assert account["balance"] == "-4.99"
    assert post(url, "/v1/chat/completions", key, chat("demo-small")).status == 402
    fresh.run("credit", "grant", "acme", "5")
    assert fresh.json("account", "show", "acme")["balance"] == "0.01"

    def is_served():
        return post(url, "/v1/chat/completions", key, chat("demo-small")).status == 200

    wait_until(is_served, what="a call after the payment")
    fresh.settled("acme")
    rests(fresh, "acme")
    assert fresh.process.stop() == 0
    fresh.verify()


def test_a_void_takes_what_is_unburned_once(fresh):
    fresh.config.write_text("{}")
    fresh.run("account", "create", "acme")
    grant = fresh.json("credit", "grant", "acme", "5")
    assert fresh.json("credit", "void", grant["id"])["status"] == "voided"
    assert fresh.json("credit", "void", grant["id"])["remaining"] == "0.00"
    assert fresh.json("account", "show", "acme")["balance"] == "0.00"
    assert [event["kind"] for event in fresh.events("acme")] == [
        "credit_granted", "credit_voided"]
    for _ in range(2):
        limited = fresh.json("account", "limit", "acme", "7", "--idempotency-key", "k")
        assert (limited["credit_limit"], limited["version"]) == ("7.00", 3)
    fresh.verify()
