"""The official Anthropic SDK, unchanged but for its base URL."""

import decimal
import time

import anthropic
import pytest

from harness import wait_until
from scripted_upstream import whole

MESSAGES = [{"role": "user", "content": "Tell me about fares"}]
PROMPT_WORDS = 4
# One behind an upstream of this format, and one whose calls are translated, with their prices.
PRICES = {"demo-claude": ("3", "15"), "demo-small": ("0.15", "0.60")}


@pytest.fixture(scope="module")
def key(served):
    slug = f"anthropic-{anthropic.__version__.replace('.', '-')}"
    return slug, served.account(slug, "5")


@pytest.fixture
def client(served, key):
    return anthropic.Anthropic(base_url=served.url, api_key=key[1])


@pytest.fixture(params=PRICES)
def model(request):
    return request.param


def cost(model, output_tokens, input_tokens=PROMPT_WORDS):
    input_price, output_price = map(decimal.Decimal, PRICES[model])
    return (input_tokens * input_price + output_tokens * output_price) / 1_000_000


def balance(served, slug):
    return decimal.Decimal(served.json("account", "show", slug)["balance"])


def ask(client, model="demo-claude", **more):
    return client.messages.create(
        **{"model": model, "max_tokens": 64, "messages": MESSAGES, **more}
    )


def test_a_plain_call_is_answered_and_costs_tokens_times_price(served, client, key, model):
    before = balance(served, key[0])
    answer = ask(client, model)
    assert len(answer.content[0].text.split()) == 32
    assert (answer.usage.input_tokens, answer.usage.output_tokens) == (PROMPT_WORDS, 32)
    wait_until(lambda: balance(served, key[0]) == before - cost(model, 32), 10, "the exact charge")


def test_a_stream_is_whole(served, client, key, model):
    before = balance(served, key[0])
    with client.messages.stream(
        model=model, max_tokens=64, messages=MESSAGES
    ) as stream:
        text = "".join(stream.text_stream)
        final = stream.get_final_message()
    assert len(text.split()) == 32
    assert final.stop_reason == "end_turn"
    assert final.usage.output_tokens == 32
    wait_until(lambda: balance(served, key[0]) == before - cost(model, 32), 10, "the exact charge")


def test_a_cap_cuts_the_answer(client, model):
    answer = ask(client, model, max_tokens=5)
    assert answer.stop_reason == "max_tokens"
    assert answer.usage.output_tokens == 5


@pytest.mark.parametrize("stream", [False, True])
def test_a_tool_is_called(client, stream, model):
    tool = {
        "name": "fare",
        "description": "Price of a ride",
        "input_schema": {
            "type": "object",
            "properties": {"city": {"type": "string"}, "zones": {"type": "integer"}},
            "required": ["city", "zones"],
        },
    }
    if stream:
        with client.messages.stream(
            model=model, max_tokens=64, messages=MESSAGES, tools=[tool]
        ) as events:
            answer = events.get_final_message()
    else:
        answer = ask(client, model, tools=[tool])
    assert answer.stop_reason == "tool_use"
    assert answer.content[0].name == "fare"
    assert answer.content[0].input == {"city": "demo", "zones": 1}


def test_structured_output_follows_its_schema(client, model):
    schema = {
        "type": "object",
        "properties": {"city": {"type": "string"}},
        "required": ["city"],
        "additionalProperties": False,
    }
    answer = ask(
        client,
        model,
        extra_body={"output_config": {"format": {"type": "json_schema", "schema": schema}}},
    )
    assert answer.content[0].text == '{"city": "demo"}'


def test_an_unknown_key_is_an_authentication_error(served):
    client = anthropic.Anthropic(base_url=served.url, api_key="sk-fb-nobody")
    with pytest.raises(anthropic.AuthenticationError) as raised:
        ask(client)
    assert raised.value.body["error"]["type"] == "authentication_error"


def test_an_unknown_model_is_not_found(client):
    with pytest.raises(anthropic.NotFoundError) as raised:
        ask(client, model="no-such-model")
    assert raised.value.body["error"]["type"] == "not_found_error"


def test_a_bad_request_names_the_field(client, model):
    with pytest.raises(anthropic.BadRequestError) as raised:
        ask(client, model, max_tokens=-1)
    assert "max_tokens" in raised.value.body["error"]["message"]


def test_out_of_money_is_raised_once_and_not_retried(served, model):
    slug = f"poor-anthropic-{anthropic.__version__.replace('.', '-')}-{model}"
    secret = served.account(slug, "0")
    client = anthropic.Anthropic(base_url=served.url, api_key=secret)
    start = time.monotonic()
    with pytest.raises(anthropic.APIStatusError) as raised:
        ask(client, model)
    assert raised.value.status_code == 402
    assert raised.value.body["error"]["type"] == "billing_error"
    assert raised.value.response.request.headers["x-stainless-retry-count"] == "0"
    assert time.monotonic() - start < 5


