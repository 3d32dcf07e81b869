"""Whatever an upstream does: an answer or an error in the caller's format, and one exact event."""

import decimal
import json
import time

import pytest

from client import chat, post
from scripted_upstream import (
    BLOCK, MESSAGE_START, USAGE, ScriptedUpstream, chunk, completion, data, event, hang,
    message_end, reset, stream, text_delta, usage_chunk, whole)
from harness import Installation, wait_until

CHAT = "/v1/chat/completions"
MESSAGES = "/v1/messages"
RESPONSES = "/v1/responses"
# demo-small costs 0.15 and 0.60 USD a million tokens: 20 and 10 tokens.
COST = decimal.Decimal("0.000009")


@pytest.fixture(scope="module")
def upstream():
    scripted = ScriptedUpstream()
    yield scripted
    scripted.close()


@pytest.fixture(scope="module")
def gateway(tmp_path_factory, upstream):
    installation = Installation(tmp_path_factory.mktemp("faults"))
    installation.prepare()
    timeouts = {"connect": 1, "firstByte": 1, "idle": 1}
    # One upstream plays all faults: none of them shall keep the next from it.
    circuit = {"failures": 1_000_000}
    installation.configure(
        {
            "chat": {"format": "openai", "baseURL": f"{upstream.url}/v1", "timeouts": timeouts,
                     "circuit": circuit},
            "messages": {"format": "anthropic", "baseURL": upstream.url, "timeouts": timeouts,
                     "circuit": circuit},
            "nowhere": {"format": "openai", "baseURL": "http://127.0.0.1:1", "timeouts": timeouts,
                     "circuit": circuit},
        },
        {
            "demo-small": {"routes": [{"upstream": "chat"}]},
            "demo-exact": {"routes": [{"upstream": "nowhere"}]},
            "demo-claude": {"routes": [{"upstream": "messages"}]},
        })
    installation.key = installation.account("faults", "5")
    installation.start()
    yield installation
    assert installation.process.stop() == 0
    installation.verify()
    installation.end()


def usage_of(gateway, answer):
    """The one event of a call, once it is in the stream."""
    name = answer.fields["x-request-id"]

    def find():
        found = [event for event in gateway.events("faults")
                 if event["kind"] == "usage" and event["usage"]["request_id"] == name]
        assert len(found) <= 1
        return found and found[0]

    found = wait_until(find, 10, "the event")
    return found["usage"], -decimal.Decimal(found["amount"])


def call(gateway, upstream, script, path=CHAT, **body):
    upstream.script = script
    if path == CHAT:
        body = chat(**{"model": "demo-small", "max_tokens": 100, **body})
    elif path == RESPONSES:
        body = {"model": "demo-small", "max_output_tokens": 100, "input": "Hello", **body}
    else:
        body = {"model": "demo-claude", "max_tokens": 100,
                "messages": [{"role": "user", "content": "Hello"}], **body}
    return post(gateway.url, path, gateway.key, body)


FAILURES = {
    "a hang before the head": (hang, 504, "timed_out"),
    "a reset": (reset, 502, "upstream_failed"),
    "an empty answer": (lambda connection, _: None, 502, "upstream_failed"),
    "garbage": (lambda connection, _: connection.sendall(b"garbage\r\n\r\n"), 502,
                "upstream_failed"),
    "an answer cut short": (whole(completion(USAGE), length=10_000), 502, "upstream_failed"),
    "no JSON": (whole(b"<html>busy</html>"), 502, "upstream_failed"),
    "a server error": (whole({"error": "x"}, 500), 502, "upstream_refused"),
    "an unknown key of ours": (whole({"error": "x"}, 401), 502, "upstream_refused"),
    "a rate limit": (whole({"error": "x"}, 429), 429, "upstream_refused"),
    "a redirect": (whole(b"", 302), 502, "upstream_refused"),
    # A gateway behind us that calls its upstream's failure a success.
    "an error for an answer": (
        whole({"error": {"code": 502, "message": "Overloaded"}}), 502, "upstream_failed"),
    "a named error for an answer": (
        whole({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}),
        502, "upstream_failed"),
    "nothing of an answer": (whole({"detail": "busy", "usage": USAGE}), 502, "upstream_failed"),
}


@pytest.mark.parametrize("case", FAILURES)
@pytest.mark.parametrize("path", [CHAT, MESSAGES])
def test_a_failure_before_the_answer_is_free(gateway, upstream, case, path):
    script, status, outcome = FAILURES[case]
    answer = call(gateway, upstream, script, path)
    assert answer.status == status, answer.body
    error = answer.json()["error"]
    if path == CHAT:
        assert set(error) == {"message", "type", "param", "code"}
    else:
        assert answer.json()["type"] == "error"
    if status == 429:
        assert int(answer.fields["retry-after"]) >= 1
    usage, cost = usage_of(gateway, answer)
    assert (usage["outcome"], usage["status"], cost) == (outcome, status, 0)


