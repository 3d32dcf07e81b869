"""An upstream that nobody here wrote (llmock from PyPI), well and broken on purpose."""

import collections
import pathlib
import socket
import subprocess
import sys

import pytest

from client import chat, post
from harness import wait_until

CHAT = "/v1/chat/completions"
MESSAGES = "/v1/messages"


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


@pytest.fixture
def mock(tmp_path):
    """Starts llmock with options; a function, so that a test says how it is to be broken."""
    children = []

    def start(*options):
        port = free_port()
        program = pathlib.Path(sys.executable).with_name("llmock")
        log = open(tmp_path / "llmock.log", "ab")
        children.append(
            subprocess.Popen(
                [program, "serve", "--host", "127.0.0.1", "--port", str(port), *options],
                stdout=log, stderr=log))

        def is_up():
            with socket.socket() as probe:
                return probe.connect_ex(("127.0.0.1", port)) == 0

        wait_until(is_up, 60, "llmock")
        return f"http://127.0.0.1:{port}"

    yield start
    for child in children:
        child.terminate()
        child.wait()


def usage_events(installation, account):
    return [event for event in installation.events(account) if event["kind"] == "usage"]


@pytest.mark.parametrize("stream", [False, True])
def test_its_answers_are_charged_by_its_own_usage(fresh, mock, stream):
    upstream = mock()
    fresh.configure_demo(upstream, messages_url=f"{upstream}/anthropic")
    key = fresh.account("mocked", "5")
    url = fresh.start()
    body = chat("demo-small", stream=stream, max_tokens=64)
    answer = post(url, CHAT, key, body)
    assert answer.status == 200, answer.body
    body = {"model": "demo-claude", "max_tokens": 64, "stream": stream,
            "messages": [{"role": "user", "content": "Tell me about fares"}]}
    answer = post(url, MESSAGES, key, body, headers={"anthropic-version": "2023-06-01"})
    assert answer.status == 200, answer.body
    fresh.settled("mocked")
    events = usage_events(fresh, "mocked")
    assert [event["usage"]["endpoint"] for event in events] == ["chat_completions", "messages"]
    for event in events:
        usage = event["usage"]
        assert usage["usage_source"] == "upstream_final"
        assert usage["output_tokens"] > 0
        assert usage["input_tokens"] > 0
    assert fresh.process.stop() == 0
    fresh.verify()


def test_its_failures_are_errors_and_cost_nothing(fresh, mock):
    fresh.configure_demo(
        mock("--error-rate", "429=0.2", "--error-rate", "500=0.2", "--error-rate", "503=0.2"),
        # As often as it fails, five failures in a row are likely: its circuit must not open here.
        circuit={"failures": 1_000_000})
    key = fresh.account("broken", "5")
    url = fresh.start()
    statuses = collections.Counter(
        post(url, CHAT, key, chat("demo-small", stream=bool(n % 2), max_tokens=64)).status
        for n in range(60))
    assert set(statuses) <= {200, 429, 502}
    assert statuses[200] > 5 and statuses[502] > 5 and statuses[429] > 1
    fresh.settled("broken")
    events = usage_events(fresh, "broken")
    assert len(events) == 60
    for event in events:
        usage = event["usage"]
        refused = usage["outcome"] == "upstream_refused"
        assert refused == (usage["status"] != 200)
        assert (event["amount"] == "0.00") == refused, event
    assert fresh.process.stop() == 0
    fresh.verify()
