"""Clients of one format before upstreams of the other, with the exact usage of the upstream."""

import decimal
import json
import urllib.error
import urllib.request

import pytest

from harness import wait_until
from scripted_upstream import (BLOCK, MESSAGE_START, USAGE, ScriptedUpstream, chunk, completion,
                               event, message_end, stream, text_delta, usage_chunk, whole)

CHAT = {"model": "demo-claude", "max_tokens": 64,
        "messages": [{"role": "user", "content": "Tell me about fares"}]}
MESSAGE = {"model": "demo-small", "max_tokens": 64,
           "messages": [{"role": "user", "content": "Tell me about fares"}]}
RESPONSE = {"model": "demo-claude", "max_output_tokens": 64, "input": "Tell me about fares"}


@pytest.fixture
def upstream():
    server = ScriptedUpstream()
    yield server
    server.close()


@pytest.fixture
def gateway(fresh, upstream):
    fresh.configure_demo(upstream.url)
    fresh.start()
    fresh.secret = fresh.account("translated", "10")
    return fresh


def ask(gateway, path, body):
    request = urllib.request.Request(
        f"{gateway.url}{path}", data=json.dumps(body).encode(),
        headers={"authorization": f"Bearer {gateway.secret}", "content-type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def recording(upstream, script):
    """A script that keeps the request's head and body."""
    seen = {}

    def record(connection, request):
        head, _, body = request.partition(b"\r\n\r\n")
        seen["head"], seen["body"] = head.decode().lower(), json.loads(body)
        script(connection, request)

    upstream.script = record
    return seen


def charge(gateway, model_input, model_output, tokens_in, tokens_out):
    expected = (decimal.Decimal(model_input) * tokens_in
                + decimal.Decimal(model_output) * tokens_out) / 1_000_000
    wait_until(
        lambda: decimal.Decimal(gateway.json("account", "show", "translated")["balance"])
        == 10 - expected, 20, "the exact charge")


ANSWER = {"id": "m", "type": "message", "role": "assistant", "model": "m", "content": [
    {"type": "text", "text": "Two words"}], "stop_reason": "end_turn", "stop_sequence": None,
    "usage": {"input_tokens": 20, "output_tokens": 10}}


def test_a_chat_reaches_an_anthropic_upstream(gateway, upstream):
    seen = recording(upstream, whole(ANSWER))
    status, body = ask(gateway, "/v1/chat/completions", {**CHAT, "temperature": 0.5})
    answer = json.loads(body)
    assert status == 200, body
    assert answer["choices"][0]["message"]["content"] == "Two words"
    assert answer["usage"]["prompt_tokens"] == 20
    assert answer["model"] == "demo-claude"
    assert "anthropic-version: 2023-06-01" in seen["head"]
    assert seen["head"].startswith("post /v1/messages http")
    assert seen["body"]["max_tokens"] == 64
    charge(gateway, 3, 15, 20, 10)


def test_a_streamed_chat_reaches_an_anthropic_upstream(gateway, upstream):
    upstream.script = stream(
        [MESSAGE_START, BLOCK, text_delta("Two"), text_delta(" words"), message_end(10)])
    status, body = ask(gateway, "/v1/chat/completions", {**CHAT, "stream": True})
    assert status == 200
    assert body.endswith("data: [DONE]\n\n")
    chunks = [json.loads(line[6:]) for line in body.split("\n")
              if line.startswith("data: {")]
    text = "".join(c["choices"][0]["delta"].get("content") or "" for c in chunks)
    assert text == "Two words"
    charge(gateway, 3, 15, 20, 10)


@pytest.mark.parametrize("streamed", [False, True])
def test_a_message_reaches_an_openai_upstream(gateway, upstream, streamed):
    script = stream([chunk("Two"), chunk(" words"), chunk(finish="stop"), usage_chunk(USAGE),
                     "data: [DONE]\n\n"]) if streamed else whole(completion(USAGE))
    seen = recording(upstream, script)
    status, body = ask(gateway, "/v1/messages", {**MESSAGE, "stream": streamed})
    assert status == 200, body
    assert seen["head"].startswith("post /v1/chat/completions http")
    assert "anthropic" not in seen["head"]
    if streamed:
        assert seen["body"]["stream_options"] == {"include_usage": True}
        assert body.startswith("event: message_start\n")
        assert body.endswith('event: message_stop\ndata: {"type":"message_stop"}\n\n')
        assert '"output_tokens":10' in body
    else:
        answer = json.loads(body)
        assert answer["content"] == [{"type": "text", "text": "Two words"}]
        assert (answer["usage"]["input_tokens"], answer["usage"]["output_tokens"]) == (20, 10)
    charge(gateway, "0.15", "0.60", 20, 10)


@pytest.mark.parametrize("streamed", [False, True])
def test_a_response_reaches_an_anthropic_upstream(gateway, upstream, streamed):
    upstream.script = stream(
        [MESSAGE_START, BLOCK, text_delta("Two words"), message_end(10)]
    ) if streamed else whole(ANSWER)
    status, body = ask(gateway, "/v1/responses", {**RESPONSE, "stream": streamed})
    assert status == 200, body
    if streamed:
        last = [line for line in body.split("\n") if line.startswith("data: ")][-1]
        answer = json.loads(last[6:])["response"]
    else:
        answer = json.loads(body)
    assert answer["status"] == "completed"
    assert answer["output"][0]["content"][0]["text"] == "Two words"
    assert answer["usage"]["total_tokens"] == 30
    charge(gateway, 3, 15, 20, 10)


def test_a_translated_stream_that_breaks_ends_with_an_error(gateway, upstream):
    upstream.script = stream([MESSAGE_START, BLOCK, text_delta("Two"), event(
        "error", error={"type": "overloaded_error", "message": "Overloaded"})], pause=0.2)
    status, body = ask(gateway, "/v1/chat/completions", {**CHAT, "stream": True})
    assert status == 200
    assert "[DONE]" not in body
    last = [line for line in body.split("\n") if line.startswith("data: ")][-1]
    assert json.loads(last[6:])["error"]["type"] == "server_error"


def test_what_cannot_be_carried_is_refused_and_free(gateway, upstream):
    status, body = ask(gateway, "/v1/chat/completions", {**CHAT, "n": 2})
    assert status == 400
    assert json.loads(body)["error"]["param"] == "n"
    status, body = ask(gateway, "/v1/messages", {**MESSAGE, "top_k": 5})
    assert status == 400
    assert "top_k" in json.loads(body)["error"]["message"]
    assert gateway.settled("translated")["balance"].startswith("10")


def test_an_upstreams_refusal_is_told_in_the_clients_format(gateway, upstream):
    """Clients of other gateways wait for ever (langwatch 6184)."""
    upstream.script = whole(
        {"error": {"message": "Too long.", "type": "invalid_request_error", "param": None,
                   "code": None}}, status=400)
    status, body = ask(gateway, "/v1/messages", MESSAGE)
    assert status == 400
    error = json.loads(body)
    assert error["type"] == "error"
    assert error["error"]["message"] == "Too long."


def test_tokens_are_counted_without_an_upstream_that_counts(gateway):
    counted = {key: value for key, value in MESSAGE.items() if key != "max_tokens"}
    status, body = ask(gateway, "/v1/messages/count_tokens", counted)
    assert status == 200
    assert json.loads(body)["input_tokens"] > 0
    assert not [e for e in gateway.events("translated") if e["kind"] == "usage"]


def test_embeddings_are_charged_by_their_prompt(gateway, upstream):
    upstream.script = whole({"object": "list", "model": "m", "data": [
        {"object": "embedding", "index": 0, "embedding": "AACAPw=="}],
        "usage": {"prompt_tokens": 8, "total_tokens": 8}})
    status, body = ask(gateway, "/v1/embeddings", {"model": "demo-small", "input": "Fares"})
    assert status == 200, body
    assert json.loads(body)["data"][0]["embedding"] == "AACAPw=="
    charge(gateway, "0.15", "0.60", 8, 0)
