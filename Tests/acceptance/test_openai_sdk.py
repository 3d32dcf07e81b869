"""The official OpenAI SDK, unchanged but for its base URL."""

import decimal
import time

import openai
import pydantic
import pytest

from harness import wait_until

MESSAGES = [{"role": "user", "content": "Tell me about fares"}]
PROMPT_WORDS = 4
# One behind an upstream of this format, and one whose calls are translated, with their prices.
PRICES = {"demo-small": ("0.15", "0.60"), "demo-claude": ("3", "15")}


@pytest.fixture(scope="module")
def key(served):
    slug = f"openai-{openai.__version__.replace('.', '-')}"
    return slug, served.account(slug, "5")


@pytest.fixture
def client(served, key):
    return openai.OpenAI(base_url=f"{served.url}/v1", api_key=key[1])


@pytest.fixture(params=PRICES)
def model(request):
    return request.param


def cost(model, output_tokens, input_tokens=PROMPT_WORDS):
    input_price, output_price = map(decimal.Decimal, PRICES[model])
    return (input_tokens * input_price + output_tokens * output_price) / 1_000_000


def balance(served, slug):
    return decimal.Decimal(served.json("account", "show", slug)["balance"])


def test_a_plain_call_is_answered_and_costs_tokens_times_price(served, client, key, model):
    before = balance(served, key[0])
    answer = client.chat.completions.create(model=model, messages=MESSAGES)
    assert len(answer.choices[0].message.content.split()) == 32
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens) == (PROMPT_WORDS, 32)
    wait_until(lambda: balance(served, key[0]) == before - cost(model, 32), 10, "the exact charge")


def test_the_cost_is_in_a_header(client, model):
    raw = client.chat.completions.with_raw_response.create(model=model, messages=MESSAGES)
    assert decimal.Decimal(raw.headers["x-farebox-cost"]) == cost(model, 32)
    assert raw.headers["x-request-id"].startswith("req_")
    assert raw.parse().choices[0].finish_reason == "stop"


def test_a_stream_is_whole_and_hides_the_usage_nobody_asked_for(served, client, key, model):
    before = balance(served, key[0])
    words, chunks = [], 0
    for chunk in client.chat.completions.create(
        model=model, messages=MESSAGES, stream=True
    ):
        chunks += 1
        assert chunk.usage is None
        assert len(chunk.choices) == 1
        words.append(chunk.choices[0].delta.content or "")
    assert len("".join(words).split()) == 32
    assert chunks == 34
    wait_until(lambda: balance(served, key[0]) == before - cost(model, 32), 10, "the exact charge")


def test_a_stream_shows_the_usage_that_was_asked_for(client, model):
    stream = client.chat.completions.create(
        model=model, messages=MESSAGES, stream=True, stream_options={"include_usage": True}
    )
    usages = [chunk.usage for chunk in stream if chunk.usage]
    assert len(usages) == 1
    assert (usages[0].prompt_tokens, usages[0].completion_tokens) == (PROMPT_WORDS, 32)


def test_a_cap_cuts_the_answer(client, model):
    answer = client.chat.completions.create(
        model=model, messages=MESSAGES, max_completion_tokens=5
    )
    assert answer.choices[0].finish_reason == "length"
    assert answer.usage.completion_tokens == 5


@pytest.mark.parametrize("stream", [False, True])
def test_a_tool_is_called(client, stream, model):
    tool = {
        "type": "function",
        "function": {
            "name": "fare",
            "description": "Price of a ride",
            "parameters": {
                "type": "object",
                "properties": {"city": {"type": "string"}, "zones": {"type": "integer"}},
                "required": ["city", "zones"],
            },
        },
    }
    answer = client.chat.completions.create(
        model=model, messages=MESSAGES, tools=[tool], stream=stream
    )
    if stream:
        parts = [chunk.choices[0].delta.tool_calls for chunk in answer]
        calls = [part[0] for part in parts if part]
        assert calls[0].function.name == "fare"
        arguments = "".join(call.function.arguments or "" for call in calls)
    else:
        assert answer.choices[0].finish_reason == "tool_calls"
        arguments = answer.choices[0].message.tool_calls[0].function.arguments
    assert arguments == '{"city": "demo", "zones": 1}'


def test_structured_output_is_parsed(client, model):
    class Fare(pydantic.BaseModel):
        city: str
        zones: int

    answer = client.chat.completions.parse(
        model=model, messages=MESSAGES, response_format=Fare
    )
    assert answer.choices[0].message.parsed == Fare(city="demo", zones=1)


def test_an_unknown_key_is_an_authentication_error(served, model):
    client = openai.OpenAI(base_url=f"{served.url}/v1", api_key="sk-fb-nobody")
    with pytest.raises(openai.AuthenticationError) as raised:
        client.chat.completions.create(model=model, messages=MESSAGES)
    assert raised.value.code == "invalid_api_key"


def test_an_unknown_model_is_not_found(client):
    with pytest.raises(openai.NotFoundError) as raised:
        client.chat.completions.create(model="no-such-model", messages=MESSAGES)
    assert raised.value.code == "model_not_found"


def test_a_bad_request_names_the_field(client, model):
    with pytest.raises(openai.BadRequestError) as raised:
        client.chat.completions.create(model=model, messages=MESSAGES, max_tokens=-1)
    assert raised.value.param == "max_tokens"


def test_out_of_money_is_raised_once_and_not_retried(served, model):
    slug = f"poor-{openai.__version__.replace('.', '-')}-{model}"
    secret = served.account(slug, "0")
    client = openai.OpenAI(base_url=f"{served.url}/v1", api_key=secret)
    start = time.monotonic()
    with pytest.raises(openai.APIStatusError) as raised:
        client.chat.completions.create(model=model, messages=MESSAGES)
    assert raised.value.status_code == 402
    assert raised.value.code == "insufficient_quota"
    assert raised.value.response.request.headers["x-stainless-retry-count"] == "0"
    assert decimal.Decimal(raised.value.response.json()["farebox"]["balance"]) == 0
    assert time.monotonic() - start < 5


def test_a_stream_that_the_client_leaves_is_charged(served, client, key, demo, model):
    """Elsewhere it is not (litellm 30630, 33736, one-switch 3)."""
    before = balance(served, key[0])
    stream = client.chat.completions.create(model=model, messages=MESSAGES, stream=True)
    for _ in stream:
        break
    stream.close()
    wait_until(lambda: balance(served, key[0]) == before - cost(model, 32), 10, "the drained charge")


def test_the_models_of_the_key_are_listed(client):
    names = {model.id for model in client.models.list()}
    assert {"demo-small", "demo-exact"} <= names
    assert client.models.retrieve("demo-small").id == "demo-small"
