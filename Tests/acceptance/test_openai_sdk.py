"""The official OpenAI SDK, unchanged but for its base URL."""

import base64
import decimal
import struct
import time

import openai
import pydantic
import pytest

from harness import wait_until
from scripted_upstream import USAGE, completion, whole

MESSAGES = [{"role": "user", "content": "Tell me about fares"}]
PROMPT_WORDS = 4
# One behind an upstream of this format, and one whose calls are translated, with their prices.
PRICES = {"demo-small": ("0.15", "0.60"), "demo-claude": ("3", "15")}
# The same for responses, and one whose upstream knows chats alone.
RESPONSES = {**PRICES, "demo-plain": ("1", "4")}


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


@pytest.fixture(params=RESPONSES)
def responder(request):
    return request.param


def cost(model, output_tokens, input_tokens=PROMPT_WORDS):
    input_price, output_price = map(decimal.Decimal, RESPONSES[model])
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


# Responses


def test_a_response_is_answered_and_costs_tokens_times_price(served, client, key, responder):
    before = balance(served, key[0])
    answer = client.responses.create(model=responder, input=MESSAGES[0]["content"])
    assert (answer.status, len(answer.output_text.split())) == ("completed", 32)
    assert (answer.usage.input_tokens, answer.usage.output_tokens) == (PROMPT_WORDS, 32)
    wait_until(
        lambda: balance(served, key[0]) == before - cost(responder, 32), 90, "the exact charge")


def test_a_response_is_streamed_whole(served, client, key, responder):
    before = balance(served, key[0])
    with client.responses.stream(model=responder, input=MESSAGES) as stream:
        kinds, text = [], ""
        for event in stream:
            kinds.append(event.type)
            text += event.delta if event.type == "response.output_text.delta" else ""
        final = stream.get_final_response()
    assert kinds[0] == "response.created" and kinds[-1] == "response.completed"
    assert final.output_text == text and len(text.split()) == 32
    assert final.usage.total_tokens == PROMPT_WORDS + 32
    wait_until(
        lambda: balance(served, key[0]) == before - cost(responder, 32), 90, "the exact charge")


def test_a_cap_leaves_a_response_incomplete(client, responder):
    answer = client.responses.create(model=responder, input=MESSAGES, max_output_tokens=16)
    assert answer.status == "incomplete"
    assert answer.incomplete_details.reason == "max_output_tokens"
    assert answer.usage.output_tokens == 16


@pytest.mark.parametrize("stream", [False, True])
def test_a_response_calls_a_tool_and_takes_its_result(client, stream, responder):
    tool = {
        "type": "function",
        "name": "fare",
        "description": "Price of a ride",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}, "zones": {"type": "integer"}},
            "required": ["city", "zones"],
            "additionalProperties": False,
        },
        "strict": True,
    }
    asked = {"model": responder, "tools": [tool]}
    if stream:
        with client.responses.stream(**asked, input=MESSAGES) as events:
            answer = [event for event in events][-1].response
    else:
        answer = client.responses.create(**asked, input=MESSAGES)
    call = answer.output[0]
    assert (call.type, call.name) == ("function_call", "fare")
    assert call.arguments == '{"city": "demo", "zones": 1}'
    result = {"type": "function_call_output", "call_id": call.call_id, "output": "3.20"}
    turns = [*MESSAGES, call.to_dict(), result]
    turns[1].pop("parsed_arguments", None)
    assert len(client.responses.create(**asked, input=turns).output_text.split()) == 32


def test_structured_output_of_a_response_is_parsed(client, responder):
    class Fare(pydantic.BaseModel):
        city: str
        zones: int

    answer = client.responses.parse(model=responder, input=MESSAGES, text_format=Fare)
    assert answer.output_parsed == Fare(city="demo", zones=1)


# Completions and embeddings


@pytest.mark.parametrize("stream", [False, True])
def test_a_completion_has_its_api_s_own_cap_unless_told(served, client, key, stream):
    before = balance(served, key[0])

    def words(**more):
        answer = client.completions.create(
            model="demo-small", prompt=MESSAGES[0]["content"], stream=stream, **more)
        pieces = list(answer) if stream else [answer]
        choices = [choice for piece in pieces for choice in piece.choices]
        return len("".join(c.text for c in choices).split()), choices[-1].finish_reason

    assert words() == (16, "length")
    assert words(max_tokens=64) == (32, "stop")
    expected = cost("demo-small", 16 + 32, 2 * PROMPT_WORDS)
    wait_until(lambda: balance(served, key[0]) == before - expected, 90, "the exact charge")


@pytest.mark.parametrize("encoding", ["float", "base64"])
def test_embeddings_are_passed_on_and_cost_their_prompt(served, client, key, encoding):
    before = balance(served, key[0])
    answer = client.embeddings.create(
        model="demo-small", input=["Tell me", "about fares"], dimensions=4,
        encoding_format=encoding)
    vectors = [item.embedding for item in answer.data]
    if encoding == "base64":
        vectors = [list(struct.unpack("<4f", base64.b64decode(vector))) for vector in vectors]
    assert vectors == [[1, 0, 0, 0], [0, 1, 0, 0]]
    assert answer.usage.prompt_tokens == PROMPT_WORDS
    wait_until(
        lambda: balance(served, key[0]) == before - cost("demo-small", 0), 90, "the exact charge")


