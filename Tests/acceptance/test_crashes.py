"""kill -9 at any moment loses nothing, doubles nothing and holds nothing for ever."""

import collections
import decimal
import http.client
import os
import random
import threading
import time

from client import chat, post
from harness import Demo

KILLS = int(os.environ.get("FAREBOX_TEST_KILLS", "50"))


class Load:
    """Clients that stream without a pause and shrug at a connection that breaks."""

    def __init__(self, installation, key, clients=8):
        self.installation = installation
        self.key = key
        self.finished = collections.Counter()
        self.stopping = threading.Event()
        self.threads = [threading.Thread(target=self.run) for _ in range(clients)]
        for thread in self.threads:
            thread.start()

    def run(self):
        while not self.stopping.is_set():
            try:
                answer = post(
                    self.installation.url,
                    "/v1/chat/completions",
                    self.key,
                    chat("demo-small", stream=True, max_tokens=16),
                    timeout=20,
                )
                if answer.status == 200 and b"[DONE]" in answer.body:
                    self.finished[answer.fields["x-request-id"]] += 1
                elif answer.status != 200:
                    self.finished[answer.status] += 1
            except (OSError, http.client.HTTPException):
                time.sleep(0.02)

    def stop(self):
        self.stopping.set()
        for thread in self.threads:
            thread.join()


def test_fifty_kills_under_streaming_load(fresh, tmp_path):
    demo = Demo(tmp_path, "--chunk-ms", "2")
    try:
        fresh.configure_demo(demo.url)
        key = fresh.account("crash", "5")
        fresh.start()
        load = Load(fresh, key)
        chance = random.Random(20261124)
        for _ in range(KILLS):
            time.sleep(chance.uniform(0.02, 0.4))
            fresh.process.kill()
            fresh.start()
        load.stop()
        account = fresh.settled("crash", 60)
        assert fresh.process.stop() == 0
        check(fresh, demo, account, load)
    finally:
        demo.end()


def check(installation, demo, account, load):
    usage = [event for event in installation.events("crash") if event["kind"] == "usage"]
    ids = [event["usage"]["request_id"] for event in usage]
    assert len(ids) == len(set(ids)), "a call has two usage events"
    served = {call["request_id"] for call in demo.calls()}
    assert served <= set(ids), "a call that reached the upstream has no usage event"
    finished = {name for name in load.finished if isinstance(name, str)}
    outcomes = {event["usage"]["request_id"]: event["usage"]["outcome"] for event in usage}
    assert all(outcomes[name] == "completed" for name in finished), "an answered call was lost"
    assert len(finished) > KILLS, f"hardly any call was served: {load.finished}"
    spent = sum(decimal.Decimal(event["amount"]) for event in usage)
    assert decimal.Decimal(account["balance"]) == 5 + spent
    installation.verify()
