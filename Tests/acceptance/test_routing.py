"""Models over several upstreams that fail in every way: each call ends in one answer, one event."""

import decimal
import json
import os
import random
import re
import threading
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor

import pytest

from client import chat, post
from scripted_upstream import (
    BLOCK, MESSAGE_START, USAGE, ScriptedUpstream, chunk, completion, data, message_end, reset,
    stream, text_delta, usage_chunk, whole)
from harness import Installation, wait_until

CHAT = "/v1/chat/completions"
COUNT = "/v1/messages/count_tokens"
# 20 and 10 tokens at 0.15 and 0.60 USD a million.
COST = decimal.Decimal("0.000009")
GOOD = whole(completion(USAGE))
GOOD_STREAM = stream([chunk("Hi"), chunk(finish="stop"), usage_chunk(USAGE), data("[DONE]")])
ENDLESS = {"failures": 1_000_000}
MODELS = ["failover", "once", "alone", "keys", "circuit", "busy", "mixed", "weighted", "chaos",
          "limited", "patient", "garbled", "unpaid", "unpaid-messages", "tier-a", "tier-b"]
# As OpenAI and Anthropic say that an account is out of money.
NO_QUOTA = {"error": {"message": "You exceeded your current quota, please check your plan.",
                      "type": "insufficient_quota", "param": None, "code": "insufficient_quota"}}
NO_CREDIT = {"type": "error", "error": {
    "type": "invalid_request_error",
    "message": "Your credit balance is too low to access the Anthropic API."}}


def hang(connection, _):
    time.sleep(4)


def limited(retry_after):
    def script(connection, _):
        body = b'{"error": {"message": "slow down"}}'
        connection.sendall(
            b"HTTP/1.1 429 X\r\ncontent-type: application/json\r\nretry-after: %d\r\n"
            b"content-length: %d\r\n\r\n%s" % (retry_after, len(body), body))
    return script


class Recorder(ScriptedUpstream):
    """Remembers what it was asked, and answers well unless told otherwise."""

    def __init__(self):
        super().__init__()
        self.answer = GOOD
        self.requests = []
        self.script = self.serve

    def serve(self, connection, request):
        self.requests.append(request)
        self.answer(connection, request)


@pytest.fixture(scope="module")
def upstreams():
    made = {name: Recorder() for name in ["first", "second", "third"]}
    yield made
    for upstream in made.values():
        upstream.close()


@pytest.fixture(autouse=True)
def rested(upstreams):
    for upstream in upstreams.values():
        upstream.answer = GOOD
        upstream.requests.clear()


