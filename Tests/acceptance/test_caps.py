"""Spend caps of keys and projects hold exactly, over any number of processes."""

import concurrent.futures
import decimal
import shutil
import time

import pytest

from client import chat, get, post
from harness import Installation, Refused, wait_until

# The prompt is free and the cap is used whole, so a hold is what the call costs.
CALL = decimal.Decimal("10") / 1_000_000 * 8
BODY = chat("demo-exact", max_tokens=8)


def insist(url, key, deadline):
    """Calls until served or refused for good."""
    while True:
        assert time.monotonic() < deadline, "neither served nor refused for good"
        answer = post(url, "/v1/chat/completions", key, BODY)
        if answer.status != 429:
            return answer
        assert int(answer.fields["retry-after"]) >= 1
        time.sleep(0.05)


def storm(urls, key, clients):
    """Clients that call once each, spread over the processes. Returns how many were served."""
    deadline = time.monotonic() + 120
    with concurrent.futures.ThreadPoolExecutor(min(clients, 200)) as pool:
        answers = list(pool.map(
            lambda number: insist(urls[number % len(urls)], key, deadline), range(clients)))
    for answer in answers:
        assert answer.status in (200, 402), answer.body
        if answer.status == 402:
            assert answer.fields["x-should-retry"] == "false"
    return sum(answer.status == 200 for answer in answers), answers


@pytest.fixture
def two(fresh, demo, tmp_path):
    """Two processes on one database."""
    fresh.configure_demo(demo.url, policy={"shortCredit": "refuse"})
    folder = tmp_path / "second"
    folder.mkdir()
    second = Installation(folder, database=fresh.database)
    shutil.copy(fresh.config, second.config)
    fresh.start()
    second.start()
    yield fresh, second
    second.process.end()


def make_key(installations, account, *options):
    """A key that every process knows."""
    first = installations[0]
    made = first.json("key", "create", account, *options)
    for installation in installations:
        installation.await_key(made["secret"])
    return made


def settled(installation, account):
    """Waits until nothing is held, and checks every invariant."""
    shown = installation.settled(account)
    installation.verify()
    return shown


def test_each_process_allows_the_cap_for_itself(two):
    first, _ = two
    first.account("rich", "100")
    key = make_key(two, "rich", "--cap-total", str(CALL * 37))
    # The first calls of a new key come all at once: failures A.1, A.2, A.6, A.7.
    served, answers = storm([each.url for each in two], key["secret"], 300)
    assert served == 37
    refused = next(answer for answer in answers if answer.status == 402).json()
    assert refused["error"]["code"] == "insufficient_quota"
    assert refused["farebox"]["limited_by"] == "key_cap_total"
    assert decimal.Decimal(refused["farebox"]["cap"]["limit"]) == CALL * 37
    assert decimal.Decimal(refused["farebox"]["needed"]) == CALL
    assert "cap" in refused["error"]["message"]
    account = settled(first, "rich")
    assert decimal.Decimal(account["balance"]) == 100 - CALL * 37


def test_keys_of_a_project_share_its_cap_and_no_more(two):
    first, _ = two
    first.account("team", "100")
    first.run("project", "create", "team", "web", "--cap-day", str(CALL * 20))
    keys = [make_key(two, "team", "--project", "web")["secret"] for _ in range(3)]
    small = make_key(two, "team", "--project", "web", "--cap-month", str(CALL * 3))["secret"]
    outside = make_key(two, "team")["secret"]
    urls = [each.url for each in two]
    with concurrent.futures.ThreadPoolExecutor() as pool:
        storms = [pool.submit(storm, urls, key, 20) for key in [*keys, small]]
        counts = [storm.result()[0] for storm in storms]
    assert sum(counts) == 20
    assert counts[-1] <= 3
    # A project that is spent keeps no other key of the account.
    assert post(urls[0], "/v1/chat/completions", outside, BODY).status == 200
    settled(first, "team")


