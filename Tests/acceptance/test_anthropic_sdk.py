"""The official Anthropic SDK, unchanged but for its base URL."""

import decimal
import time

import anthropic
import pytest

from harness import wait_until

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