@pytest.fixture(scope="module")
def gateway(tmp_path_factory, upstreams):
    folder = tmp_path_factory.mktemp("routing")
    os.environ.update(FIRST_KEY="key-one", SECOND_KEY="key-two")
    installation = Installation(folder)
    prices = folder / "prices.json"
    price = {"context": 128000, "maxOutput": 16384, "input": "0.15", "output": "0.60",
             "tiers": {"priority": {"input": "0.30", "output": "1.20"}}}
    prices.write_text(json.dumps({
        "format": "farebox-prices/1", "currency": "USD",
        "models": {name: price for name in MODELS}}))
    installation.run("migrate")
    installation.run("price", "import", prices, "--format", "farebox")
    timeouts = {"connect": 1, "firstByte": 1, "idle": 1}

    def upstream(name, **more):
        return {"format": "openai", "baseURL": f"{upstreams[name].url}/v1", "timeouts": timeouts,
                "circuit": ENDLESS, **more}

    def two(first, second):
        return {"routes": [{"upstream": first, "model": "one"},
                           {"upstream": second, "model": "two", "priority": 2}]}

    installation.configure(
        {
            "first": upstream("first"),
            "second": upstream("second"),
            "third": upstream("third"),
            "nowhere": {"format": "openai", "baseURL": "http://127.0.0.1:1", "circuit": ENDLESS},
            "keyed": upstream("first", apiKeys=[{"env": "FIRST_KEY"}, {"env": "SECOND_KEY"}]),
            "unpaid": upstream("first", apiKeys=[{"env": "FIRST_KEY"}, {"env": "SECOND_KEY"}]),
            "unpaid-messages": {
                "format": "anthropic", "baseURL": upstreams["first"].url, "circuit": ENDLESS,
                "apiKeys": [{"env": "FIRST_KEY"}, {"env": "SECOND_KEY"}]},
            "garbled": upstream("first", circuit={"failures": 2, "seconds": 300, "secondsMax": 300}),
            "project": upstream("first", defaultServiceTier="priority"),
            "fragile": upstream("first", circuit={"failures": 2, "seconds": 2}),
            "narrow": upstream("first", concurrencyMax=1),
            "messages": {"format": "anthropic", "baseURL": upstreams["first"].url,
                         "timeouts": timeouts, "circuit": ENDLESS},
        },
        {
            "failover": {**two("first", "second"), "aliases": ["failover-latest"]},
            "once": two("nowhere", "second"),
            "alone": {"routes": [{"upstream": "first"}]},
            "keys": {"routes": [{"upstream": "keyed"}]},
            "circuit": two("fragile", "second"),
            "busy": two("narrow", "second"),
            "mixed": two("messages", "second"),
            "weighted": {"routes": [{"upstream": "first", "weight": 3}, {"upstream": "second"}]},
            "limited": {"routes": [{"upstream": "first", "model": "limited-one"},
                                   {"upstream": "second", "priority": 2}]},
            "patient": {"routes": [{"upstream": "first"}]},
            "garbled": two("garbled", "second"),
            "unpaid": {"routes": [{"upstream": "unpaid"}]},
            "unpaid-messages": {"routes": [{"upstream": "unpaid-messages"}]},
            "counted": {"routes": [{"upstream": "messages"}, {"upstream": "second"}]},
            "tier-a": {"routes": [{"upstream": "first"}]},
            "tier-b": {"routes": [{"upstream": "project"}]},
            "chaos": {"routes": [{"upstream": name} for name in upstreams]},
        },
        limits={"attemptsMax": 3, "retryWaitMilliseconds": 1500})
    installation.key = installation.account("routing", "5")
    installation.start()
    yield installation
    assert installation.process.stop() == 0
    installation.verify()
    installation.end()


def call(gateway, model, **more):
    return post(gateway.url, CHAT, gateway.key, chat(model, max_tokens=100, **more))


def usage_of(gateway, answer):
    """The one event of a call, once it is in the stream, and what it cost."""
    name = answer.fields["x-request-id"]

    def find():
        return [event for event in gateway.events("routing")
                if event["usage"] and event["usage"]["request_id"] == name]

    found = wait_until(find, 90, "the event")
    assert len(found) == 1
    return found[0]["usage"], -decimal.Decimal(found[0]["amount"])


def attempts(usage):
    return [(a["upstream"], a["upstream_model"], a["end"], a["status"])
            for a in usage["attempts"]]


FAILURES = {
    "a server error": (whole({"error": "x"}, 500), "failed", 500),
    "an overload": (whole({"error": "x"}, 529), "failed", 529),
    "a refused key": (whole({"error": "x"}, 401), "key_refused", 401),
    "an unpaid bill": (whole({"error": "x"}, 402), "key_refused", 402),
    "an empty account": (whole(NO_QUOTA, 429), "key_refused", 429),
    "an account in the red": (whole(NO_CREDIT, 400), "key_refused", 400),
    "a missing model": (whole({"error": "x"}, 404), "refused", 404),
    "a hang": (hang, "timed_out", None),
    "a reset": (reset, "broken", None),
    "garbage": (lambda connection, _: connection.sendall(b"garbage\r\n\r\n"), "broken", None),
    "an answer cut short": (whole(completion(USAGE), length=10_000), "broken", None),
    "no JSON": (whole(b"<html>busy</html>"), "broken", 200),
    "an error for an answer": (whole({"error": {"message": "busy"}}), "broken", 200),
    "nothing of an answer": (whole({"detail": "busy"}), "broken", 200),
}


@pytest.mark.parametrize("case", FAILURES)
def test_a_failure_before_the_first_byte_goes_to_the_next_route(gateway, upstreams, case):
    script, end, status = FAILURES[case]
    upstreams["first"].answer = script
    answer = call(gateway, "failover")
    assert answer.status == 200, answer.body
    usage, cost = usage_of(gateway, answer)
    assert (usage["upstream"], usage["upstream_model"], usage["model"]) == (
        "second", "two", "failover")
    assert attempts(usage) == [("first", "one", end, status)]
    assert (usage["outcome"], cost) == ("completed", COST)
    assert len(upstreams["second"].requests) == 1
    explained = gateway.json("explain", answer.fields["x-request-id"])
    assert [a["end"] for a in explained["attempts"]] == [end]


