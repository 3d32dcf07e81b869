"""Failures A.4 and A.12: one route, alias or shape of a URL that no budget is asked for, and refusals
whose figures are nobody's."""

import decimal
import http.client
import json
import urllib.parse

import pytest

from client import chat, post
from harness import Installation, wait_until
from scripted_upstream import ScriptedUpstream, whole
from test_charge_matrix import INGRESS, UNTRANSLATED, WHOLE

CHAT = "/v1/chat/completions"
TINY = "0.00000001"
# The kinds of upstreams that a route can lead to, and the names by which a model is asked for there.
KINDS = {"chat": {}, "plain": {"responses": False}, "messages": {"format": "anthropic"}}
NAMES = ["exact", "alias", "wild-name"]
CASES = [(path, kind) for path in INGRESS for kind in KINDS
         if not (path in UNTRANSLATED and kind == "messages")]


@pytest.fixture(scope="module")
def upstream():
    server = ScriptedUpstream()
    server.calls = 0

    def script(connection, request):
        server.calls += 1
        path = urllib.parse.urlsplit(request.split(b" ")[1].decode()).path
        whole(WHOLE[path])(connection, request)

    server.script = script
    yield server
    server.close()


@pytest.fixture(scope="module")
def gateway(tmp_path_factory, upstream):
    folder = tmp_path_factory.mktemp("tiny")
    installation = Installation(folder)
    price = {"context": 128000, "maxOutput": 16384, "input": "0.15", "output": "0.60"}
    prices = folder / "prices.json"
    prices.write_text(json.dumps({
        "format": "farebox-prices/1", "currency": "USD",
        "models": {name: price for kind in KINDS for name in (f"{kind}-exact", f"{kind}-wild-*")}}))
    installation.run("migrate")
    installation.run("price", "import", prices, "--format", "farebox")
    installation.configure(
        {kind: {"format": "openai", "baseURL": upstream.url + ("" if more.get("format") else "/v1"),
                **more} for kind, more in KINDS.items()},
        {name: entry for kind in KINDS for name, entry in {
            f"{kind}-exact": {"routes": [{"upstream": kind}], "aliases": [f"{kind}-alias"]},
            f"{kind}-wild-*": {"routes": [{"upstream": kind}]}}.items()})
    installation.rich = installation.account("rich", "5")
    installation.keys = {"balance": installation.account("poor", TINY)}
    installation.keys["key_cap_total"] = installation.json(
        "key", "create", "rich", "--cap-total", TINY)["secret"]
    installation.run("project", "create", "rich", "web", "--cap-day", TINY)
    installation.keys["project_cap_day"] = installation.json(
        "key", "create", "rich", "--project", "web")["secret"]
    installation.start()
    for key in installation.keys.values():
        installation.await_key(key)
    yield installation
    assert installation.process.stop() == 0
    installation.verify()
    installation.end()


def ask(gateway, target, headers, body):
    where = urllib.parse.urlsplit(gateway.url)
    connection = http.client.HTTPConnection(where.hostname, where.port, timeout=60)
    try:
        connection.request("POST", target, json.dumps(body),
                           {"content-type": "application/json", **headers})
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        connection.close()


def shapes(gateway, path, key):
    """The ways to ask for one route: paths, forms of the target, and headers for the key."""
    bearer, named = {"authorization": f"Bearer {key}"}, {"x-api-key": key}
    return [(path, bearer), (path, named), (path, {**bearer, **named}),
            (f"{path}?api-version=2024-10-21", bearer), (f"{path}?beta=true", named),
            (f"{path}?", bearer), (gateway.url + path, bearer)]


@pytest.mark.parametrize("path, kind", CASES)
def test_no_route_alias_or_url_goes_around_a_budget(gateway, upstream, path, kind):
    for name in NAMES:
        body = {**INGRESS[path], "model": f"{kind}-{name}"}
        # The same call is served where there is money: it is the budget that refuses it.
        calls = upstream.calls
        assert post(gateway.url, path, gateway.rich, body).status == 200
        assert upstream.calls == calls + 1
        for limit, key in gateway.keys.items():
            for target, headers in shapes(gateway, path, key):
                status, answer = ask(gateway, target, headers, body)
                assert status == 402, (target, headers.keys(), answer)
                assert answer["farebox"]["limited_by"] == limit
    assert upstream.calls == calls + 1


@pytest.mark.parametrize("path", [
    "//v1/chat/completions", "/v1/chat/completions/", "/v1/chat%2Fcompletions",
    "/v1/./chat/completions", "/v1/x/../chat/completions", "/chat/completions",
    "/openai/deployments/chat-exact/chat/completions?api-version=2024-10-21", "/v1/batches",
    "/v1/engines/chat-exact/completions", "/v1/audio/speech", "/v1/images/generations"])
def test_other_urls_of_other_gateways_lead_nowhere(gateway, upstream, path):
    calls = upstream.calls
    status, _ = ask(gateway, path, {"authorization": f"Bearer {gateway.rich}"}, chat("chat-exact"))
    assert status in (400, 404)
    assert upstream.calls == calls


def test_the_figures_of_a_refusal_are_those_of_the_ledger(gateway, upstream):
    """What it says is needed is enough, to the last unit, and the rest stands in the account."""
    key = gateway.account("figures", "0.000002")
    body = chat("chat-exact", max_tokens=64)
    refused = post(gateway.url, CHAT, key, body)
    assert refused.status == 402
    figures = refused.json()["farebox"]
    shown = gateway.json("account", "show", "figures")
    assert decimal.Decimal(figures["balance"]) == decimal.Decimal(shown["balance"])
    assert decimal.Decimal(figures["held"]) == decimal.Decimal(shown["held"]) == 0
    missing = decimal.Decimal(figures["needed"]) - decimal.Decimal(figures["balance"])
    unit = decimal.Decimal("0.000000000001")
    gateway.run("credit", "grant", "figures", f"{missing - unit:f}", "--idempotency-key", "f-1")
    nearly = wait_until(
        lambda: (answer := post(gateway.url, CHAT, key, body)).status == 402
        and answer.json()["farebox"]["balance"] != figures["balance"] and answer, 60, "the grant")
    assert nearly.json()["farebox"]["needed"] == figures["needed"]
    gateway.run("credit", "grant", "figures", f"{unit:f}", "--idempotency-key", "f-2")
    wait_until(lambda: post(gateway.url, CHAT, key, body).status == 200, 60, "the last unit")
