"""Alerts by webhook, as a receiver with the reference library of Standard Webhooks takes them."""

import http.server
import json
import threading

import pytest
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from client import chat, post
from harness import Demo, Refused, wait_until

PATH = "/v1/chat/completions"


class Receiver:
    """A receiver on a port that stays its own, also while it is down."""

    def __init__(self):
        self.messages = []
        self.status = 204
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"]))
                receiver.messages.append((self.path, dict(self.headers.items()), body))
                self.send_response(receiver.status)
                self.end_headers()

            def log_message(self, *arguments):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server.server_port}"

    def of(self, path, kind):
        """What came on a path, by kind, with its headers in lower case."""
        found = []
        for at, headers, body in list(self.messages):
            if at == path and json.loads(body)["type"] == kind:
                found.append(({name.lower(): value for name, value in headers.items()}, body))
        return found

    def end(self):
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def receiver():
    receiver = Receiver()
    yield receiver
    receiver.end()


def await_message(receiver, path, kind):
    return wait_until(lambda: receiver.of(path, kind), 90, f"{kind} on {path}")[0]


def test_a_falling_balance_is_told_with_a_signature_that_the_library_takes(
        fresh, demo, receiver):
    fresh.configure_demo(demo.url)
    url = fresh.start()
    key = fresh.account("acme", "0.0001")
    fresh.account("other", "0")
    made = fresh.json("webhook", "create", f"{receiver.url}/acme", "--account", "acme", "--private")
    fresh.json("webhook", "create", f"{receiver.url}/other", "--account", "other", "--private")
    assert fresh.json("alert", "set", "acme", "--low-balance", "0.00009") == {
        "account": "acme", "currency": "USD", "low_balance": "0.00009", "runway_days": None,
        "anomaly_percent": None, "unused_days": None}
    assert post(url, PATH, key, chat(max_tokens=32)).status == 200
    headers, body = await_message(receiver, "/acme", "balance.low")
    told = Webhook(made["secret"]).verify(body, headers)
    assert told["data"]["account"] == "acme" and told["data"]["threshold"] == "0.00009"
    with pytest.raises(WebhookVerificationError):
        Webhook(made["secret"]).verify(body.replace(b"acme", b"evil"), headers)
    fresh.run("credit", "adjust", "acme", "-0.00009", "--force", "--reason", "test")
    headers, body = await_message(receiver, "/acme", "balance.exhausted")
    Webhook(made["secret"]).verify(body, headers)
    assert not [path for path, _, _ in receiver.messages if path == "/other"]
    # Neither log nor audit trail nor a list says the secret.
    assert made["secret"] not in fresh.process.log.read_text()
    assert made["secret"] not in fresh.run("webhook", "list", "--json")
    assert fresh.process.stop() == 0


def test_a_runway_that_is_too_short_is_told(fresh, demo, receiver):
    fresh.configure_demo(demo.url)
    url = fresh.start()
    key = fresh.account("acme", "0.0001")
    fresh.json("webhook", "create", f"{receiver.url}/acme", "--account", "acme", "--private")
    assert post(url, PATH, key, chat(max_tokens=32)).status == 200
    wait_until(lambda: any(event["usage"] for event in fresh.events("acme")), 30, "the charge")
    shown = fresh.json("alert", "set", "acme", "--runway-days", "365", "--unused-days", "90")
    assert shown["runway_days"] == 365 and shown["unused_days"] == 90
    _, body = await_message(receiver, "/acme", "balance.runway_short")
    told = json.loads(body)["data"]
    assert told["threshold_days"] == 365 and 0 < told["runway_days"] < 365
    assert not receiver.of("/acme", "key.unused")


def test_a_receiver_that_fails_gets_the_same_message_later(fresh, demo, receiver):
    fresh.configure_demo(demo.url)
    fresh.start()
    receiver.status = 500
    fresh.json("webhook", "create", f"{receiver.url}/hook", "--private")
    fresh.account("acme", "1")
    fresh.run("credit", "adjust", "acme", "-1", "--force", "--reason", "test")
    headers, _ = await_message(receiver, "/hook", "balance.exhausted")
    wait_until(lambda: fresh.json("webhook", "list")[0]["failing_since"], 30, "the failure")
    assert fresh.json("webhook", "list")[0]["last_failure"] == "the receiver answered 500"
    receiver.status = 204
    wait_until(lambda: fresh.json("webhook", "list")[0]["pending"] == 0, 90, "the next attempt")
    again = receiver.of("/hook", "balance.exhausted")
    assert {found["webhook-id"] for found, _ in again} == {headers["webhook-id"]}
    assert len({body for _, body in again}) == 1
    message = fresh.json("webhook", "messages")[0]
    assert message["id"] == headers["webhook-id"] and message["delivered"] == 1
    count = len(again)
    assert fresh.json("webhook", "redeliver", message["id"])["endpoints"] == 1
    wait_until(
        lambda: len(receiver.of("/hook", "balance.exhausted")) > count, 90, "the redelivery")
    assert float(fresh.metrics()['farebox_webhook_attempts_total{end="delivered"}']) >= 1