def test_an_error_that_begins_a_stream_goes_to_the_next_route(gateway, upstreams):
    upstreams["first"].answer = stream([data({"error": {"message": "busy", "type": "x"}})])
    upstreams["second"].answer = GOOD_STREAM
    answer = call(gateway, "failover", stream=True)
    assert b"Hi" in answer.body and b"busy" not in answer.body
    assert answer.body.endswith(b"data: [DONE]\n\n")
    usage, cost = usage_of(gateway, answer)
    assert [a["end"] for a in usage["attempts"]] == ["broken"] and cost == COST


def test_no_connection_goes_to_the_next_route(gateway):
    usage, _ = usage_of(gateway, call(gateway, "once"))
    assert attempts(usage) == [("nowhere", "one", "unreachable", None)]


def test_nothing_is_retried_once_the_client_has_its_first_byte(gateway, upstreams):
    upstreams["first"].answer = stream([chunk("One "), chunk("two")], ends=False, pause=0.1)
    answer = call(gateway, "failover", stream=True)
    assert answer.status == 200 and b'"error"' in answer.body and b"[DONE]" not in answer.body
    usage, _ = usage_of(gateway, answer)
    assert (usage["upstream"], usage["attempts"]) == ("first", [])
    assert upstreams["second"].requests == []


@pytest.mark.parametrize("path", [CHAT, "/v1/messages"])
def test_a_connection_that_breaks_behind_a_stated_finish_breaks_nothing(gateway, upstreams, path):
    upstreams["first"].answer = stream(
        [chunk("Hi"), chunk(finish="stop"), usage_chunk(USAGE)], ends=False, pause=0.05)
    answer = post(gateway.url, path, gateway.key, chat("failover", max_tokens=100, stream=True))
    assert answer.status == 200 and b"error" not in answer.body
    assert b'"stop"' in answer.body or b'"message_stop"' in answer.body.replace(b" ", b"")
    usage, cost = usage_of(gateway, answer)
    assert (usage["outcome"], usage["attempts"], cost) == ("completed", [], COST)


@pytest.mark.parametrize("status", [400, 413, 422])
def test_the_callers_own_fault_is_never_retried(gateway, upstreams, status):
    body = {"error": {"message": "no", "type": "invalid_request_error", "param": None, "code": "x"}}
    upstreams["first"].answer = whole(body, status)
    answer = call(gateway, "failover")
    assert (answer.status, answer.json()) == (status, body)
    usage, cost = usage_of(gateway, answer)
    assert (usage["outcome"], usage["attempts"], cost) == ("upstream_refused", [], 0)
    assert len(upstreams["first"].requests) == 1 and upstreams["second"].requests == []


def test_when_all_fail_there_is_one_error_and_one_free_event(gateway, upstreams):
    for name in ["first", "second"]:
        upstreams[name].answer = whole({"error": "x"}, 503)
    answer = call(gateway, "failover")
    assert answer.status == 502 and answer.json()["error"]["code"] == "upstream_error"
    usage, cost = usage_of(gateway, answer)
    # Three attempts are the budget: both routes, and the first of them once more.
    assert [a["upstream"] for a in usage["attempts"]] == ["first", "second"]
    assert (usage["upstream"], usage["status"], cost) == ("first", 502, 0)
    assert len(upstreams["first"].requests) + len(upstreams["second"].requests) == 3


def test_retry_after_is_waited_for_when_it_is_short(gateway, upstreams):
    first = upstreams["first"]
    script = iter([limited(1)])
    first.answer = lambda connection, request: next(script, GOOD)(connection, request)
    began = time.monotonic()
    answer = call(gateway, "alone")
    assert answer.status == 200 and time.monotonic() - began >= 1
    usage, cost = usage_of(gateway, answer)
    assert attempts(usage) == [("first", "alone", "limited", 429)] and cost == COST


