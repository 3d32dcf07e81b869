"""Every format that comes in, before every kind of upstream, whole and streamed: what is charged
is what the upstream says that it used, and it is not nothing."""

import decimal
import json

import pytest

from client import post
from harness import Installation, wait_until
from scripted_upstream import (BLOCK, MESSAGE_START, USAGE, ScriptedUpstream, chunk, completion,
                               data, event, message_end, stream, text_delta, usage_chunk, whole)

WORDS = "Tell me about fares"
MESSAGES = [{"role": "user", "content": WORDS}]
# A model behind each kind of upstream, with its prices; "plain" has no Responses route.
UPSTREAMS = {"chat": ("demo-small", "0.15", "0.60"), "plain": ("demo-exact", "0", "10"),
             "messages": ("demo-claude", "3", "15")}
INGRESS = {
    "/v1/chat/completions": {"messages": MESSAGES, "max_completion_tokens": 64},
    "/v1/responses": {"input": WORDS, "max_output_tokens": 64},
    "/v1/messages": {"messages": MESSAGES, "max_tokens": 64},
    "/v1/completions": {"prompt": WORDS, "max_tokens": 64},
    "/v1/embeddings": {"input": WORDS},
}
# What the upstream must be asked for, where that is not what its client asked for.
ASKED = {
    ("/v1/chat/completions", "messages"): "/v1/messages",
    ("/v1/responses", "plain"): "/v1/chat/completions",
    ("/v1/responses", "messages"): "/v1/messages",
    ("/v1/messages", "chat"): "/v1/chat/completions",
    ("/v1/messages", "plain"): "/v1/chat/completions",
}
# Nothing of these can be said in the other format.
UNTRANSLATED = ("/v1/completions", "/v1/embeddings")
CASES = [(path, upstream, streamed) for path in INGRESS for upstream in UPSTREAMS
         for streamed in (False, True)
         if not (path in UNTRANSLATED and upstream == "messages")
         and not (path == "/v1/embeddings" and (streamed or upstream == "plain"))]

RESPONSE = {"id": "r", "object": "response", "created_at": 1, "model": "m", "status": "completed",
            "output": [{"type": "message", "id": "o", "role": "assistant", "status": "completed",
                        "content": [{"type": "output_text", "text": "Two words",
                                     "annotations": []}]}],
            "usage": {"input_tokens": 20, "input_tokens_details": {"cached_tokens": 0},
                      "output_tokens": 10, "output_tokens_details": {"reasoning_tokens": 0},
                      "total_tokens": 30}}
TEXT_COMPLETION = {"id": "c", "object": "text_completion", "created": 1, "model": "m"}
WHOLE = {
    "/v1/chat/completions": completion(USAGE),
    "/v1/responses": RESPONSE,
    "/v1/messages": {
        "id": "m", "type": "message", "role": "assistant", "model": "m", "stop_reason": "end_turn",
        "stop_sequence": None, "content": [{"type": "text", "text": "Two words"}],
        "usage": {"input_tokens": 20, "output_tokens": 10}},
    "/v1/completions": {**TEXT_COMPLETION, "usage": USAGE, "choices": [
        {"index": 0, "text": "Two words", "finish_reason": "stop", "logprobs": None}]},
    "/v1/embeddings": {"object": "list", "model": "m", "data": [
        {"object": "embedding", "index": 0, "embedding": "AACAPw=="}],
        "usage": {"prompt_tokens": 20, "total_tokens": 20}},
}
STREAMED = {
    "/v1/chat/completions": [chunk("Two words"), chunk(finish="stop"), usage_chunk(USAGE),
                             data("[DONE]")],
    "/v1/responses": [
        event("response.created", sequence_number=0,
              response={**RESPONSE, "status": "in_progress", "output": [], "usage": None}),
        event("response.output_text.delta", sequence_number=1, item_id="o", output_index=0,
              content_index=0, delta="Two words", logprobs=[]),
        event("response.completed", sequence_number=2, response=RESPONSE)],
    "/v1/messages": [MESSAGE_START, BLOCK, text_delta("Two words"), message_end(10)],
    "/v1/completions": [
        data({**TEXT_COMPLETION, "choices": [
            {"index": 0, "text": "Two words", "finish_reason": "stop", "logprobs": None}]}),
        data({**TEXT_COMPLETION, "choices": [], "usage": USAGE}), data("[DONE]")],
}


@pytest.fixture(scope="module")
def upstream():
    server = ScriptedUpstream()
    server.asked = []

    def answer(connection, request):
        head, _, body = request.partition(b"\r\n\r\n")
        path = head.split()[1].decode()
        server.asked.append(path)
        script = stream(STREAMED[path]) if json.loads(body).get("stream") else whole(WHOLE[path])
        script(connection, request)

    server.script = answer
    yield server
    server.close()


@pytest.fixture(scope="module")
def gateway(tmp_path_factory, upstream):
    installation = Installation(tmp_path_factory.mktemp("matrix"))
    installation.prepare()
    openai = {"format": "openai", "baseURL": f"{upstream.url}/v1"}
    installation.configure(
        {"chat": openai, "plain": {**openai, "responses": False},
         "messages": {"format": "anthropic", "baseURL": upstream.url}},
        {model: {"routes": [{"upstream": name}]} for name, (model, _, _) in UPSTREAMS.items()})
    installation.start()
    installation.secret = installation.account("matrix", "10")
    yield installation
    installation.end()


def usage_event(gateway, request_id):
    return next((event for event in gateway.events("matrix") if event["kind"] == "usage"
                 and event["usage"]["request_id"] == request_id), None)


@pytest.mark.parametrize("path, kind, streamed", CASES)
def test_the_charge_is_the_usage_of_the_upstream(gateway, upstream, path, kind, streamed):
    model, input_price, output_price = UPSTREAMS[kind]
    body = {"model": model, **INGRESS[path], **({"stream": True} if streamed else {})}
    answer = post(gateway.url, path, gateway.secret, body)
    assert answer.status == 200, answer.body
    assert path == "/v1/embeddings" or b"Two words" in answer.body
    assert upstream.asked[-1] == ASKED.get((path, kind), path)

    event = wait_until(
        lambda: usage_event(gateway, answer.fields["x-request-id"]), 90, "the usage event")
    output = 0 if path == "/v1/embeddings" else 10
    usage = event["usage"]
    assert usage["usage_source"] == "upstream_final"
    assert (usage["input_tokens"], usage["output_tokens"]) == (20, output)
    charge = (decimal.Decimal(input_price) * 20 + decimal.Decimal(output_price) * output) / 10**6
    assert -decimal.Decimal(event["amount"]) == charge > 0


@pytest.mark.parametrize("path", UNTRANSLATED)
def test_what_no_upstream_format_can_say_is_refused(gateway, path):
    body = {"model": UPSTREAMS["messages"][0], **INGRESS[path]}
    answer = post(gateway.url, path, gateway.secret, body)
    assert answer.status == 400
    assert answer.json()["error"]["code"] == "unsupported_endpoint"