def test_what_the_other_format_cannot_say_is_a_bad_request(client):
    for call in [
        lambda: client.completions.create(model="demo-claude", prompt="Tell me"),
        lambda: client.embeddings.create(model="demo-claude", input="Tell me"),
    ]:
        with pytest.raises(openai.BadRequestError) as raised:
            call()
        assert raised.value.code == "unsupported_endpoint"


# Failures


@pytest.fixture(scope="module")
def trouble_key(troubled):
    slug = f"trouble-openai-{openai.__version__.replace('.', '-')}"
    return slug, troubled.account(slug, "5")


def troubled_client(troubled, secret, **more):
    return openai.OpenAI(base_url=f"{troubled.url}/v1", api_key=secret, **more)


# What an upstream does, and what its client is to see.
FAILURES = {
    "limited": (whole({"error": {"message": "slow down"}}, 429), openai.RateLimitError, 429),
    "failed": (whole({"error": {"message": "x"}}, 500), openai.InternalServerError, 502),
    "overloaded": (whole({"error": {"message": "x"}}, 503), openai.InternalServerError, 502),
    "no answer": (whole({"error": {"message": "x"}}), openai.InternalServerError, 502),
    "unprocessable": (whole({"error": {"message": "x"}}, 422), openai.UnprocessableEntityError, 422),
}
RETRIED = ["limited", "failed", "overloaded", "no answer"]


@pytest.mark.parametrize("case", FAILURES)
def test_a_failure_is_raised_as_its_class(troubled, trouble_key, case):
    script, kind, status = FAILURES[case]
    troubled.upstream.script = script
    client = troubled_client(troubled, trouble_key[1], max_retries=0)
    with pytest.raises(kind) as raised:
        client.chat.completions.create(model="demo-small", messages=MESSAGES)
    assert type(raised.value) is kind and raised.value.status_code == status
    assert raised.value.message


@pytest.mark.parametrize("case", RETRIED)
def test_what_passes_is_retried_and_paid_once(troubled, trouble_key, case):
    scripts = iter([FAILURES[case][0]])
    good = whole(completion(USAGE))
    troubled.upstream.script = lambda *call: next(scripts, good)(*call)
    before = balance(troubled, trouble_key[0])
    raw = troubled_client(troubled, trouble_key[1]).chat.completions.with_raw_response.create(
        model="demo-small", messages=MESSAGES)
    assert raw.http_request.headers["x-stainless-retry-count"] == "1"
    assert raw.parse().usage.completion_tokens == 10
    wait_until(lambda: balance(troubled, trouble_key[0]) == before - cost("demo-small", 10, 20), 90,
               "one charge")


def test_what_is_refused_here_is_raised_as_its_class(troubled, trouble_key):
    client = troubled_client(troubled, trouble_key[1], max_retries=0)
    with pytest.raises(openai.APIStatusError) as raised:
        client.chat.completions.create(
            model="demo-small", messages=[{"role": "user", "content": "long " * 2_000}])
    assert raised.value.status_code == 413

    slug = f"{trouble_key[0]}-limited"
    troubled.account(slug, "1")
    narrow = troubled.json("key", "create", slug, "--models", "demo-exact")["secret"]
    slow = troubled.json("key", "create", slug, "--requests-per-minute", "1")["secret"]
    for secret in narrow, slow:
        troubled.await_key(secret)
    with pytest.raises(openai.PermissionDeniedError):
        troubled_client(troubled, narrow).chat.completions.create(
            model="demo-small", messages=MESSAGES)
    troubled.upstream.script = whole(completion(USAGE))
    client = troubled_client(troubled, slow, max_retries=0)
    client.chat.completions.create(model="demo-small", messages=MESSAGES)
    with pytest.raises(openai.RateLimitError) as raised:
        client.chat.completions.create(model="demo-small", messages=MESSAGES)
    assert raised.value.code == "rate_limit_exceeded"
    assert 1 <= int(raised.value.response.headers["retry-after"]) <= 61


def test_a_key_of_idempotency_with_another_call_is_unprocessable(troubled, trouble_key):
    asked = []

    def script(connection, request):
        asked.append(request)
        whole(completion(USAGE))(connection, request)

    troubled.upstream.script = script
    client = troubled_client(troubled, trouble_key[1])
    headers = {"Idempotency-Key": f"once-{openai.__version__}"}

    def ask(words):
        return client.chat.completions.create(
            model="demo-small", messages=[{"role": "user", "content": words}],
            extra_headers=headers)

    first = ask("Tell me")
    assert ask("Tell me") == first
    with pytest.raises(openai.UnprocessableEntityError):
        ask("Tell me more")
    assert len(asked) == 1
