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
