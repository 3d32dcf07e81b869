"""PostgreSQL goes away under load and comes back."""

import decimal
import os
import subprocess
import threading
import time

from client import chat, post
from harness import ROOT, wait_until

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
