"""Several instances on one database: no overspend, nothing stranded, and what a dead one held comes back."""

import concurrent.futures
import decimal
import itertools
import os
import random
import threading
import time

import pytest

from client import chat, post
from harness import Demo, Installation, Refused, wait_until

ROUNDS = int(os.environ.get("FAREBOX_TEST_ROUNDS", "3"))
CLIENTS = int(os.environ.get("FAREBOX_TEST_CLIENTS", "240"))
# "demo-exact" has a free prompt: eight tokens of output are both the hold and the cost.
CALL = decimal.Decimal("10") / 1_000_000 * 8


@pytest.fixture
def three(fresh, tmp_path, demo):
    """Three running instances on one database, each with a journal of its own."""
    instances = [fresh]
    for name in ["second", "third"]:
        folder = tmp_path / name
        folder.mkdir()
        instances.append(Installation(folder, fresh.database))
    for instance in instances:
        instance.configure_demo(demo.url, policy={"shortCredit": "refuse"})
        instance.start("--loops", "1")
    yield instances
    for instance in instances[1:]:
        instance.process.end()


def await_key_everywhere(instances, key):
    for instance in instances:
        instance.await_key(key)


def storm(urls, key, clients):
    """Clients that call instance after instance, retrying 429, until told 402; how many were served."""

    def client(number):
        served = 0
        deadline = time.monotonic() + 180
        for url in itertools.cycle(urls[number % len(urls):] + urls[:number % len(urls)]):
            assert time.monotonic() < deadline, "neither served nor refused for good"
            answer = post(url, "/v1/chat/completions", key, chat("demo-exact", max_tokens=8))
            if answer.status == 200:
                served += 1
            elif answer.status == 429:
                time.sleep(random.uniform(0.1, 0.4))
            else:
                assert answer.status == 402, answer.body
                return served

    with concurrent.futures.ThreadPoolExecutor(clients) as pool:
        return sum(pool.map(client, range(clients)))


def test_three_instances_serve_exactly_what_a_balance_is_worth(three):
    urls = [instance.url for instance in three]
    for round_number in range(ROUNDS):
        calls = random.randint(20, 400)
        account = f"round-{round_number}"
        key = three[0].account(account, str(CALL * calls))
        await_key_everywhere(three, key)
        assert storm(urls, key, CLIENTS) == calls
        shown = three[0].settled(account, 10)
        assert decimal.Decimal(shown["balance"]) == 0
        lowest = three[0].database.query(
            "SELECT min(running) FROM (SELECT sum(amount_pico) OVER (ORDER BY version) AS running"
            " FROM events JOIN accounts USING (account_id)"
            f" WHERE slug = '{account}') AS sums"
        )
        assert lowest == [["0"]], "the balance was below zero"
    for instance in three:
        assert instance.process.stop() == 0
    three[0].verify()
    states = [instance["state"] for instance in three[0].json("instance", "list")]
    assert states == ["stopped"] * 3


def test_a_busy_instance_makes_room_for_another_at_once(three):
    # Six calls' worth: what the first has leased ahead is what the others need.
    key = three[0].account("room", str(CALL * 60))
    await_key_everywhere(three, key)
    for _ in range(40):
        assert post(three[0].url, "/v1/chat/completions", key, chat("demo-exact", max_tokens=8)).status == 200
    for instance in three[1:]:
        begin = time.monotonic()
        answer = post(instance.url, "/v1/chat/completions", key, chat("demo-exact", max_tokens=40))
        assert answer.status == 200, answer.body
        assert time.monotonic() - begin < 2


def test_what_a_dead_instance_held_is_closed_by_the_living(three, tmp_path):
    slow = Demo(tmp_path, "--chunk-ms", "500")
    try:
        first, dead = three[0], three[1]
        dead.process.stop()
        dead.configure_demo(slow.url, policy={"shortCredit": "refuse"})
        dead.start("--loops", "1")
        key = first.account("dead", str(CALL * 10))
        dead.await_key(key)
        call = threading.Thread(target=swallow, args=(dead.url, key), daemon=True)
        call.start()
        held = wait_until(lambda: holder(first), 20, "a lease")
        dead.process.kill()

        with pytest.raises(Refused) as refused:
            first.run("instance", "release", held["id"])
        assert "is alive" in str(refused.value) or "may run calls until" in str(refused.value)
        # An hour passes.
        first.database.query(
            "UPDATE instances SET renewed_at = renewed_at - interval '1 hour'"
            f" WHERE instance_id = '{held['id']}'"
        )
        # Nobody is taken for lost by one that was not heard for a minute itself.
        account = first.settled("dead", 150)
        assert decimal.Decimal(account["available"]) == CALL * 10
        lost = [event for event in first.events("dead") if event["kind"] == "lease_lost"]
        assert [event["data"]["instance"] for event in lost] == [held["id"]]
        assert decimal.Decimal(lost[0]["amount"]) == 0
        assert decimal.Decimal(lost[0]["data"]["bound"]) >= CALL * 5
        states = {shown["id"]: shown for shown in first.json("instance", "list")}
        assert states[held["id"]]["state"] == "lost"
        assert states[held["id"]]["leases"] == 0

        # Its journal was not lost after all: the call's end comes late, and is in the stream.
        dead.start("--loops", "1")
        wait_until(
            lambda: [event for event in first.events("dead") if event["kind"] == "usage"], 20, "its call"
        )
        for instance in three:
            assert instance.process.stop() == 0
        first.verify()
    finally:
        slow.end()


def swallow(url, key):
    """A call whose instance dies."""
    try:
        post(url, "/v1/chat/completions", key, chat("demo-exact", max_tokens=40, stream=True))
    except Exception:  # whatever a broken connection raises
        pass


def holder(installation):
    """The instance with a running call's lease; None while there is none."""
    for instance in installation.json("instance", "list"):
        if instance["leases"] and instance["running_calls"]:
            return instance
    return None
