"""An upstream that knows one name of the output cap and ignores the other: however its client caps
a call, the answer is no longer (bifrost 6132, Ollama)."""

import decimal
import json

import pytest

from client import post
from harness import Installation, wait_until
from scripted_upstream import ScriptedUpstream, completion, whole

MESSAGES = [{"role": "user", "content": "Tell me about fares"}]
UNBOUNDED = 5_000
# What a client sends, and the cap that it means; without one the model's own holds.
CALLS = {
    "the other name": ("/v1/chat/completions",
                       {"messages": MESSAGES, "max_completion_tokens": 4}, 4),
    "its name": ("/v1/chat/completions", {"messages": MESSAGES, "max_tokens": 4}, 4),
    "no cap": ("/v1/chat/completions", {"messages": MESSAGES}, 16_384),
    "a message": ("/v1/messages", {"messages": MESSAGES, "max_tokens": 4}, 4),
    "a response": ("/v1/responses", {"input": "Tell me about fares", "max_output_tokens": 16}, 16),
}


class Capped(ScriptedUpstream):
    """Writes as many words as its one name of the cap allows; the other name it does not see."""

    def __init__(self, name):
        super().__init__()
        self.bodies = []
        self.name = name
        self.script = self.serve

    def serve(self, connection, request):
        body = json.loads(request.partition(b"\r\n\r\n")[2])
        self.bodies.append(body)
        words = min(body.get(self.name, UNBOUNDED), UNBOUNDED)
        usage = {"prompt_tokens": 4, "completion_tokens": words}
        whole(completion(usage, "word " * words))(connection, request)


@pytest.fixture(scope="module", params=["max_tokens", "max_completion_tokens"])
def gateway(request, tmp_path_factory):
    upstream = Capped(request.param)
    installation = Installation(tmp_path_factory.mktemp("caps"))
    installation.prepare()
    installation.configure(
        {"local": {"format": "openai", "baseURL": f"{upstream.url}/v1", "responses": False,
                   "outputCapField": request.param}},
        {"demo-small": {"routes": [{"upstream": "local"}]}})
    installation.upstream = upstream
    installation.secret = installation.account("caps", "10")
    installation.start()
    yield installation
    installation.end()
    upstream.close()


@pytest.mark.parametrize("case", CALLS)
def test_the_cap_reaches_the_upstream_by_the_name_it_knows(gateway, case):
    path, body, cap = CALLS[case]
    answer = post(gateway.url, path, gateway.secret, {"model": "demo-small", **body})
    assert answer.status == 200, answer.body
    sent = gateway.upstream.bodies[-1]
    names = {"max_tokens", "max_completion_tokens", "max_output_tokens"} & set(sent)
    assert names == {gateway.upstream.name} and sent[gateway.upstream.name] == cap

    def event():
        return next((event for event in gateway.events("caps") if event["usage"] and event["usage"][
            "request_id"] == answer.fields["x-request-id"]), None)

    usage = wait_until(event, 90, "the event")["usage"]
    assert usage["output_tokens"] == min(cap, UNBOUNDED)
    assert decimal.Decimal(usage["excess"]) == 0
