"""Stripe on this machine: payments, refunds and signed notices by localstripe from PyPI, and before
it the Checkout sessions that it has not, in the shapes of Stripe's documentation."""

import hashlib
import hmac
import html
import http.server
import json
import secrets
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.parse
import urllib.request

from harness import wait_until

CARD = "4242424242424242"
DECLINED = "4000000000000341"


def signed(event, secret, stamp=None):
    """An event's bytes, and the field with their signature."""
    body = json.dumps(event, indent=2).encode()
    stamp = int(time.time()) if stamp is None else stamp
    code = hmac.new(secret.encode(), f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()
    return body, f"t={stamp},v1={code}"


def event(kind, thing):
    return {"id": f"evt_{secrets.token_hex(8)}", "object": "event", "api_version": "2024-06-20",
            "created": int(time.time()), "data": {"object": thing}, "livemode": False,
            "pending_webhooks": 1, "request": {"id": None, "idempotency_key": None}, "type": kind}


def deliver(url, body, signature):
    """The status that a notice is answered with."""
    headers = {"content-type": "application/json"}
    if signature is not None:
        headers["stripe-signature"] = signature
    request = urllib.request.Request(url, data=body, headers=headers, method="POST")
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status
    except urllib.error.HTTPError as refusal:
        with refusal:
            return refusal.code


class LocalStripe:
    """What `api.stripe.com` and `checkout.stripe.com` are to the world."""

    def __init__(self, folder, key, webhook_secret):
        self.key, self.webhook_secret = key, webhook_secret
        self.webhook_url = None
        # Whether sessions tell of themselves; localstripe's own notices are set by `listen`.
        self.is_silent = False
        self.is_down = False
        # How often the next sessions fail; by the same key they then always do.
        self.stumbles, self.stumbled = 0, set()
        # Refunds that localstripe, which lets none fail, does not know to have failed.
        self.failed_refunds = set()
        self.sessions, self.made, self.requests = {}, {}, []
        self.log = folder / "localstripe.log"
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
            port = probe.getsockname()[1]
        with open(self.log, "ab") as output:
            self.child = subprocess.Popen(
                [sys.executable, "-m", "localstripe", "--port", str(port), "--from-scratch"],
                cwd=folder, stdout=output, stderr=subprocess.STDOUT)
        self.upstream = f"http://localhost:{port}"
        wait_until(self._is_up, 60, "localstripe")
        stripe = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                stripe.answer(self, "GET", b"")

            def do_POST(self):
                length = int(self.headers.get("content-length") or 0)
                stripe.answer(self, "POST", self.rfile.read(length))

            def log_message(self, *arguments):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://localhost:{self.server.server_port}"

    def _is_up(self):
        assert self.child.poll() is None, self.log.read_text()[-4000:]
        try:
            self.ask("GET", "/v1/payment_intents")
            return True
        except OSError:
            return False

    def end(self):
        self.server.shutdown()
        self.server.server_close()
        self.child.kill()
        self.child.wait()

    # The real localstripe.

    def ask(self, method, path, form=None):
        """What localstripe answers; raises HTTPError for a refusal."""
        data = None if form is None else urllib.parse.urlencode(form).encode()
        request = urllib.request.Request(
            self.upstream + path, data=data, method=method,
            headers={"authorization": f"Bearer {self.key}"})
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.loads(answer.read() or b"null")

    def listen(self, url, *kinds):
        """Has localstripe send its own notices of these kinds."""
        self.webhook_url = url
        body = json.dumps({"url": url, "secret": self.webhook_secret, "events": list(kinds)})
        request = urllib.request.Request(
            f"{self.upstream}/_config/webhooks/farebox", data=body.encode(), method="POST",
            headers={"content-type": "application/json"})
        urllib.request.urlopen(request, timeout=30).close()

    def pay(self, amount, currency, metadata, card=CARD):
        """A payment by card, made and confirmed at localstripe."""
        method = self.ask("POST", "/v1/payment_methods", {
            "type": "card", "card[number]": card, "card[exp_month]": "12",
            "card[exp_year]": "2030", "card[cvc]": "123"})
        return self.ask("POST", "/v1/payment_intents", {
            "amount": str(amount), "currency": currency, "payment_method": method["id"],
            "confirm": "true", **{f"metadata[{name}]": value for name, value in metadata.items()}})

    # Checkout sessions.

    def pay_session(self, identifier, card=CARD):
        """What the page's button does."""
        session = self.sessions[identifier]
        assert session["status"] == "open"
        intent = self.pay(session["amount_total"], session["currency"], session["metadata"], card)
        session.update(status="complete", payment_status="paid", payment_intent=intent["id"], url=None)
        if not self.is_silent:
            self.tell("checkout.session.completed", session)
        return session

    def expire(self, identifier):
        session = self.sessions[identifier]
        session.update(status="expired", url=None)
        if not self.is_silent:
            self.tell("checkout.session.expired", session)

    def refund(self, payment, amount):
        """Refunds at localstripe, which does not tell of it by itself."""
        self.ask("POST", "/v1/refunds", {"payment_intent": payment, "amount": str(amount)})
        charge = self.ask("GET", f"/v1/payment_intents/{payment}")["latest_charge"]
        if not self.is_silent:
            self.tell("charge.refunded", charge)
        return charge

    def fail_refund(self, payment):
        """Has the newest refund of a payment fail."""
        refund = self._refunds(f"/v1/refunds?payment_intent={payment}")["data"][0]
        self.failed_refunds.add(refund["id"])
        return {**refund, "status": "failed"}

    def _refunds(self, path):
        refunds = self.ask("GET", path)
        for refund in refunds["data"]:
            if refund["id"] in self.failed_refunds:
                refund["status"] = "failed"
        return refunds

    def tell(self, kind, thing):
        return deliver(self.webhook_url, *signed(event(kind, thing), self.webhook_secret))

    def answer(self, handler, method, body):
        path, _, query = handler.path.partition("?")
        self.requests.append((method, handler.path, body.decode()))
        if path.startswith("/pay/"):
            return self._page(handler, method, path[5:], body)
        if self.is_down:
            return self._json(handler, 503, {"error": {"type": "api_error"}})
        if handler.headers.get("authorization") != f"Bearer {self.key}":
            return self._json(handler, 401, {"error": {"type": "invalid_request_error"}})
        if path == "/v1/checkout/sessions" and method == "POST":
            return self._make(handler, dict(urllib.parse.parse_qsl(body.decode())))
        if path.startswith("/v1/checkout/sessions/"):
            session = self.sessions.get(path.rsplit("/", 1)[1])
            return self._json(handler, 200 if session else 404, session or {"error": {
                "type": "invalid_request_error", "code": "resource_missing"}})
        try:
            if path == "/v1/refunds" and method == "GET":
                return self._json(handler, 200, self._refunds(handler.path))
            self._json(handler, 200, self.ask(method, handler.path))
        except urllib.error.HTTPError as refusal:
            self._json(handler, refusal.code, json.loads(refusal.read()))

    def _make(self, handler, form):
        key = handler.headers["idempotency-key"]
        if self.stumbles > 0:
            self.stumbles -= 1
            self.stumbled.add(key)
        if key in self.stumbled:
            return self._json(handler, 500, {"error": {"type": "api_error"}})
        if key in self.made:
            before, session = self.made[key]
            assert before == form, "one key came with two orders"
            return self._json(handler, 200, session)
        price = "line_items[0][price_data]"
        left = int(form["expires_at"]) - time.time()
        assert form["mode"] == "payment" and form["line_items[0][quantity]"] == "1"
        assert 30 * 60 < left < 24 * 3600 and form[f"{price}[product_data][name]"]
        tags = {name[9:-1]: value for name, value in form.items() if name.startswith("metadata[")}
        assert all(form[f"payment_intent_data[metadata][{name}]"] == tags[name] for name in tags)
        identifier = f"cs_test_{secrets.token_hex(24)}"
        amount = int(form[f"{price}[unit_amount]"])
        session = {
            "id": identifier, "object": "checkout.session", "amount_subtotal": amount,
            "amount_total": amount, "client_reference_id": form["client_reference_id"],
            "cancel_url": form["cancel_url"], "created": int(time.time()),
            "currency": form[f"{price}[currency]"], "expires_at": int(form["expires_at"]),
            "livemode": False, "metadata": tags, "mode": "payment", "payment_intent": None,
            "payment_status": "unpaid", "status": "open", "success_url": form["success_url"],
            "url": f"{self.url}/pay/{identifier}"}
        self.sessions[identifier] = session
        self.made[key] = (form, session)
        self._json(handler, 200, session)

    def _page(self, handler, method, identifier, body):
        session = self.sessions[identifier]
        if method == "POST":
            card = dict(urllib.parse.parse_qsl(body.decode()))["card"]
            self.pay_session(identifier, card)
            handler.send_response(303)
            handler.send_header("location", session["success_url"])
            handler.send_header("content-length", "0")
            return handler.end_headers()
        total = f"{session['amount_total'] / 100:.2f} {session['currency'].upper()}"
        page = (f"<!doctype html><html lang=en><title>Checkout</title><h1>Pay {total}</h1>"
                "<form method=post><label>Card <input name=card></label><button>Pay</button></form>"
                f"<a href='{html.escape(session['cancel_url'])}'>Back</a>")
        self._send(handler, 200, "text/html", page.encode())

    def _json(self, handler, status, value):
        self._send(handler, status, "application/json", json.dumps(value).encode())

    @staticmethod
    def _send(handler, status, kind, body):
        handler.send_response(status)
        handler.send_header("content-type", kind)
        handler.send_header("content-length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)
