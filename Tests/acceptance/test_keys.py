"""Keys: revocation, expiry, models and output caps."""

import time

from client import chat, get, post
from harness import wait_until

PATH = "/v1/chat/completions"


def test_a_revoked_key_stops_within_a_second(served):
    secret = served.account("revoked", "1")
    assert post(served.url, PATH, secret, chat()).status == 200
    (key,) = served.json("key", "list", "revoked")
    served.run("key", "revoke", key["id"])
    start = time.monotonic()
    wait_until(lambda: post(served.url, PATH, secret, chat()).status == 401, 5, "revocation")
    assert time.monotonic() - start < 1.5


def test_a_key_is_bound_to_its_models_and_cap(served):
    served.account("bound", "1")
    made = served.json(
        "key", "create", "bound", "--models", "demo-exact", "--max-output-tokens", "3")
    served.await_key(made["secret"])
    assert post(served.url, PATH, made["secret"], chat("demo-small")).status == 403
    answer = post(served.url, PATH, made["secret"], chat("demo-exact", max_tokens=10))
    assert answer.status == 200
    assert answer.json()["usage"]["completion_tokens"] == 3
    assert answer.fields["x-farebox-output-cap"] == "3"
    names = [model["id"] for model in get(served.url, "/v1/models", made["secret"]).json()["data"]]
    assert names == ["demo-exact"]


def test_a_keys_cap_is_never_below_a_thinking_budget(served):
    """The upstream would refuse it, in words about a number that the client never sent."""
    served.account("thinking", "1")
    secret = served.json("key", "create", "thinking", "--max-output-tokens", "4096")["secret"]
    served.await_key(secret)
    prompt = {"model": "demo-claude", "max_tokens": 20000,
              "messages": [{"role": "user", "content": "Tell me about fares"}]}
    thinking = {"type": "enabled", "budget_tokens": 10000}
    refused = post(served.url, "/v1/messages", secret, {**prompt, "thinking": thinking})
    assert refused.status == 400
    message = refused.json()["error"]["message"]
    assert "4096" in message and "10001" in message and "thinking.budget_tokens" in message
    thinking["budget_tokens"] = 4095
    answer = post(served.url, "/v1/messages", secret, {**prompt, "thinking": thinking})
    assert answer.status == 200 and answer.fields["x-farebox-output-cap"] == "4096"


def test_an_encoded_name_of_a_model_is_its_name(served):
    secret = served.account("encoded", "1")
    assert get(served.url, "/v1/models/demo%2Dsmall", secret).json()["id"] == "demo-small"
    assert get(served.url, "/v1/models/demo%2Fsmall", secret).status == 404


def test_an_expired_key_is_refused(served):
    served.account("expired", "1")
    secret = served.json("key", "create", "expired", "--expires", "2020-01-01")["secret"]
    time.sleep(1)
    assert post(served.url, PATH, secret, chat()).status == 401


def test_a_suspended_account_is_refused_until_it_is_resumed(served):
    secret = served.account("suspended", "1")
    served.run("account", "suspend", "suspended")
    wait_until(lambda: post(served.url, PATH, secret, chat()).status == 403, 5, "the suspension")
    served.run("account", "resume", "suspended")
    wait_until(lambda: post(served.url, PATH, secret, chat()).status == 200, 5, "the resumption")


def test_credits_are_shown_to_the_key(served):
    secret = served.account("credits", "2.5")
    shown = get(served.url, "/v1/credits", secret).json()
    assert shown == {
        "currency": "USD", "balance": "2.50", "held": "0.00", "available": "2.50",
        "credit_limit": "0.00", "caps": []}


def test_no_secret_reaches_the_log(served):
    secret = served.account("secretive", "1")
    post(served.url, PATH, secret, chat(words="hush hush"))
    log = (served.folder / "farebox.log").read_text()
    assert secret not in log
    assert "hush" not in log


def test_a_key_is_bound_to_addresses_and_no_client_can_lie_about_its_own(fresh, demo):
    fresh.configure_demo(demo.url)
    fresh.account("fenced", "1")
    here = fresh.json("key", "create", "fenced", "--ip", "127.0.0.0/8,::1/128")["secret"]
    elsewhere = fresh.json("key", "create", "fenced", "--ip", "203.0.113.0/24")["secret"]
    url = fresh.start()
    assert post(url, PATH, here, chat()).status == 200
    lie = {"x-forwarded-for": "203.0.113.9"}
    for headers in ({}, lie):
        answer = post(url, PATH, elsewhere, chat(), headers=headers)
        assert answer.status == 403, answer.body
        assert answer.json()["error"]["code"] == "permission_denied"
    prompt = {"model": "demo-claude", "max_tokens": 8,
              "messages": [{"role": "user", "content": "Tell me about fares"}]}
    answer = post(url, "/v1/messages", elsewhere, prompt)
    assert answer.status == 403
    assert answer.json()["error"]["type"] == "permission_error"


def test_behind_a_trusted_proxy_the_address_is_the_one_that_it_saw(fresh, demo):
    fresh.configure_demo(demo.url, trustedProxies=["127.0.0.1/32"])
    fresh.account("proxied", "1")
    secret = fresh.json("key", "create", "proxied", "--ip", "203.0.113.0/24")["secret"]
    url = fresh.start()

    def status(forwarded):
        headers = {"x-forwarded-for": forwarded} if forwarded else {}
        return post(url, PATH, secret, chat(), headers=headers).status

    assert status(None) == 403
    assert status("203.0.113.9") == 200
    # The proxy appends what it saw; what stands before is the client's own word.
    assert status("203.0.113.9, 198.51.100.7") == 403
    assert status("198.51.100.7, 203.0.113.9") == 200
