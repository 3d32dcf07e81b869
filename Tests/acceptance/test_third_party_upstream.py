"""An upstream that nobody here wrote (llmock from PyPI), well and broken on purpose."""

import collections
import decimal
import pathlib
import random
import socket
import subprocess
import sys
import threading
import time
import urllib.parse
from concurrent.futures import ThreadPoolExecutor

import pytest

from client import chat, post
from harness import wait_until
from scripted_upstream import ScriptedUpstream, data, reset, whole

CHAT = "/v1/chat/completions"
MESSAGES = "/v1/messages"
RESPONSES = "/v1/responses"


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


class FaultyLine(ScriptedUpstream):
    """Stands before an upstream and spoils some of what it says: its own answers, cut, garbled and
    late, and what else there is of refusals."""

    def __init__(self, upstream, seed):
        super().__init__()
        self.where = urllib.parse.urlsplit(upstream)
        self.random = random.Random(seed)
        self.lock = threading.Lock()
        self.met = collections.Counter()
        self.script = self.serve

    def serve(self, connection, request):
        with self.lock:
            fault = self.random.choice([FaultyLine.honest] * 6 + self.FAULTS)
            share = self.random.random()
            self.met[fault.__name__] += 1
        fault(self, connection, request, share)

    def answer(self, request):
        """The upstream's own answer, as it is on the wire; it ends by a closed connection."""
        with socket.create_connection((self.where.hostname, self.where.port)) as upstream:
            head, _, body = request.partition(b"\r\n\r\n")
            upstream.sendall(head + b"\r\nconnection: close\r\n\r\n" + body)
            answer = b""
            while more := upstream.recv(65536):
                answer += more
            return answer

    def honest(self, connection, request, _):
        connection.sendall(self.answer(request))

    def dropped(self, connection, request, _):
        reset(connection, request)

    def silent(self, connection, request, _):
        time.sleep(3)

    def late(self, connection, request, share):
        answer = self.answer(request)
        middle = int(len(answer) * share)
        time.sleep(0.3)
        connection.sendall(answer[:middle])
        time.sleep(0.3)
        connection.sendall(answer[middle:])

    def cut(self, connection, request, share):
        answer = self.answer(request)
        head = answer.index(b"\r\n\r\n") + 4
        connection.sendall(answer[:head + int((len(answer) - head) * share)])

    def garbled(self, connection, request, _):
        answer = self.answer(request)
        head = answer.index(b"\r\n\r\n") + 4
        connection.sendall(answer[:head] + answer[head:].replace(b'":', b'"?'))

    def limited(self, connection, request, _):
        body = b'{"error": {"message": "slow down", "type": "rate_limit_error"}}'
        connection.sendall(
            b"HTTP/1.1 429 X\r\ncontent-type: application/json\r\nretry-after: 1\r\n"
            b"content-length: %d\r\n\r\n%s" % (len(body), body))

    def failing(self, connection, request, share):
        whole({"error": {"message": "no"}}, [500, 502, 503, 504, 529][int(share * 5)])(
            connection, request)

    def error_in_a_stream(self, connection, request, share):
        """Where the answer is a stream; otherwise a page of some proxy in between."""
        answer = self.answer(request)
        head = answer.index(b"\r\n\r\n") + 4
        if b"text/event-stream" not in answer[:head]:
            return whole(b"<html>busy</html>", kind="text/html")(connection, request)
        error = data({"type": "error", "error": {"type": "overloaded_error", "message": "busy"}})
        event = f"event: error\n{error}".encode()
        connection.sendall(
            b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n")
        connection.sendall(event)

    FAULTS = [dropped, silent, late, cut, garbled, limited, failing, error_in_a_stream]


def bodies():
    """Every format that comes in, before both formats of upstreams, whole and streamed."""
    prompt = [{"role": "user", "content": "Tell me about fares"}]
    for model in ["demo-small", "demo-claude"]:
        for stream in [False, True]:
            yield CHAT, {"model": model, "messages": prompt, "max_tokens": 64, "stream": stream}
            yield MESSAGES, {"model": model, "messages": prompt, "max_tokens": 64, "stream": stream}
            yield RESPONSES, {"model": model, "input": "Tell me about fares", "stream": stream,
                              "max_output_tokens": 64}


# How a stream of each format says that its answer has come to its end.
ENDS = {CHAT: [b"[DONE]", b'"finish_reason":"'],
        MESSAGES: [b'"type":"message_stop"', b'"stop_reason":"'],
        RESPONSES: [b'"type":"response.completed"']}


def is_whole(path, answer):
    """Whether a client takes the answer for one that has come to its end, and for no other."""
    if "text/event-stream" not in answer.fields.get("content-type", ""):
        return answer.status == 200
    body = answer.body.replace(b" ", b"")
    return b'"error":{' not in body and b'"type":"error"' not in body and any(
        end in body for end in ENDS[path])


def test_in_chaos_each_of_its_calls_ends_in_the_right_answer_and_one_event(fresh, mock):
    """Refusals, 5xx, drops, silence, truncation, garbage, errors inside streams, and delays, in every
    format and through translation."""
    line = FaultyLine(mock(), seed=20261125)
    timeouts = {"connect": 1, "firstByte": 2, "idle": 2}
    shared = {"circuit": {"failures": 1_000_000}, "timeouts": timeouts}
    fresh.configure(
        {"chat": {"format": "openai", "baseURL": f"{line.url}/v1", "responses": False, **shared},
         "messages": {"format": "anthropic", "baseURL": f"{line.url}/anthropic", **shared}},
        {"demo-small": {"routes": [{"upstream": "chat"}]},
         "demo-claude": {"routes": [{"upstream": "messages"}]}},
        limits={"attemptsMax": 2, "retryWaitMilliseconds": 1200})
    key = fresh.account("chaos", "5")
    url = fresh.start()
    calls = [call for _ in range(15) for call in bodies()]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda call: post(url, call[0], key, call[1]), calls))
    fresh.settled("chaos", 90)
    events = usage_events(fresh, "chaos")
    ended = {event["usage"]["request_id"]: event for event in events}
    assert len(events) == len(ended) == len(calls)
    for (path, body), answer in zip(calls, answers):
        event = ended[answer.fields["x-request-id"]]
        usage, cost = event["usage"], -decimal.Decimal(event["amount"])
        assert usage["status"] == answer.status
        assert 0 <= cost <= decimal.Decimal(usage["hold"])
        if answer.status != 200:
            assert answer.status in (429, 502, 504), answer.body
            assert cost == 0 and "error" in answer.json(), (path, body, usage, answer.body)
        elif usage["outcome"] == "completed":
            # Of a stream that was garbled whole nothing was an answer that could be charged.
            assert is_whole(path, answer), answer.body
            assert cost > 0 or usage["usage_source"] == "none"
        else:
            assert not is_whole(path, answer) and b"error" in answer.body, answer.body
    # Every fault was met, and most calls came to something all the same.
    assert {fault.__name__ for fault in FaultyLine.FAULTS} <= set(line.met)
    assert sum(ended[a.fields["x-request-id"]]["usage"]["outcome"] == "completed"
               for a in answers) > len(calls) / 3
    assert fresh.process.stop() == 0
    fresh.verify()
    line.close()
