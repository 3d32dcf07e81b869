"""Tokens that no upstream reported: counted with the model's vocabulary, and charged as such."""

import decimal
import json
import os
import socket
import time
import urllib.parse

import pytest

from client import chat, post
from harness import Installation, Refused, wait_until
from scripted_upstream import (
    BLOCK, ScriptedUpstream, chunk, completion, data, stream, text_delta, whole)

if "FAREBOX_VOCABULARY" not in os.environ:
    pytest.skip("there are no vocabularies here", allow_module_level=True)

CHAT = "/v1/chat/completions"
# With o200k_base: 3 for the message, 1 for its role, 4 for "Tell me about fares", 3 for the answer.
PROMPT_TOKENS = 3 + 1 + 4 + 3
TEXT = "The fare is 3.20 and doesn't change."


@pytest.fixture(scope="module")
def upstream():
    scripted = ScriptedUpstream()
    yield scripted
    scripted.close()


def installed(folder, upstream, policy, **more):
    installation = Installation(folder)
    installation.prepare()
    model = {"vocabulary": "o200k_base"}
    circuit = {"circuit": {"failures": 1_000_000}}
    installation.configure(
        {
            "chat": {"format": "openai", "baseURL": f"{upstream.url}/v1", **circuit, **more},
            "messages": {"format": "anthropic", "baseURL": upstream.url, **circuit, **more},
        },
        {
            "demo-small": {"routes": [{"upstream": "chat"}], **model},
            "demo-exact": {"routes": [{"upstream": "chat"}], **model},
            "demo-claude": {"routes": [{"upstream": "messages"}]},
        },
        policy=policy)
    installation.key = installation.account("counting", "5")
    installation.start()
    return installation


@pytest.fixture(scope="module")
def gateways(tmp_path_factory, upstream):
    """One instance for each policy, made when it is first asked for."""
    made = {}

    def gateway(upstream_settings=(), **policy):
        name = json.dumps([policy, *upstream_settings], sort_keys=True)
        if name not in made:
            made[name] = installed(
                tmp_path_factory.mktemp("counting"), upstream, policy, **dict(upstream_settings))
        return made[name]

    yield gateway
    for installation in made.values():
        assert installation.process.stop() == 0
        installation.verify()
        installation.end()


def usage_of(gateway, answer):
    name = answer.fields["x-request-id"]

    def find():
        return [e for e in gateway.events("counting")
                if e["kind"] == "usage" and e["usage"]["request_id"] == name]

    found = wait_until(find, 10, "the event")
    assert len(found) == 1
    return found[0]["usage"], -decimal.Decimal(found[0]["amount"])


def streamed(text, ends=True):
    """The text as a model would write it: a few letters at a time."""
    pieces = [chunk(text[at:at + 5]) for at in range(0, len(text), 5)]
    return stream(pieces + ([chunk(finish="stop"), data("[DONE]")] if ends else []), ends=ends)


@pytest.mark.parametrize("way", ["streamed", "whole", "broken off"])
def test_a_silent_upstream_is_counted(gateways, upstream, way):
    gateway = gateways(missingUsage="count")
    upstream.script = {
        "streamed": streamed(TEXT), "whole": whole(completion(None, TEXT)),
        "broken off": streamed(TEXT, ends=False)}[way]
    answer = post(gateway.url, CHAT, gateway.key,
                  chat("demo-small", max_tokens=100, stream=way != "whole"))
    usage, cost = usage_of(gateway, answer)
    assert usage["usage_source"] == "counted"
    assert usage["input_tokens"] == PROMPT_TOKENS
    assert usage["output_tokens"] == 11
    assert cost == (PROMPT_TOKENS * decimal.Decimal("0.15") + 11 * decimal.Decimal("0.60")) / 10**6


def test_a_model_without_a_vocabulary_is_estimated(gateways, upstream):
    gateway = gateways(missingUsage="count")
    upstream.script = stream([BLOCK, text_delta("One")], ends=False)
    answer = post(gateway.url, "/v1/messages", gateway.key, {
        "model": "demo-claude", "max_tokens": 100, "stream": True,
        "messages": [{"role": "user", "content": "Hello"}]})
    usage, cost = usage_of(gateway, answer)
    assert usage["usage_source"] == "estimated"
    assert cost > 0


def test_a_megabyte_of_prompt_is_counted_and_stops_no_one(gateways, upstream):
    gateway = gateways(missingUsage="count")
    upstream.script = whole(completion(None, TEXT))
    answer = post(gateway.url, CHAT, gateway.key,
                  chat("demo-exact", "a" * (1 << 20), max_tokens=5))
    usage, _ = usage_of(gateway, answer)
    assert usage["usage_source"] == "counted"
    assert 100_000 < usage["input_tokens"] < 200_000


def test_holding_charges_the_whole_hold(gateways, upstream):
    gateway = gateways(missingUsage="hold")
    upstream.script = streamed(TEXT)
    answer = post(gateway.url, CHAT, gateway.key, chat("demo-small", max_tokens=100, stream=True))
    usage, cost = usage_of(gateway, answer)
    assert usage["usage_source"] == "estimated"
    assert usage["output_tokens"] == 100
    assert cost == decimal.Decimal(usage["hold"])