def test_a_long_retry_after_is_passed_on_and_binds_the_calls_that_come_after(gateway, upstreams):
    upstreams["first"].answer = limited(300)
    answer = call(gateway, "patient")
    assert (answer.status, answer.fields["retry-after"]) == (429, "300")
    upstreams["first"].answer = GOOD
    answer = call(gateway, "patient")
    assert answer.status == 429 and 100 < int(answer.fields["retry-after"]) <= 300
    assert len(upstreams["first"].requests) == 1
    usage, cost = usage_of(gateway, answer)
    assert (usage["outcome"], usage["attempts"], cost) == ("upstream_refused", [], 0)
    # Rates are limited by model: another one goes on.
    assert call(gateway, "alone").status == 200


def test_a_limited_upstream_stands_behind_the_others_for_its_time(gateway, upstreams):
    upstreams["first"].answer = limited(300)
    usage, _ = usage_of(gateway, call(gateway, "limited"))
    assert attempts(usage) == [("first", "limited-one", "limited", 429)]
    for _ in range(3):
        usage, _ = usage_of(gateway, call(gateway, "limited"))
        assert (usage["upstream"], usage["attempts"]) == ("second", [])
    assert len(upstreams["first"].requests) == 1


def test_what_an_upstream_may_have_done_is_not_sent_to_it_again(gateway, upstreams):
    upstreams["first"].answer = hang
    answer = call(gateway, "alone")
    assert answer.status == 504
    assert len(upstreams["first"].requests) == 1
    usage, cost = usage_of(gateway, answer)
    assert (usage["outcome"], cost) == ("timed_out", 0)


def status(gateway, name):
    """An upstream as `farebox upstream status` shows it."""
    admin = re.search(r"metrics on http://(\S+)/metrics", gateway.process.log.read_text()).group(1)
    listed = gateway.json("upstream", "status", "--admin", admin)
    assert "UPSTREAM" in gateway.run("upstream", "status", "--admin", admin)
    return next(upstream for upstream in listed if upstream["name"] == name), admin


def test_a_refused_key_is_sidelined_and_the_model_goes_on(gateway, upstreams):
    def script(connection, request):
        good = b"bearer key-two" in request.lower()
        (GOOD if good else whole({"error": "x"}, 401))(connection, request)

    upstreams["first"].answer = script
    for _ in range(6):
        assert call(gateway, "keys").status == 200
    refused = [r for r in upstreams["first"].requests if b"key-one" in r]
    assert len(refused) == 1
    shown, admin = status(gateway, "keyed")
    assert sorted(key["state"] for key in shown["keys"]) == ["sidelined", "usable"]
    assert (shown["circuit"], shown["attempts"]["key_refused"]) == ("closed", 1)
    with urllib.request.urlopen(f"http://{admin}/metrics") as answer:
        metrics = answer.read().decode()
    assert 'farebox_upstream_keys_sidelined{upstream="keyed"} 1' in metrics
    assert 'farebox_upstream_attempts_total{upstream="keyed",end="answered"} 6' in metrics


@pytest.mark.parametrize("model, complaint", [
    ("unpaid", whole(NO_QUOTA, 429)), ("unpaid-messages", whole(NO_CREDIT, 400))])
def test_a_key_without_money_is_left_aside_and_its_bill_is_nobody_elses_news(
        gateway, upstreams, model, complaint):
    message = {"id": "m", "type": "message", "role": "assistant", "model": "m",
               "content": [{"type": "text", "text": "Two words"}], "stop_reason": "end_turn",
               "stop_sequence": None, "usage": {"input_tokens": 20, "output_tokens": 10}}

    def script(connection, request):
        good = whole(message) if model == "unpaid-messages" else GOOD
        (good if b"key-two" in request else complaint)(connection, request)

    upstreams["first"].answer = script
    for _ in range(4):
        assert call(gateway, model).status == 200
    assert sum(b"key-one" in request for request in upstreams["first"].requests) == 1
    upstreams["first"].answer = complaint
    answer = call(gateway, model)
    assert answer.status == 502 and b"quota" not in answer.body and b"credit" not in answer.body
    assert {key["state"] for key in status(gateway, model)[0]["keys"]} == {"sidelined"}


