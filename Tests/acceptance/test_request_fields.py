"""Fields of the client's request that reach the upstream, and the log: traces and features."""

import json

import pytest

from client import chat, post
from harness import wait_until
from scripted_upstream import USAGE, ScriptedUpstream, completion, whole

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = f"00-{TRACE}-00f067aa0ba902b7-01"
MESSAGE = {"id": "m", "type": "message", "role": "assistant", "model": "m", "stop_reason": "end_turn",
           "stop_sequence": None, "content": [{"type": "text", "text": "Two words"}],
           "usage": {"input_tokens": 20, "output_tokens": 10}, "input_tokens": 20}


@pytest.fixture
def upstream():
    server = ScriptedUpstream()
    server.heads = []
    server.answer = completion(USAGE)

    def record(connection, request):
        head = request.partition(b"\r\n\r\n")[0].decode().lower()
        server.heads.append(dict(line.split(": ", 1) for line in head.split("\r\n")[1:]))
        whole(server.answer)(connection, request)

    server.script = record
    yield server
    server.close()


@pytest.fixture
def gateway(fresh, upstream):
    fresh.configure_demo(upstream.url)
    fresh.start()
    fresh.secret = fresh.account("traced", "10")
    return fresh


def ask(gateway, headers):
    answer = post(gateway.url, "/v1/chat/completions", gateway.secret,
                  chat(words="a secret prompt", max_tokens=8), headers=headers)
    assert answer.status == 200, answer.body

    def line():
        return next((json.loads(line) for line in gateway.process.log.read_text().splitlines()
                     if answer.fields["x-request-id"] in line), None)

    return wait_until(line, 90, "the call's line")


def test_a_trace_is_passed_on_and_logged(gateway, upstream):
    line = ask(gateway, {"traceparent": PARENT, "tracestate": "vendor=1"})
    assert line["trace_id"] == TRACE
    assert upstream.heads[-1]["traceparent"] == PARENT
    assert upstream.heads[-1]["tracestate"] == "vendor=1"


@pytest.mark.parametrize("version", ["2023-06-01", "2026-10-21"])
@pytest.mark.parametrize("path", ["/v1/messages", "/v1/messages/count_tokens"])
def test_the_clients_version_of_the_messages_api_reaches_its_upstream(
        gateway, upstream, version, path):
    body = {"model": "demo-claude", "max_tokens": 8, "messages": [{"role": "user", "content": "hi"}]}
    if path.endswith("count_tokens"):
        del body["max_tokens"]
    headers = {"anthropic-version": version, "anthropic-beta": "one-2026-01-01,two-2026-02-02"}
    upstream.answer = MESSAGE
    assert post(gateway.url, path, gateway.secret, body, headers=headers).status == 200
    assert upstream.heads[-1]["anthropic-version"] == version
    # Unchanged: elsewhere it is stripped, or merged (litellm 36683).
    assert upstream.heads[-1]["anthropic-beta"] == headers["anthropic-beta"]


@pytest.mark.parametrize("parent", [
    "", "00", PARENT.upper(), PARENT + "-00", f"ff{PARENT[2:]}", f"00-{'0' * 32}-00f067aa0ba902b7-01",
    f"00-{TRACE}-{'0' * 16}-01", PARENT.replace("4bf", "4bg")])
def test_a_malformed_trace_is_ignored(gateway, upstream, parent):
    line = ask(gateway, {"traceparent": parent, "tracestate": "vendor=1"})
    assert "trace_id" not in line
    assert "traceparent" not in upstream.heads[-1]
    assert "tracestate" not in upstream.heads[-1]


def test_a_line_has_no_body_and_no_secret(gateway):
    ask(gateway, {"traceparent": PARENT})
    log = gateway.process.log.read_text()
    assert "secret prompt" not in log and "Two words" not in log
    assert gateway.secret not in log and gateway.secret[6:] not in log


def test_beta_features_that_are_served_are_asked_for_upstream(gateway, upstream):
    """Elsewhere the field is stripped (litellm 36683)."""
    heads = []

    def record(connection, request):
        heads.append(request.partition(b"\r\n\r\n")[0].decode().lower())
        whole({"id": "m", "type": "message", "role": "assistant", "model": "m",
               "content": [{"type": "text", "text": "a"}], "stop_reason": "end_turn",
               "stop_sequence": None, "usage": {"input_tokens": 1, "output_tokens": 1}})(
                   connection, request)

    upstream.script = record
    answer = post(gateway.url, "/v1/messages", gateway.secret,
                  {"model": "demo-claude", "max_tokens": 8,
                   "messages": [{"role": "user", "content": "hi"}]},
                  headers={"anthropic-version": "2023-06-01",
                           "anthropic-beta": "fine-grained-tool-streaming-2025-05-14"})
    assert answer.status == 200, answer.body
    assert "anthropic-beta: fine-grained-tool-streaming-2025-05-14" in heads[-1]
