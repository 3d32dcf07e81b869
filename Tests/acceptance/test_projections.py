"""Projections follow while calls are served, through restarts of PostgreSQL and of Farebox."""

import os
import threading
import time

from client import chat, post
from harness import wait_until
from test_outages import cluster

OUTAGES = int(os.environ.get("FAREBOX_TEST_PROJECTION_OUTAGES", "3"))


def behind(installation):
    status = installation.json("ledger", "status")
    assert all(made["stopped"] == [] for made in status["projections"])
    return [made["events_behind"] for made in status["projections"]]


def test_projections_catch_up_after_postgresql_was_restarted_under_load(fresh, demo):
    fresh.configure_demo(demo.url)
    key = fresh.account("followed", "5")
    url = fresh.start()
    stopping = threading.Event()

    def client():
        while not stopping.is_set():
            post(url, "/v1/chat/completions", key, chat("demo-small", max_tokens=16))
            time.sleep(0.002)

    threads = [threading.Thread(target=client) for _ in range(4)]
    for thread in threads:
        thread.start()
    for _ in range(OUTAGES):
        time.sleep(1)
        cluster("farebox_postgres_stop")
        time.sleep(0.5)
        cluster("farebox_postgres_start")
    time.sleep(1)
    stopping.set()
    for thread in threads:
        thread.join()

    fresh.settled("followed", 60)
    wait_until(lambda: behind(fresh) == [0, 0], 60, "the projections caught up")
    wait_until(
        lambda: fresh.metrics()['farebox_projection_events_behind{projection="usage"}'] == "0",
        what="the metric")
    # A sweep that failed is tried again within seconds; from then on it is at most one behind.
    wait_until(
        lambda: int(fresh.metrics()['farebox_projection_seconds_behind{projection="statement"}']) < 5,
        what="the lag in seconds")
    assert fresh.metrics()['farebox_projection_stopped_accounts{projection="usage"}'] == "0"
    calls = sum(event["kind"] == "usage" for event in fresh.events("followed"))
    for dimension in ["hour", "day", "month", "project", "key", "model", "upstream"]:
        usage = fresh.json("usage", "followed", "--by", dimension)
        assert usage["total"]["calls"] == sum(row["calls"] for row in usage["rows"]) == calls
        assert usage["total"]["latency_ms"]["p99"] >= usage["total"]["latency_ms"]["p50"]
    assert all(made["equal"] for made in fresh.json("ledger", "rebuild", "--check"))
    # Rebuilt while it serves.
    rebuilt = fresh.json("ledger", "rebuild", "usage")
    assert rebuilt[0]["build"] > 1
    assert fresh.json("usage", "followed", "--by", "day")["total"]["calls"] == calls
    assert fresh.process.stop() == 0
    fresh.verify()