def test_a_free_answer_costs_nothing(gateways, upstream):
    gateway = gateways(missingUsage="free")
    upstream.script = whole(completion(None, TEXT))
    answer = post(gateway.url, CHAT, gateway.key, chat("demo-small", max_tokens=100))
    usage, cost = usage_of(gateway, answer)
    assert (answer.status, usage["usage_source"], cost) == (200, "none", 0)


@pytest.mark.parametrize("said", [{}, {"prompt_tokens": 0, "completion_tokens": 0}])
def test_usage_that_says_nothing_of_an_answer_is_as_good_as_none(gateways, upstream, said):
    """Elsewhere it is taken for the truth, and the call is free."""
    upstream.script = whole(completion(said, TEXT))
    for policy, source, expected in [
        ("count", "counted", lambda usage: (PROMPT_TOKENS * decimal.Decimal("0.15")
                                            + 11 * decimal.Decimal("0.60")) / 10**6),
        ("hold", "estimated", lambda usage: decimal.Decimal(usage["hold"])),
        ("free", "none", lambda usage: 0),
    ]:
        gateway = gateways(missingUsage=policy)
        answer = post(gateway.url, CHAT, gateway.key, chat("demo-small", max_tokens=100))
        usage, cost = usage_of(gateway, answer)
        assert (usage["usage_source"], cost) == (source, expected(usage))


def test_half_of_a_usage_is_kept_and_the_other_half_counted(gateways, upstream):
    gateway = gateways(missingUsage="count")
    for said, counts in [({"prompt_tokens": 500}, (500, 11)),
                         ({"completion_tokens": 30}, (PROMPT_TOKENS, 30))]:
        upstream.script = whole(completion(said, TEXT))
        answer = post(gateway.url, CHAT, gateway.key, chat("demo-small", max_tokens=100))
        usage, _ = usage_of(gateway, answer)
        assert usage["usage_source"] == "upstream_partial"
        assert (usage["input_tokens"], usage["output_tokens"]) == counts


def test_reasoning_under_two_names_is_counted_once(gateways, upstream):
    gateway = gateways(missingUsage="count")
    answer = completion(None, TEXT)
    answer["choices"][0]["message"].update(
        reasoning=TEXT, reasoning_content=TEXT,
        reasoning_details=[{"type": "reasoning.text", "text": TEXT}])
    upstream.script = whole(answer)
    answer = post(gateway.url, CHAT, gateway.key, chat("demo-small", max_tokens=100))
    assert usage_of(gateway, answer)[0]["output_tokens"] == 2 * 11


def leave(gateway, body):
    """Sends a call, reads the beginning of its answer, and goes."""
    where = urllib.parse.urlsplit(gateway.url)
    payload = json.dumps(body).encode()
    with socket.create_connection((where.hostname, where.port)) as connection:
        connection.sendall(
            b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
            b"authorization: Bearer %s\r\ncontent-length: %d\r\n\r\n%s"
            % (gateway.key.encode(), len(payload), payload))
        if body.get("stream"):
            head = b""
            while b"One" not in head:
                head += connection.recv(4096)


@pytest.mark.parametrize("settings", [
    {"onDisconnect": "cancel"},
    {"upstream_settings": [("onDisconnect", "cancel")], "onDisconnect": "drain"}])
def test_a_client_that_leaves_takes_the_upstream_with_it(gateways, upstream, settings):
    gateway = gateways(**settings)
    broken = []

    def script(connection, _):
        began = time.monotonic()
        try:
            stream([chunk("One ")] + [chunk("x ") for _ in range(400)], pause=0.05)(connection, _)
        except OSError:
            broken.append(time.monotonic() - began)
            raise

    upstream.script = script
    before = len(gateway.events("counting"))
    leave(gateway, chat("demo-small", stream=True, max_tokens=500))
    wait_until(lambda: len(gateway.events("counting")) > before, 10, "the event")
    wait_until(lambda: broken, 10, "the upstream's end")
    usage = gateway.events("counting")[-1]["usage"]
    # What came until then is counted; a drain would have taken twenty seconds.
    assert (usage["outcome"], usage["usage_source"]) == ("client_gone", "counted")
    assert usage["input_tokens"] == PROMPT_TOKENS
    assert 1 <= usage["output_tokens"] < 200
    assert broken[0] < 10


def test_an_answer_in_one_piece_is_drained_all_the_same(gateways, upstream):
    gateway = gateways(onDisconnect="cancel")

    def script(connection, request):
        time.sleep(1)
        whole(completion({"prompt_tokens": 20, "completion_tokens": 10}))(connection, request)

    upstream.script = script
    before = len(gateway.events("counting"))
    leave(gateway, chat("demo-small", max_tokens=100))
    wait_until(lambda: len(gateway.events("counting")) > before, 10, "the event")
    usage = gateway.events("counting")[-1]["usage"]
    assert (usage["outcome"], usage["usage_source"]) == ("client_gone", "upstream_final")