def test_a_key_hammering_at_its_cap_slows_nobody(two):
    first, _ = two
    first.account("busy", str(CALL * 100))
    spent = make_key(two, "busy", "--cap-day", "0")["secret"]
    other = make_key(two, "busy")["secret"]
    urls = [each.url for each in two]
    with concurrent.futures.ThreadPoolExecutor() as pool:
        hammering = pool.submit(storm, urls, spent, 400)
        served, _ = storm(urls, other, 100)
        assert hammering.result()[0] == 0
    # To the last call that the balance covers.
    assert served == 100
    assert decimal.Decimal(settled(first, "busy")["balance"]) == 0


def test_a_cap_that_is_changed_counts_within_a_second(fresh, demo):
    fresh.configure_demo(demo.url, policy={"shortCredit": "refuse"})
    url = fresh.start()
    secret = fresh.account("change", "100")
    key = fresh.json("key", "list", "change")[0]["id"]

    def status():
        return post(url, "/v1/chat/completions", secret, BODY).status

    assert [status() for _ in range(4)] == [200] * 4
    # Its past counts: four calls are spent already, so one is left.
    shown = fresh.json("key", "cap", key, "--cap-month", str(CALL * 5))
    assert decimal.Decimal(shown["caps"]["month"]) == CALL * 5
    wait_until(lambda: get(url, "/v1/credits", secret).json()["caps"], 5, "the cap")
    fresh.settled("change")
    assert status() == 200
    assert status() == 402
    fresh.run("key", "cap", key, "--cap-month", str(CALL * 7))
    wait_until(lambda: status() == 200, 5, "the raised cap")
    assert status() == 200
    assert status() == 402
    fresh.run("key", "cap", key, "--cap-month", "none")
    wait_until(lambda: status() == 200, 5, "the cap's end")
    fresh.settled("change")
    fresh.verify()


def test_what_credits_and_answers_say(fresh, demo):
    fresh.configure_demo(demo.url, policy={"shortCredit": "refuse"})
    url = fresh.start()
    fresh.account("told", "5")
    secret = make_key([fresh], "told", "--cap-day", "1", "--cap-total", "2")["secret"]
    answer = post(url, "/v1/chat/completions", secret, BODY)
    assert decimal.Decimal(answer.fields["x-farebox-cost"]) == CALL
    assert decimal.Decimal(answer.fields["x-farebox-balance"]) == 5 - CALL
    fresh.settled("told")
    caps = get(url, "/v1/credits", secret).json()["caps"]
    assert [(cap["scope"], cap["period"]) for cap in caps] == [("key", "day"), ("key", "total")]
    for cap, limit in zip(caps, [1, 2]):
        assert decimal.Decimal(cap["limit"]) == limit
        assert decimal.Decimal(cap["spent"]) == CALL
        assert decimal.Decimal(cap["held"]) == 0
        assert decimal.Decimal(cap["available"]) == limit - CALL
    assert caps[0]["since"] is not None and caps[1]["since"] is None


def test_commands_show_and_refuse_caps(fresh):
    fresh.account("shown", "1")
    made = fresh.json("project", "create", "shown", "web", "--cap-day", "2.5")
    assert made["caps"] == {"day": "2.50", "month": None, "total": None}
    changed = fresh.json("project", "cap", "shown", "web", "--cap-day", "none", "--cap-total", "9")
    assert changed["caps"] == {"day": None, "month": None, "total": "9.00"}
    assert fresh.json("project", "list", "shown")[1]["caps"] == changed["caps"]
    assert "9.00 in total" in fresh.run("project", "list", "shown")
    for refused, code in [
        (["key", "create", "shown", "--cap-day", "-1"], 1),
        (["key", "create", "shown", "--cap-day", "much"], 2),
        (["project", "cap", "shown", "web"], 2),
        (["project", "cap", "shown", "none-such", "--cap-day", "1"], 1),
    ]:
        with pytest.raises(Refused) as error:
            fresh.run(*refused)
        assert error.value.code == code, refused
    key = fresh.json("key", "create", "shown", "--cap-month", "3")["id"]
    assert fresh.json("key", "show", key)["caps"]["month"] == "3.00"
    fresh.verify()