def test_failures_behind_good_heads_open_the_circuit(gateway, upstreams):
    first = upstreams["first"]
    for case in ["no JSON", "an answer cut short", "no JSON"]:
        first.answer = FAILURES[case][0]
        assert call(gateway, "garbled").status == 200
    # The second of them has opened it.
    assert status(gateway, "garbled")[0]["circuit"] == "open"
    assert len(first.requests) == 2


def count(gateway):
    return post(gateway.url, COUNT, gateway.key, {
        "model": "counted", "messages": [{"role": "user", "content": "Tell me about fares"}]})


@pytest.mark.parametrize("case", [
    "a server error", "a missing model", "a refused key", "an account in the red", "a hang",
    "a reset", "no JSON"])
def test_tokens_are_counted_here_where_no_upstream_does(gateway, upstreams, case):
    """formats.md, vercel/ai 17326: counting is a 404 for whatever is not Anthropic's own."""
    upstreams["first"].answer = FAILURES[case][0]
    answer = count(gateway)
    assert answer.status == 200, answer.body
    assert 4 <= answer.json()["input_tokens"] <= 60
    assert len(upstreams["first"].requests) == 1


def test_an_upstreams_count_and_its_refusals_are_passed_on(gateway, upstreams):
    counter = 'farebox_free_answers_total{route="count_tokens"}'
    before = float(gateway.metrics().get(counter, 0))
    upstreams["first"].answer = whole({"input_tokens": 42})
    assert count(gateway).json() == {"input_tokens": 42}
    refusal = {"type": "error", "error": {"type": "invalid_request_error", "message": "no"}}
    upstreams["first"].answer = whole(refusal, 400)
    assert (count(gateway).status, count(gateway).json()) == (400, refusal)
    upstreams["first"].answer = limited(7)
    answer = count(gateway)
    assert (answer.status, answer.fields["retry-after"]) == (429, "7")
    assert answer.json()["error"]["type"] == "rate_limit_error"
    assert float(gateway.metrics()[counter]) == before + 4
    log = (gateway.folder / "farebox.log").read_text()
    line = json.loads(next(line for line in log.splitlines() if '"counted"' in line))
    assert (line["account"], line["request_id"][:4]) == ("routing", "req_")


def test_a_circuit_opens_and_one_probe_closes_it(gateway, upstreams):
    first = upstreams["first"]
    first.answer = reset
    for _ in range(2):
        assert call(gateway, "circuit").status == 200
    assert status(gateway, "fragile")[0]["circuit"] == "open"
    asked = len(first.requests)
    assert call(gateway, "circuit").status == 200
    assert len(first.requests) == asked
    first.answer = GOOD

    def is_closed():
        assert call(gateway, "circuit").status == 200
        return status(gateway, "fragile")[0]["circuit"] == "closed"

    wait_until(is_closed, 60, "the probe")
    usage, _ = usage_of(gateway, call(gateway, "circuit"))
    assert usage["upstream"] == "fragile"


def test_calls_beyond_an_upstreams_concurrency_go_elsewhere(gateway, upstreams):
    entered, leave = threading.Event(), threading.Event()

    def slow(connection, request):
        entered.set()
        leave.wait(0.9)
        GOOD(connection, request)

    upstreams["first"].answer = slow
    with ThreadPoolExecutor() as pool:
        waiting = pool.submit(call, gateway, "busy")
        assert entered.wait(30)
        usage, _ = usage_of(gateway, call(gateway, "busy"))
        leave.set()
        # A route that was full was no attempt.
        assert (usage["upstream"], usage["attempts"]) == ("second", [])
        assert waiting.result().status == 200


def test_failover_crosses_formats(gateway, upstreams):
    upstreams["first"].answer = whole({"type": "error", "error": {"type": "overloaded_error"}}, 529)
    usage, cost = usage_of(gateway, call(gateway, "mixed"))
    assert (usage["upstream"], cost) == ("second", COST)
    assert attempts(usage) == [("messages", "one", "failed", 529)]
    # Translated, an error with the status 200 would be a message without content.
    upstreams["first"].answer = whole({"type": "error", "error": {"type": "overloaded_error"}})
    usage, cost = usage_of(gateway, call(gateway, "mixed"))
    assert (usage["upstream"], cost) == ("second", COST)
    upstreams["first"].answer = stream([MESSAGE_START, BLOCK, text_delta("Hi"), message_end()])
    answer = call(gateway, "mixed", stream=True)
    assert b'"content":"Hi"' in answer.body.replace(b" ", b"")
    usage, cost = usage_of(gateway, answer)
    assert (usage["upstream"], usage["attempts"], cost) == ("messages", [], COST)


