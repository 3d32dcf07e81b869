"""PostgreSQL goes away under load and comes back."""

import concurrent.futures
import decimal
import os
import subprocess
import threading
import time

from client import chat, post
from harness import ROOT, Demo, wait_until

SECONDS = int(os.environ.get("FAREBOX_TEST_OUTAGE_SECONDS", "20"))


def cluster(action):
    """Stops or starts the private cluster that scripts/test runs."""
    folder = os.environ["FAREBOX_TEST_CLUSTER"]
    script = f". scripts/lib/install.sh; . scripts/lib/postgres.sh; {action} '{folder}'"
    subprocess.run(["bash", "-c", script], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)


def test_calls_within_the_lease_go_on_while_postgresql_is_away(fresh, demo):
    fresh.configure_demo(demo.url)
    key = fresh.account("outage", "5")
    url = fresh.start()
    statuses, stopping = [], threading.Event()

    def client():
        while not stopping.is_set():
            answer = post(url, "/v1/chat/completions", key, chat("demo-small", max_tokens=16))
            statuses.append((time.monotonic(), answer.status))
            time.sleep(0.01)

    threads = [threading.Thread(target=client) for _ in range(4)]
    for thread in threads:
        thread.start()
    time.sleep(2)
    gone = time.monotonic()
    cluster("farebox_postgres_stop")
    try:
        away = time.monotonic()
        time.sleep(SECONDS)
    finally:
        back = time.monotonic()
        cluster("farebox_postgres_start")
    time.sleep(3)
    stopping.set()
    for thread in threads:
        thread.join()

    assert {status for _, status in statuses} <= {200, 503}
    during = [status for moment, status in statuses if away < moment < back]
    # A lease lasts a busy account for about a second, however many calls that are.
    assert during.count(200) > 0, "no call was served from the lease"
    assert all(status == 200 for moment, status in statuses if moment < gone)
    wait_until(lambda: post(url, "/v1/chat/completions", key, chat()).status == 200, 30, "service")
    account = fresh.settled("outage", 60)
    usage = [event for event in fresh.events("outage") if event["kind"] == "usage"]
    served = {call["request_id"] for call in demo.calls()}
    ids = [event["usage"]["request_id"] for event in usage]
    assert len(ids) == len(set(ids))
    assert len(ids) == sum(status == 200 for _, status in statuses) + 1
    assert set(ids) <= served
    spent = sum(decimal.Decimal(event["amount"]) for event in usage)
    assert decimal.Decimal(account["balance"]) == 5 + spent
    assert fresh.process.stop() == 0
    fresh.verify()


def test_a_keyed_call_needs_postgresql_and_its_answer_outlives_an_outage(fresh, tmp_path):
    slow = Demo(tmp_path, "--chunk-ms", "400", "--words", "12")
    fresh.configure_demo(slow.url)
    key = fresh.account("keyed", "5")
    url = fresh.start()
    body = chat("demo-small", max_tokens=16, stream=True)

    def ask(name):
        return post(url, "/v1/chat/completions", key, body, headers={"idempotency-key": name})

    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        running = pool.submit(ask, "before")
        wait_until(lambda: slow.calls(), 30, "the call upstream")
        cluster("farebox_postgres_stop")
        try:
            refused = ask("meanwhile")
            first = running.result()
        finally:
            cluster("farebox_postgres_start")
    assert refused.status == 503
    assert int(refused.fields["retry-after"]) >= 1
    assert first.status == 200 and first.body.endswith(b"data: [DONE]\n\n")

    def repeated():
        answer = ask("before")
        assert answer.status in (200, 409, 503), answer.body
        return answer if answer.status == 200 else None

    assert wait_until(repeated, 90, "the answer to be kept").body == first.body
    assert len(slow.calls()) == 1
    slow.end()
    fresh.settled("keyed", 90)
    fresh.verify()


def test_a_key_under_a_limit_never_passes_it_while_postgresql_is_away(fresh, demo):
    fresh.configure_demo(demo.url)
    fresh.account("limited", "5")
    secret = fresh.json("key", "create", "limited", "--requests-per-minute", "40")["secret"]
    url = fresh.start()

    def status():
        return post(url, "/v1/chat/completions", secret, chat("demo-small", max_tokens=8)).status

    before = [status() for _ in range(5)]
    cluster("farebox_postgres_stop")
    try:
        meanwhile = [status() for _ in range(60)]
    finally:
        cluster("farebox_postgres_start")
    assert before == [200] * 5
    assert set(meanwhile) <= {200, 429, 503}
    assert meanwhile[-1] != 200, "an instance alone lets more through than the limit"
    assert (before + meanwhile).count(200) <= 40
    fresh.settled("limited", 90)
    assert fresh.process.stop() == 0
    fresh.verify()
