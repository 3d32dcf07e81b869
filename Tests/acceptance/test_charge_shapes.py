"""Every class of tokens and every tier that an upstream reports, in every format and through every
translation: each at its own price, none of them twice."""

import decimal
import json

import pytest

from client import post
from harness import Installation, wait_until
from scripted_upstream import (BLOCK, ScriptedUpstream, chunk, completion, data, event, message_end,
                               stream, text_delta, usage_chunk, whole)
from test_charge_matrix import ASKED, INGRESS, UNTRANSLATED

# A million tokens of each class, at the standard tier and at the priority one.
STANDARD = {"input": 1, "cache_read": "0.1", "cache_write_short": "1.25", "cache_write_long": 2,
            "output": 8}
PRIORITY = {"input": 3, "cache_read": "0.3", "cache_write_short": "3.75", "cache_write_long": 6,
            "output": 24}
UPSTREAMS = {"chat": "shape-chat", "plain": "shape-plain", "messages": "shape-messages"}
# 1 000 of the prompt in all, of which 600 were read from a cache and 150 written to one; 90 of the
# answer, of which 40 were reasoned.
SPLIT = {"input_tokens": 250, "cache_read_tokens": 600, "output_tokens": 90,
         "reasoning_tokens": 40}
CHAT_USAGE = {
    "prompt_tokens": 1000, "completion_tokens": 90, "total_tokens": 1090,
    "prompt_tokens_details": {"cached_tokens": 600, "cache_write_tokens": 150, "audio_tokens": 0},
    "completion_tokens_details": {"reasoning_tokens": 40, "rejected_prediction_tokens": 5}}
RESPONSES_USAGE = {
    "input_tokens": 1000, "output_tokens": 90, "total_tokens": 1090,
    "input_tokens_details": {
        "cached_tokens": 600, "cache_write_tokens": 150,
        "cache_write_tokens_details": {"ttl_30m_tokens": 100, "ttl_12h_tokens": 50}},
    "output_tokens_details": {"reasoning_tokens": 40}}
MESSAGES_USAGE = {
    "input_tokens": 250, "cache_read_input_tokens": 600, "cache_creation_input_tokens": 150,
    "cache_creation": {"ephemeral_5m_input_tokens": 100, "ephemeral_1h_input_tokens": 50},
    "output_tokens": 90, "output_tokens_details": {"thinking_tokens": 40}}
# What was written to caches for a short time and for a long one, by the path asked upstream.
WRITES = {"/v1/chat/completions": (150, 0), "/v1/completions": (150, 0),
          "/v1/responses": (100, 50), "/v1/messages": (100, 50)}
TIERS = {"standard": ("default", "standard", STANDARD),
         "priority": ("priority", "priority", PRIORITY)}
MESSAGE = {"id": "m", "type": "message", "role": "assistant", "model": "m",
           "stop_reason": "end_turn", "stop_sequence": None,
           "content": [{"type": "text", "text": "Two words"}]}
RESPONSE = {"id": "r", "object": "response", "created_at": 1, "model": "m", "status": "completed",
            "output": [{"type": "message", "id": "o", "role": "assistant", "status": "completed",
                        "content": [{"type": "output_text", "text": "Two words",
                                     "annotations": []}]}]}
TEXT = {"id": "c", "object": "text_completion", "created": 1, "model": "m"}
TEXT_CHOICE = {"index": 0, "text": "Two words", "finish_reason": "stop", "logprobs": None}
CASES = [(path, upstream, streamed, tier)
         for path in INGRESS if path != "/v1/embeddings"
         for upstream in UPSTREAMS for streamed in (False, True) for tier in TIERS
         if not (path in UNTRANSLATED and upstream == "messages")]


def answers(path, tier):
    """A whole answer and the events of a stream, with the tier as this format tells it."""
    openai_tier, anthropic_tier, _ = TIERS[tier]
    named = {"service_tier": openai_tier}
    if path == "/v1/messages":
        usage = {**MESSAGES_USAGE, "service_tier": anthropic_tier}
        begun = {**MESSAGE, "content": [], "usage": {**usage, "output_tokens": 1}}
        return {**MESSAGE, "usage": usage}, [
            event("message_start", message=begun), BLOCK, text_delta("Two words"),
            message_end(90, output_tokens_details={"thinking_tokens": 40})]
    if path == "/v1/responses":
        done = {**RESPONSE, **named, "usage": RESPONSES_USAGE}
        return done, [
            event("response.output_text.delta", sequence_number=0, item_id="o", output_index=0,
                  content_index=0, delta="Two words", logprobs=[]),
            event("response.completed", sequence_number=1, response=done)]
    if path == "/v1/completions":
        return {**TEXT, **named, "choices": [TEXT_CHOICE], "usage": CHAT_USAGE}, [
            data({**TEXT, **named, "choices": [TEXT_CHOICE]}),
            data({**TEXT, **named, "choices": [], "usage": CHAT_USAGE}), data("[DONE]")]
    return {**completion(CHAT_USAGE), **named}, [
        chunk("Two words", **named), chunk(finish="stop", **named), usage_chunk(CHAT_USAGE),
        data("[DONE]")]