def test_an_alias_is_its_model_in_everything(gateway):
    usage, cost = usage_of(gateway, call(gateway, "failover-latest"))
    assert (usage["model"], usage["upstream_model"], cost) == ("failover", "one", COST)
    secret = gateway.json("key", "create", "routing", "--models", "alone")["secret"]
    gateway.await_key(secret)
    refused = post(gateway.url, CHAT, secret, chat("failover-latest", max_tokens=5))
    assert refused.status == 403


def test_a_hold_covers_the_tier_that_an_account_is_served_in_unasked(gateway, upstreams):
    upstreams["first"].answer = whole({**completion(USAGE), "service_tier": "priority"})
    holds = []
    for model in ["tier-a", "tier-b"]:
        usage, cost = usage_of(gateway, call(gateway, model))
        assert cost == COST * 2
        holds.append(decimal.Decimal(usage["hold"]))
    assert holds[1] == holds[0] * 2
    # Who asks for a tier is held at that one.
    upstreams["first"].answer = GOOD
    usage, cost = usage_of(gateway, call(gateway, "tier-b", service_tier="default"))
    assert (cost, decimal.Decimal(usage["hold"]) < holds[1]) == (COST, True)


def test_weights_share_the_calls(gateway, upstreams):
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: call(gateway, "weighted"), range(80)))
    assert {answer.status for answer in answers} == {200}
    first, second = (len(upstreams[name].requests) for name in ["first", "second"])
    assert first + second == 80
    # 60 expected; four standard deviations are 15.5.
    assert 44 <= first <= 76


def test_in_chaos_every_call_ends_in_one_answer_and_one_event(gateway, upstreams):
    """Whatever upstreams do at random, what was answered was paid for exactly, and nothing else."""
    seeded = random.Random(20261125)
    lock = threading.Lock()
    whole_scripts = [GOOD, GOOD, limited(1), whole(completion(None))] + [
        script for script, _, _ in FAILURES.values()]
    stream_scripts = [
        GOOD_STREAM, GOOD_STREAM, reset, limited(1), hang, whole({"error": "x"}, 500),
        whole(b"<html>"), stream([chunk("One "), chunk("two")], ends=False, pause=0.02),
        stream([data({"error": {"message": "busy", "type": "x"}})]),
        stream([chunk("One "), data({"error": {"message": "late", "type": "x"}})], pause=0.05),
        stream([data("{not json"), data("[DONE]")]),
        stream([chunk("Hi"), chunk(finish="stop"), usage_chunk(USAGE), data("[DONE]")], pause=0.05),
    ]

    def script(connection, request):
        scripts = stream_scripts if b'"stream": true' in request else whole_scripts
        with lock:
            chosen = seeded.choice(scripts)
        chosen(connection, request)

    for upstream in upstreams.values():
        upstream.answer = script
    before = len(gateway.events("routing"))
    with ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(lambda n: call(gateway, "chaos", stream=n % 2 == 0), range(120)))
    events = wait_until(
        lambda: (found := gateway.events("routing")[before:]) and len(found) >= 120 and found,
        90, "the events")
    ended = {event["usage"]["request_id"]: event for event in events}
    assert len(events) == len(ended) == 120
    for answer in answers:
        event = ended[answer.fields["x-request-id"]]
        usage, cost = event["usage"], -decimal.Decimal(event["amount"])
        assert len(usage["attempts"]) <= 2
        assert usage["status"] == answer.status
        assert 0 <= cost <= decimal.Decimal(usage["hold"])
        if answer.status != 200:
            assert answer.status in (429, 502, 504), answer.body
            assert set(answer.json()["error"]) == {"message", "type", "param", "code"}
            assert cost == 0
        elif usage["outcome"] == "completed" and usage["usage_source"] == "upstream_final":
            assert cost == COST
        elif usage["outcome"] != "completed":
            assert b'"error"' in answer.body and b"[DONE]" not in answer.body
    assert float(gateway.settled("routing", 60)["held"]) == 0