def test_a_disabled_endpoint_gets_what_waits_once_it_is_enabled(fresh, demo, receiver):
    fresh.configure_demo(demo.url)
    fresh.start()
    made = fresh.json("webhook", "create", f"{receiver.url}/hook", "--private")
    assert fresh.json("webhook", "disable", made["id"])["state"] == "disabled"
    fresh.account("acme", "1")
    fresh.run("credit", "adjust", "acme", "-1", "--force", "--reason", "test")
    assert fresh.json("webhook", "list")[0]["pending"] == 1
    assert receiver.messages == []
    assert fresh.json("webhook", "enable", made["id"])["state"] == "enabled"
    await_message(receiver, "/hook", "balance.exhausted")


@pytest.mark.parametrize("url", [
    "http://example.com/", "https://127.0.0.1/", "https://169.254.169.254/latest", "https://2130706433/",
    "https://user:password@example.com/", "ftp://example.com/", "https://localhost/", "https://[::1]/",
])
def test_an_endpoint_at_no_public_address_is_refused(fresh, url):
    with pytest.raises(Refused) as raised:
        fresh.run("webhook", "create", url)
    assert raised.value.code == 1
    assert fresh.json("webhook", "list") == []


def test_an_upstream_that_is_down_is_told_to_operators_alone(fresh, tmp_path, receiver):
    upstream = Demo(tmp_path)
    fresh.configure_demo(upstream.url, circuit={"failures": 1, "seconds": 2, "secondsMax": 2})
    url = fresh.start()
    key = fresh.account("acme", "1")
    operator = fresh.json("webhook", "create", f"{receiver.url}/operator", "--private")
    fresh.json("webhook", "create", f"{receiver.url}/acme", "--account", "acme", "--private")
    upstream.end()

    def is_told():
        post(url, PATH, key, chat(max_tokens=16))
        return receiver.of("/operator", "upstream.down")

    headers, body = wait_until(is_told, 90, "upstream.down")[0]
    told = Webhook(operator["secret"]).verify(body, headers)
    assert told["data"]["account"] is None and told["data"]["upstream"] == "chat"
    assert not [path for path, _, _ in receiver.messages if path == "/acme"]


def test_a_cap_and_a_key_near_their_end_are_told_to_their_account(fresh, demo, receiver):
    fresh.configure_demo(demo.url)
    url = fresh.start()
    fresh.account("acme", "1")
    fresh.json("webhook", "create", f"{receiver.url}/acme", "--account", "acme", "--private")
    # 16 tokens at 10 a million, and the prompt is free: exactly four fifths.
    key = fresh.json("key", "create", "acme", "--name", "ci", "--cap-day", "0.0002")
    fresh.await_key(key["secret"])
    assert post(url, PATH, key["secret"], chat("demo-exact", max_tokens=16)).status == 200
    _, body = await_message(receiver, "/acme", "cap.nearly_reached")
    told = json.loads(body)["data"]
    assert {name: told[name] for name in ["scope", "id", "name", "period", "limit", "spent"]} == {
        "scope": "key", "id": key["id"], "name": "ci", "period": "day", "limit": "0.0002",
        "spent": "0.00016"}
    # As if it had been made long ago.
    fresh.database.query(
        "UPDATE api_keys SET created_at = now() - interval '99 days',"
        f" expires_at = now() + interval '1 day' WHERE key_id = '{key['id']}'")
    _, body = await_message(receiver, "/acme", "key.expiring")
    assert json.loads(body)["data"]["key"] == key["id"]


def test_what_a_verification_finds_is_told_to_operators(fresh, demo, receiver):
    fresh.configure_demo(demo.url)
    fresh.start()
    fresh.account("acme", "1")
    fresh.json("webhook", "create", f"{receiver.url}/operator", "--private")
    fresh.run("ledger", "verify")
    fresh.database.query("UPDATE account_heads SET balance = balance + 1")
    with pytest.raises(Refused) as raised:
        fresh.run("ledger", "verify")
    assert raised.value.code == 1
    _, body = await_message(receiver, "/operator", "verification.failed")
    told = json.loads(body)["data"]
    assert told["account"] is None and told["check"] == "ledger"
    assert told["finding_count"] > 0 and any("acme" in line for line in told["examples"])
    assert len(receiver.of("/operator", "verification.failed")) == 1