def test_an_upstream_that_is_not_there(gateway):
    answer = post(gateway.url, CHAT, gateway.key, chat("demo-exact", max_tokens=5))
    assert answer.status == 502
    usage, cost = usage_of(gateway, answer)
    assert (usage["outcome"], cost) == ("upstream_failed", 0)


def test_a_refusal_of_the_request_is_passed_on(gateway, upstream):
    body = {"error": {"message": "too long", "type": "invalid_request_error", "param": "messages",
                      "code": "context_length_exceeded"}}
    answer = call(gateway, upstream, whole(body, 400))
    assert (answer.status, answer.json()) == (400, body)
    usage, cost = usage_of(gateway, answer)
    assert (usage["outcome"], usage["status"], cost) == ("upstream_refused", 400, 0)


BREAKS = {
    "a connection that ends": (stream([chunk("One "), chunk("two")], ends=False),
                               "upstream_failed"),
    "an end without a finish": (stream([chunk("One "), chunk("two")]), "upstream_failed"),
    "silence": (lambda connection, request: (
        stream([chunk("One "), chunk("two")], ends=False)(connection, request),
        time.sleep(5)), "timed_out"),
    # A pause, so that the answer has begun when its error comes.
    "an error event": (stream([chunk("One "), chunk("two"), data(
        {"error": {"message": "overloaded", "type": "server_error"}})], pause=0.1),
        "upstream_failed"),
}


@pytest.mark.parametrize("case", BREAKS)
def test_a_stream_that_breaks_ends_with_an_error_event(gateway, upstream, case):
    script, outcome = BREAKS[case]
    answer = call(gateway, upstream, script, stream=True)
    assert answer.status == 200
    assert b"[DONE]" not in answer.body
    events = [json.loads(line[6:]) for line in answer.body.split(b"\n") if line.startswith(b"data")]
    assert [e["choices"][0]["delta"]["content"] for e in events[:2]] == ["One ", "two"]
    assert events[-1]["error"]["type"] == "server_error"
    usage, cost = usage_of(gateway, answer)
    assert usage["outcome"] == outcome
    # What the client was given is estimated, for the upstream said nothing of it.
    assert usage["usage_source"] == "estimated"
    assert usage["output_tokens"] >= 2
    assert 0 < cost <= decimal.Decimal(usage["hold"])


MESSAGE_BREAKS = {
    "a connection that ends": stream([MESSAGE_START, BLOCK, text_delta("One")], ends=False),
    "an end without a stop": stream([MESSAGE_START, BLOCK, text_delta("One")]),
    "an error event": stream([MESSAGE_START, BLOCK, text_delta("One"), event(
        "error", error={"type": "overloaded_error", "message": "Overloaded"})], pause=0.1),
}


@pytest.mark.parametrize("case", MESSAGE_BREAKS)
def test_a_message_that_breaks_ends_with_an_error_event(gateway, upstream, case):
    answer = call(gateway, upstream, MESSAGE_BREAKS[case], MESSAGES, stream=True)
    assert b"event: message_stop" not in answer.body
    last = answer.body.strip().split(b"\n\n")[-1].split(b"\n")
    assert last[0] == b"event: error"
    assert json.loads(last[1][6:])["error"]["type"] == "api_error"
    usage, cost = usage_of(gateway, answer)
    # The prompt is known from the beginning of the message, the answer is counted.
    assert usage["usage_source"] == "upstream_partial"
    assert usage["input_tokens"] == 20
    assert cost > 0


RESPONSE_USAGE = {"input_tokens": 20, "output_tokens": 10, "total_tokens": 30}
# How a response ends, and with which outcome: streamed, and in one piece.
RESPONSE_ENDS = {
    "completed": ("completed", "completed"),
    "incomplete": ("completed", "completed"),
    "failed": ("upstream_failed", "completed"),
    "cancelled": ("upstream_failed", "completed"),
}


