"""Streams whose holds grow in slices: they share a balance that fits one of them at its whole cap."""

import decimal
import http.client
import json
import threading
import urllib.parse

import pytest

from client import chat, post
from harness import CHAT_MODELS, MESSAGES_MODELS, Demo, wait_until

PRICE = decimal.Decimal("10") / 1_000_000
WORDS = 1200
CAP = 2000


@pytest.fixture(scope="module")
def slow(tmp_path_factory):
    """An upstream that takes seconds for an answer."""
    upstream = Demo(tmp_path_factory.mktemp("slow"), "--words", str(WORDS), "--chunk-ms", "3")
    yield upstream
    upstream.end()


class Stream(threading.Thread):
    """A streamed call that is read as it comes."""

    def __init__(self, url, path, key, body):
        super().__init__()
        self.where = urllib.parse.urlsplit(url)
        self.request = (path, key, body)
        self.events = []
        self.status = None
        self.start()

    def run(self):
        path, key, body = self.request
        connection = http.client.HTTPConnection(self.where.hostname, self.where.port, timeout=120)
        connection.request("POST", path, json.dumps({**body, "stream": True}), {
            "authorization": f"Bearer {key}", "content-type": "application/json"})
        answer = connection.getresponse()
        self.status = answer.status
        for line in answer:
            if line.startswith(b"data: "):
                self.events.append(line[6:].strip().decode())
        connection.close()

    def objects(self):
        return [json.loads(event) for event in self.events if event != "[DONE]"]

    def finish_reasons(self):
        return [choice["finish_reason"] for event in self.objects()
                for choice in event.get("choices", []) if choice["finish_reason"]]


def configure(fresh, url, **route):
    fresh.configure(
        {
            "chat": {"format": "openai", "baseURL": f"{url}/v1"},
            "messages": {"format": "anthropic", "baseURL": url},
        },
        {
            **{name: {"routes": [{"upstream": "chat"}], **route} for name in CHAT_MODELS},
            **{name: {"routes": [{"upstream": "messages"}], **route} for name in MESSAGES_MODELS},
        },
        policy={"shortCredit": "refuse"},
        limits={"creditWaitMilliseconds": 3_000},
    )


def usage_events(fresh, account):
    fresh.settled(account, 90)
    return [event["usage"] for event in fresh.events(account) if event["kind"] == "usage"]


def test_two_long_streams_share_a_balance_that_fits_one_at_its_whole_cap(fresh, slow):
    configure(fresh, slow.url, holdSliceTokens=256)
    key = fresh.account("shared", str(PRICE * 2700))
    url = fresh.start()
    body = chat("demo-exact", max_tokens=CAP, stream_options={"include_usage": True})
    first = Stream(url, "/v1/chat/completions", key, body)
    wait_until(lambda: len(first.events) > 900, 90, "the first stream's text")
    second = Stream(url, "/v1/chat/completions", key, body)
    first.join(90)
    second.join(90)

    assert (first.status, second.status) == (200, 200)
    assert first.finish_reasons() == ["stop"]
    assert second.finish_reasons() == ["length"]
    assert second.events[-1] == "[DONE]"
    assert len({event["id"] for event in second.objects()}) == 1

    balance = decimal.Decimal(fresh.settled("shared")["balance"])
    assert 0 <= balance < PRICE * 512
    cut = next(e for e in usage_events(fresh, "shared") if e["usage_source"] == "estimated")
    assert cut["outcome"] == "completed"
    assert 0 < decimal.Decimal(cut["charge"]) <= decimal.Decimal(cut["hold"])
    told = second.objects()[-1]["usage"]["completion_tokens"]
    assert decimal.Decimal(cut["charge"]) == told * PRICE
    assert fresh.process.stop() == 0
    fresh.verify()


def test_without_slices_the_second_of_them_is_refused(fresh, slow):
    configure(fresh, slow.url)
    key = fresh.account("whole", str(PRICE * 2700))
    url = fresh.start()
    body = chat("demo-exact", max_tokens=CAP)
    first = Stream(url, "/v1/chat/completions", key, body)
    wait_until(lambda: len(first.events) > 10, 90, "the first stream's text")
    refused = post(url, "/v1/chat/completions", key, chat("demo-exact", max_tokens=CAP * 2))
    assert refused.status == 402
    first.join(90)
    assert first.finish_reasons() == ["stop"]


def test_a_message_that_outgrows_its_credit_stops_with_max_tokens(fresh, slow):
    configure(fresh, slow.url, holdSliceTokens=256)
    key = fresh.account("message", str(PRICE * 700))
    url = fresh.start()
    stream = Stream(url, "/v1/messages", key, chat("demo-claude-exact", max_tokens=CAP))
    stream.join(90)
    kinds = [event["type"] for event in stream.objects()]
    assert kinds[:2] == ["message_start", "content_block_start"]
    assert kinds[-3:] == ["content_block_stop", "message_delta", "message_stop"]
    delta = stream.objects()[-2]
    assert delta["delta"]["stop_reason"] == "max_tokens"
    (event,) = usage_events(fresh, "message")
    assert decimal.Decimal(event["charge"]) == delta["usage"]["output_tokens"] * PRICE
    assert decimal.Decimal(fresh.settled("message")["balance"]) >= 0
    assert fresh.process.stop() == 0
    fresh.verify()


def test_a_translated_stream_that_outgrows_its_credit_stops_in_the_clients_words(fresh, slow):
    configure(fresh, slow.url, holdSliceTokens=256)
    key = fresh.account("translated", str(PRICE * 700))
    url = fresh.start()
    stream = Stream(url, "/v1/chat/completions", key, chat("demo-claude-exact", max_tokens=CAP))
    stream.join(90)
    assert stream.finish_reasons() == ["length"]
    assert stream.events[-1] == "[DONE]"
    assert decimal.Decimal(fresh.settled("translated")["balance"]) >= 0
    fresh.verify()