@pytest.mark.parametrize("interrupted", ["free", "measured"])
def test_a_call_that_dies_with_its_instance_costs_what_the_journal_saw(
        fresh, upstream, interrupted):
    upstream.script = stream([chunk("fares ") for _ in range(100)], pause=0.05)
    fresh.configure(
        {"chat": {"format": "openai", "baseURL": f"{upstream.url}/v1"}},
        {"demo-small": {"routes": [{"upstream": "chat"}]}},
        policy={"interrupted": interrupted})
    fresh.key = fresh.account("counting", "5")
    fresh.start()
    where = urllib.parse.urlsplit(fresh.url)
    payload = json.dumps(chat("demo-small", stream=True, max_tokens=500)).encode()
    with socket.create_connection((where.hostname, where.port)) as connection:
        connection.sendall(
            b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
            b"authorization: Bearer %s\r\ncontent-length: %d\r\n\r\n%s"
            % (fresh.key.encode(), len(payload), payload))
        seen = b""
        while seen.count(b"fares") < 60:
            seen += connection.recv(65536)
        fresh.process.kill()
    fresh.start()
    found = wait_until(
        lambda: [e for e in fresh.events("counting") if e["kind"] == "usage"], 30, "the event")
    usage, cost = found[0]["usage"], -decimal.Decimal(found[0]["amount"])
    assert usage["outcome"] == "interrupted"
    if interrupted == "free":
        assert (usage["usage_source"], cost) == ("none", 0)
    else:
        # Three seconds of text were seen, and the last note is a second old at most.
        assert usage["usage_source"] == "estimated"
        assert 20 <= usage["output_tokens"] <= 130
        assert 0 < cost <= decimal.Decimal(usage["hold"])
    fresh.settled("counting", 60)
    assert fresh.process.stop() == 0
    fresh.verify()


def test_a_lowered_cap_is_no_lower_than_the_minimum(fresh, upstream):
    """Credit for some hundred tokens: enough for a minimum of 50, too little for one of 500."""
    caps = []

    def script(connection, request):
        caps.append(json.loads(request.partition(b"\r\n\r\n")[2])["max_tokens"])
        whole(completion({"prompt_tokens": 1, "completion_tokens": 1}))(connection, request)

    upstream.script = script
    # 10 USD a million output tokens, and the prompt is free: 100 tokens.
    keys = {minimum: fresh.account(f"short-{minimum}", "0.001") for minimum in [50, 500]}
    for minimum, status in [(50, 200), (500, 402)]:
        fresh.configure(
            {"chat": {"format": "openai", "baseURL": f"{upstream.url}/v1"}},
            {"demo-exact": {"routes": [{"upstream": "chat"}]}},
            policy={"minimumOutputTokens": minimum})
        key = keys[minimum]
        fresh.start()
        answer = post(fresh.url, CHAT, key, chat("demo-exact", max_tokens=1000))
        assert answer.status == status, answer.body
        # The client's own cap counts when it is below the minimum.
        assert post(fresh.url, CHAT, key, chat("demo-exact", max_tokens=20)).status == 200
        assert fresh.process.stop() == 0
    assert caps == [100, 20, 20]


def test_a_vocabulary_that_is_not_there_is_refused_where_it_is_named(fresh, upstream, tmp_path):
    fresh.configure(
        {"chat": {"format": "openai", "baseURL": upstream.url}},
        {"demo-small": {"routes": [{"upstream": "chat"}], "vocabulary": "cl100k_base"}})
    for folder, words in [("", "FAREBOX_VOCABULARY names no folder"), (tmp_path, "as it was published")]:
        (tmp_path / "cl100k_base.tiktoken").write_text("IQ== 0\n")
        os.environ["FAREBOX_VOCABULARY"], before = str(folder), os.environ["FAREBOX_VOCABULARY"]
        try:
            with pytest.raises(Refused, match=words):
                fresh.run("serve", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0")
        finally:
            os.environ["FAREBOX_VOCABULARY"] = before


# Some 9 500 tokens in 41 000 bytes.
LONG = "Tell me about fares, and how they change. " * 1000


def test_a_prompt_is_counted_before_it_is_refused_for_its_bytes(gateways, upstream):
    """By its bytes alone it would be bounded at more than four times of what it can cost."""
    gateway = gateways()
    upstream.script = whole(completion({"prompt_tokens": 9_500, "completion_tokens": 10}))
    answers = {}
    for credit in ["0.001", "0.003", "0.0068"]:
        key = gateway.account(f"tight-{credit[2:]}", credit)
        answers[credit] = post(gateway.url, CHAT, key, chat(words=LONG))
    refused = answers["0.001"]
    assert refused.status == 402
    needed = decimal.Decimal(refused.json()["farebox"]["needed"])
    assert decimal.Decimal("0.0013") < needed < decimal.Decimal("0.002")
    # Refused by bytes, admitted by tokens.
    admitted = answers["0.003"]
    assert admitted.status == 200
    assert 1_000 < int(admitted.fields["x-farebox-output-cap"]) < 3_000
    # Cut short by bytes, less so by tokens.
    widened = answers["0.0068"]
    assert widened.status == 200
    assert 7_000 < int(widened.fields["x-farebox-output-cap"]) < 10_000