def test_a_stream_that_the_client_leaves_is_charged(served, client, key, model):
    """Elsewhere it is not (litellm 30630, 33736, one-switch 3)."""
    before = balance(served, key[0])
    stream = ask(client, model, stream=True)
    for _ in stream:
        break
    stream.close()
    wait_until(lambda: balance(served, key[0]) == before - cost(model, 32), 10, "the drained charge")


def test_the_models_of_the_key_are_listed(client):
    names = {model.id for model in client.models.list()}
    assert {"demo-claude", "demo-claude-exact"} <= names


def test_tokens_are_counted_for_every_model_and_nothing_is_charged(served, client, key, model):
    before = served.settled(key[0])["balance"]
    counted = client.messages.count_tokens(model=model, messages=MESSAGES)
    # Exactly where the upstream counts, and by estimate where it has no such route.
    assert counted.input_tokens >= PROMPT_WORDS
    if model == "demo-claude":
        assert counted.input_tokens == PROMPT_WORDS
    assert served.json("account", "show", key[0])["balance"] == before


# Failures


ANSWER = {"id": "m", "type": "message", "role": "assistant", "model": "m", "content": [
    {"type": "text", "text": "Two words"}], "stop_reason": "end_turn", "stop_sequence": None,
    "usage": {"input_tokens": 20, "output_tokens": 10}}
OVERLOADED = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}


@pytest.fixture(scope="module")
def trouble_key(troubled):
    slug = f"trouble-anthropic-{anthropic.__version__.replace('.', '-')}"
    return slug, troubled.account(slug, "5")


def troubled_client(troubled, secret, **more):
    return anthropic.Anthropic(base_url=troubled.url, api_key=secret, **more)


# What an upstream does, and what its client is to see.
FAILURES = {
    "limited": (whole(OVERLOADED, 429), anthropic.RateLimitError, 429, "rate_limit_error"),
    "failed": (whole(OVERLOADED, 500), anthropic.InternalServerError, 502, "api_error"),
    "overloaded": (whole(OVERLOADED, 529), anthropic.InternalServerError, 502, "api_error"),
    "no answer": (whole(OVERLOADED), anthropic.InternalServerError, 502, "api_error"),
}


@pytest.mark.parametrize("case", FAILURES)
def test_a_failure_is_raised_as_its_class(troubled, trouble_key, case):
    script, kind, status, type_ = FAILURES[case]
    troubled.upstream.script = script
    with pytest.raises(kind) as raised:
        ask(troubled_client(troubled, trouble_key[1], max_retries=0))
    assert raised.value.status_code == status
    assert raised.value.body["error"]["type"] == type_


@pytest.mark.parametrize("case", FAILURES)
def test_what_passes_is_retried_and_paid_once(troubled, trouble_key, case):
    scripts = iter([FAILURES[case][0]])
    good = whole(ANSWER)
    troubled.upstream.script = lambda *call: next(scripts, good)(*call)
    before = balance(troubled, trouble_key[0])
    raw = troubled_client(troubled, trouble_key[1]).messages.with_raw_response.create(
        model="demo-claude", max_tokens=64, messages=MESSAGES)
    assert raw.http_request.headers["x-stainless-retry-count"] == "1"
    assert raw.parse().usage.output_tokens == 10
    wait_until(lambda: balance(troubled, trouble_key[0]) == before - cost("demo-claude", 10, 20), 90,
               "one charge")


def test_what_is_refused_here_is_raised_as_its_class(troubled, trouble_key):
    client = troubled_client(troubled, trouble_key[1], max_retries=0)
    with pytest.raises(anthropic.APIStatusError) as raised:
        ask(client, messages=[{"role": "user", "content": "long " * 2_000}])
    assert raised.value.status_code == 413

    slug = f"{trouble_key[0]}-limited"
    troubled.account(slug, "1")
    narrow = troubled.json("key", "create", slug, "--models", "demo-exact")["secret"]
    slow = troubled.json("key", "create", slug, "--requests-per-minute", "1")["secret"]
    for secret in narrow, slow:
        troubled.await_key(secret)
    with pytest.raises(anthropic.PermissionDeniedError):
        ask(troubled_client(troubled, narrow))
    troubled.upstream.script = whole(ANSWER)
    client = troubled_client(troubled, slow, max_retries=0)
    ask(client)
    with pytest.raises(anthropic.RateLimitError) as raised:
        ask(client)
    assert 1 <= int(raised.value.response.headers["retry-after"]) <= 61


def test_the_sdk_s_own_version_of_the_api_reaches_the_upstream(troubled, trouble_key):
    heads = []

    def script(connection, request):
        heads.append(request.partition(b"\r\n\r\n")[0].decode().lower())
        whole(ANSWER)(connection, request)

    troubled.upstream.script = script
    client = troubled_client(troubled, trouble_key[1])
    ask(client)
    # 2023-06-01 by the older SDK, 2026-10-21 by the newer.
    version = client.default_headers["anthropic-version"]
    assert f"anthropic-version: {version}" in heads[0]