@pytest.mark.parametrize("has_usage", [True, False])
@pytest.mark.parametrize("streamed", [True, False])
@pytest.mark.parametrize("end", RESPONSE_ENDS)
def test_a_response_is_charged_by_its_usage_however_it_ends(
        gateway, upstream, end, streamed, has_usage):
    """Elsewhere only completed ones are (new-api 5235, 7062, litellm 34352, 37710)."""
    failed = end in ("failed", "cancelled")
    message = {"type": "message", "id": "o", "role": "assistant", "status": "completed", "content": [
        {"type": "output_text", "text": "Two words", "annotations": []}]}
    response = {"id": "r", "object": "response", "created_at": 1, "model": "m", "status": end,
                "output": [] if failed else [message],
                "error": {"code": "server_error", "message": "x"} if failed else None,
                "usage": RESPONSE_USAGE if has_usage else None}
    script = stream([
        event("response.output_text.delta", sequence_number=0, item_id="o", output_index=0,
              content_index=0, delta="Two words", logprobs=[]),
        event(f"response.{end}", sequence_number=1, response=response)],
        pause=0.1) if streamed else whole(response)
    answer = call(gateway, upstream, script, RESPONSES, stream=streamed)
    assert answer.status == 200
    usage, cost = usage_of(gateway, answer)
    assert usage["outcome"] == RESPONSE_ENDS[end][0 if streamed else 1]
    if has_usage:
        assert (usage["usage_source"], cost) == ("upstream_final", COST)
    elif failed and not streamed:
        # Nothing was written, and nothing is known to be owed.
        assert (usage["usage_source"], cost) == ("none", 0)
    else:
        assert usage["usage_source"] == "estimated" and cost > 0


CHAT_USAGE = {
    "on its own chunk": [chunk("Hi"), chunk(finish="stop"), usage_chunk(USAGE), data("[DONE]")],
    "without the end marker": [chunk("Hi"), chunk(finish="stop"), usage_chunk(USAGE)],
    "on the chunk that finishes": [chunk("Hi"), chunk(finish="stop", usage=USAGE)],
    "on every chunk, growing": [
        chunk("Hi", usage={"prompt_tokens": 20, "completion_tokens": 1}),
        chunk(finish="stop", usage=USAGE), data("[DONE]")],
    "partial first, complete then": [
        chunk("Hi"), chunk(finish="stop", usage={"prompt_tokens": 20, "completion_tokens": 0}),
        usage_chunk(USAGE), data("[DONE]")],
    "in the names of another format": [
        chunk("Hi"), chunk(finish="stop"),
        usage_chunk({"input_tokens": 20, "output_tokens": 10}), data("[DONE]")],
}


@pytest.mark.parametrize("case", CHAT_USAGE)
def test_chat_usage_is_read_wherever_it_stands(gateway, upstream, case):
    answer = call(gateway, upstream, stream(CHAT_USAGE[case]), stream=True)
    assert answer.status == 200
    usage, cost = usage_of(gateway, answer)
    assert usage["usage_source"] == "upstream_final"
    assert (usage["input_tokens"], usage["output_tokens"]) == (20, 10)
    assert cost == COST


def test_cached_tokens_are_not_priced_twice(gateway, upstream):
    cached = {**USAGE, "prompt_tokens_details": {"cached_tokens": 15}}
    usage, _ = usage_of(gateway, call(gateway, upstream, whole(completion(cached))))
    assert (usage["input_tokens"], usage["cache_read_tokens"]) == (5, 15)


def test_messages_usage_is_overwritten_never_summed(gateway, upstream):
    script = stream([
        MESSAGE_START, BLOCK, text_delta("Hi"),
        event("message_delta", delta={}, usage={"output_tokens": 4}),
        message_end(10, input_tokens=30, cache_read_input_tokens=5)])
    usage, _ = usage_of(gateway, call(gateway, upstream, script, MESSAGES, stream=True))
    assert usage["usage_source"] == "upstream_final"
    assert (usage["input_tokens"], usage["cache_read_tokens"], usage["output_tokens"]) == (
        30, 5, 10)


# What an upstream says, where the counts come from then, and what of it stands.
LIES = {
    "negative": ({"prompt_tokens": -20, "completion_tokens": -10}, "estimated", {}),
    "more cached than there was": (
        {**USAGE, "prompt_tokens_details": {"cached_tokens": 999}}, "upstream_final",
        {"input_tokens": 0, "cache_read_tokens": 20, "output_tokens": 10}),
    "absurd": ({"prompt_tokens": 10**15, "completion_tokens": 10**15}, "upstream_final", {}),
    "beyond every integer": (
        {"prompt_tokens": 10**30, "completion_tokens": 10}, "upstream_final",
        {"output_tokens": 10}),
    "of another type": ({"prompt_tokens": "20", "completion_tokens": [10]}, "estimated", {}),
    "no integers": ({"prompt_tokens": 20.0, "completion_tokens": 10.0}, "estimated", {}),
    "nothing": ({}, "estimated", {}),
    "a total alone": ({"total_tokens": 42}, "estimated", {}),
    "nothing used": ({"prompt_tokens": 0, "completion_tokens": 0}, "estimated", {}),
    "a prompt alone": ({"prompt_tokens": 20}, "upstream_partial", {"input_tokens": 20}),
    "output alone": ({"completion_tokens": 10}, "upstream_partial", {"output_tokens": 10}),
    "two dialects, one of them empty": (
        {**USAGE, "input_tokens": 0, "output_tokens": 0, "input_tokens_details": None},
        "upstream_final", {"input_tokens": 20, "output_tokens": 10}),
    "two dialects, the empty one first": (
        {"input_tokens": 0, "output_tokens": 0, **USAGE}, "upstream_final",
        {"input_tokens": 20, "output_tokens": 10}),
}


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("case", LIES)
def test_an_upstream_that_lies_can_neither_credit_nor_overcharge(
        gateway, upstream, case, streamed):
    said, source, counts = LIES[case]
    script = (stream([chunk("Two words"), chunk(finish="stop"), usage_chunk(said), data("[DONE]")])
              if streamed else whole(completion(said)))
    answer = call(gateway, upstream, script, stream=streamed)
    assert answer.status == 200
    usage, cost = usage_of(gateway, answer)
    assert usage["usage_source"] == source
    # Two words came of a prompt: neither is free.
    assert usage["input_tokens"] + usage["cache_read_tokens"] > 0 and usage["output_tokens"] > 0
    assert {name: usage[name] for name in counts} == counts
    assert 0 < cost <= decimal.Decimal(usage["hold"])
    if case == "absurd":
        assert decimal.Decimal(usage["excess"]) > 0