@pytest.fixture(scope="module")
def upstream():
    server = ScriptedUpstream()
    server.tier = "standard"

    def answer(connection, request):
        head, _, body = request.partition(b"\r\n\r\n")
        once, events = answers(head.split()[1].decode(), server.tier)
        script = stream(events) if json.loads(body).get("stream") else whole(once)
        script(connection, request)

    server.script = answer
    yield server
    server.close()


@pytest.fixture(scope="module")
def gateway(tmp_path_factory, upstream):
    folder = tmp_path_factory.mktemp("shapes")
    installation = Installation(folder)
    prices = folder / "prices.json"
    price = {"context": 128000, "maxOutput": 16384, **STANDARD, "tiers": {"priority": PRIORITY}}
    prices.write_text(json.dumps({
        "format": "farebox-prices/1", "currency": "USD",
        "models": {model: price for model in UPSTREAMS.values()}}))
    installation.run("migrate")
    installation.run("price", "import", prices, "--format", "farebox")
    # Its project serves calls at the priority tier that ask for none.
    openai = {"format": "openai", "baseURL": f"{upstream.url}/v1", "defaultServiceTier": "priority"}
    installation.configure(
        {"chat": openai, "plain": {**openai, "responses": False},
         "messages": {"format": "anthropic", "baseURL": upstream.url, "defaultServiceTier": "priority"}},
        {model: {"routes": [{"upstream": name}]} for name, model in UPSTREAMS.items()})
    installation.start()
    installation.secret = installation.account("shapes", "10")
    yield installation
    installation.end()


def usage_event(gateway, answer):
    name = answer.fields["x-request-id"]
    return wait_until(
        lambda: next((event for event in gateway.events("shapes") if event["usage"]
                      and event["usage"]["request_id"] == name), None), 90, "the usage event")


@pytest.mark.parametrize("path, kind, streamed, tier", CASES)
def test_every_class_is_charged_once_at_the_price_of_its_tier(
        gateway, upstream, path, kind, streamed, tier):
    upstream.tier = tier
    # A prompt as long as the upstream says that it was, so that the hold covers it.
    words = "fare " * 400
    body = {"model": UPSTREAMS[kind], **INGRESS[path], "max_tokens": 200}
    if "messages" in body:
        body["messages"] = [{"role": "user", "content": words}]
        body.pop("max_completion_tokens", None)
    else:
        body["input" if "input" in body else "prompt"] = words
        if path == "/v1/responses":
            body["max_output_tokens"] = body.pop("max_tokens")
    if streamed:
        body["stream"] = True
    answer = post(gateway.url, path, gateway.secret, body)
    assert answer.status == 200, answer.body

    event = usage_event(gateway, answer)
    usage = event["usage"]
    assert usage["usage_source"] == "upstream_final"
    assert usage["service_tier"] == tier
    assert {name: usage[name] for name in SPLIT} == SPLIT
    short, long = WRITES[ASKED.get((path, kind), path)]
    price = {name: decimal.Decimal(amount) for name, amount in TIERS[tier][2].items()}
    charge = (price["input"] * 250 + price["cache_read"] * 600
              + price["cache_write_short"] * short + price["cache_write_long"] * long
              + price["output"] * 90) / 10**6
    assert (usage["cache_write_short_tokens"], usage["cache_write_long_tokens"]) == (short, long)
    assert -decimal.Decimal(event["amount"]) == charge
    assert decimal.Decimal(usage["excess"]) == 0


def test_without_a_tier_a_call_is_held_at_the_dearest_that_it_may_get(gateway, upstream):
    """Else what the answer says it cost is beyond the hold, and the operator's loss."""
    upstream.tier = "standard"
    held = {}
    for asked in ({}, {"service_tier": "auto"}, {"service_tier": "default"}):
        body = {"model": "shape-chat", **INGRESS["/v1/chat/completions"], **asked}
        answer = post(gateway.url, "/v1/chat/completions", gateway.secret, body)
        held[str(asked)] = decimal.Decimal(usage_event(gateway, answer)["usage"]["hold"])
    unasked, auto, default = held.values()
    assert unasked > 2 * default and auto > 2 * default