@pytest.mark.parametrize("end", [["[DONE]"], [], [None]])
def test_usage_from_before_the_text_is_no_end_of_it(gateway, upstream, end):
    """Elsewhere the first usage is taken for the last, and the answer is free (facility 248)."""
    early = usage_chunk({"prompt_tokens": 20, "completion_tokens": 0})
    events = [early, chunk("One "), chunk("two")]
    if end == ["[DONE]"]:
        events += [chunk(finish="stop"), data("[DONE]")]
    answer = call(gateway, upstream, stream(events, ends=end != [None]), stream=True)
    usage, cost = usage_of(gateway, answer)
    assert usage["usage_source"] == "upstream_partial"
    assert usage["input_tokens"] == 20 and usage["output_tokens"] >= 2
    assert cost > 0


def test_what_an_upstream_got_wrong_is_counted_and_logged(gateway, upstream):
    """A usage that had to be mended is seen by whoever runs the gateway (new-api 5003, octopus 243)."""
    name = 'farebox_usage_anomalies_total{upstream="chat",kind="negative_count"}'
    before = int(gateway.metrics().get(name, "0"))
    answer = call(gateway, upstream, whole(completion(LIES["negative"][0])))
    usage_of(gateway, answer)
    assert int(gateway.metrics()[name]) == before + 1
    line = wait_until(
        lambda: [line for line in gateway.process.log.read_text().splitlines()
                 if answer.fields["x-request-id"] in line and '"anomalies"' in line],
        90, "the line of the log")
    assert json.loads(line[0])["anomalies"] == "negative_count,zero_beside_content"


@pytest.mark.parametrize("streamed", [False, True])
def test_a_silent_upstream_is_estimated(gateway, upstream, streamed):
    script = (stream([chunk("Two words"), chunk(finish="stop"), data("[DONE]")])
              if streamed else whole(completion(None)))
    usage, cost = usage_of(gateway, call(gateway, upstream, script, stream=streamed))
    assert (usage["outcome"], usage["usage_source"]) == ("completed", "estimated")
    assert usage["output_tokens"] >= 1 and cost > 0


def test_usage_is_asked_for_upstream_and_hidden_from_the_client(gateway, upstream):
    seen = []

    def script(connection, request):
        seen.append(json.loads(request.partition(b"\r\n\r\n")[2]))
        stream(CHAT_USAGE["on its own chunk"])(connection, request)

    answer = call(gateway, upstream, script, stream=True, stream_options={"include_obfuscation": False})
    assert seen[0]["stream_options"] == {"include_usage": True, "include_obfuscation": False}
    assert b"usage" not in answer.body
    assert answer.body.endswith(b"data: [DONE]\n\n")


def test_a_client_that_leaves_is_charged_what_the_upstream_says(gateway, upstream):
    import socket
    import urllib.parse
    events = [chunk(f"{n} ") for n in range(20)] + [
        chunk(finish="stop"), usage_chunk(USAGE), data("[DONE]")]
    upstream.script = stream(events, pause=0.05)
    where = urllib.parse.urlsplit(gateway.url)
    body = json.dumps(chat("demo-small", stream=True, max_tokens=100)).encode()
    before = len(gateway.events("faults"))
    with socket.create_connection((where.hostname, where.port)) as connection:
        connection.sendall(
            b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
            b"authorization: Bearer %s\r\ncontent-length: %d\r\n\r\n%s"
            % (gateway.key.encode(), len(body), body))
        connection.recv(100)
    wait_until(lambda: len(gateway.events("faults")) > before, 10, "the event")
    last = gateway.events("faults")[-1]
    assert last["usage"]["outcome"] == "client_gone"
    assert last["usage"]["usage_source"] == "upstream_final"
    assert -decimal.Decimal(last["amount"]) == COST
