"""Credit that accounts buy: from the browser to the balance, and whatever else comes in by a webhook.

Payments, refunds and half of the notices are localstripe's own; Checkout sessions, which it has not,
are made before it in the documented shapes."""

import concurrent.futures
import json
import os
import re
import shutil
import time
import urllib.error
import urllib.request

import pytest

from client import get
from harness import Demo, Installation, Refused, wait_until
from local_stripe import LocalStripe, deliver, event, signed

KEY = "sk_test_hush4farebox"
SECRET = "whsec_hush4farebox"
OTHER_SECRET = "whsec_next4farebox"
# By another name than Stripe's, so that a browser takes it for another site.
CONSOLE = "http://console.test"
CHROMIUM = shutil.which("chromium")


class Shop:
    """A Farebox that sells credit, and its Stripe."""

    def __init__(self, folder):
        self.stripe = LocalStripe(folder, KEY, SECRET)
        self.demo = Demo(folder)
        self.farebox = Installation(folder)
        os.environ.update(STRIPE_KEY=KEY, STRIPE_HOOK=SECRET, STRIPE_NEXT_HOOK=OTHER_SECRET)
        self.farebox.prepare()
        self.settings = {
            "provider": "stripe", "secretKey": {"env": "STRIPE_KEY"},
            "webhookSecrets": [{"env": "STRIPE_HOOK"}, {"env": "STRIPE_NEXT_HOOK"}],
            "amounts": {"USD": {"min": "5", "max": "1000"}}, "baseURL": self.stripe.url,
            "successURL": f"{CONSOLE}/returned/{{account}}/{{top_up}}",
            "cancelURL": f"{CONSOLE}/returned/{{account}}/{{top_up}}",
        }
        self.farebox.configure_demo(self.demo.url, payments=self.settings)
        self.farebox.start()
        text = self.farebox.process.log.read_text()
        self.admin = re.findall(r"metrics on (http://127\.0\.0\.1:\d+)", text)[-1]
        self.hook = f"{self.farebox.url}/webhooks/stripe"
        self.stripe.listen(self.hook)

    def end(self):
        self.farebox.end()
        self.demo.end()
        self.stripe.end()

    def token(self, role, account=None):
        more = ["--account", account] if account else []
        return self.farebox.json("token", "create", "--role", role, *more)["secret"]

    def call(self, token, method, path, body=None, key=None):
        """The status and the JSON of an answer of the admin API."""
        headers = {"authorization": f"Bearer {token}", "content-type": "application/json"}
        if key:
            headers["idempotency-key"] = key
        request = urllib.request.Request(
            f"{self.admin}/admin/v1/{path}", method=method, headers=headers,
            data=None if body is None else json.dumps(body).encode())
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as refusal:
            with refusal:
                return refusal.code, json.load(refusal)

    def open(self, account, amount="25"):
        """A top-up that nobody has paid yet, and its session at Stripe."""
        status, made = self.call(
            self.token("account", account), "POST", f"accounts/{account}/top-ups",
            {"amount": amount})
        assert status == 201 and made["status"] == "pending", made
        return made, made["page_url"].rsplit("/", 1)[1]

    def show(self, made):
        return self.farebox.json("topup", "show", made["id"])

    def balance(self, account):
        return self.farebox.json("account", "show", account)["balance"]

    def await_balance(self, account, balance):
        wait_until(lambda: self.balance(account) == balance, 90, f"{account} to have {balance}")

    def ask_now(self, made):
        """As if the time to ask the provider had come."""
        self.farebox.database.query(
            f"UPDATE top_ups SET ask_at = now() - interval '1 s' WHERE top_up_id = '{made['id']}'")


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    pytest.importorskip("localstripe")
    shop = Shop(tmp_path_factory.mktemp("shop"))
    yield shop
    shop.farebox.verify()
    log = shop.farebox.process.log.read_text()
    trail = shop.farebox.database.query("SELECT before::text, after::text FROM audit_entries")
    for secret in [KEY, SECRET, OTHER_SECRET]:
        assert secret not in log and secret not in str(trail)
    shop.end()


@pytest.fixture
def account(shop, request):
    """An account of the test's own, without credit."""
    slug = re.sub(r"[^a-z0-9]+", "-", request.node.name.lower())[-40:].strip("-")
    shop.farebox.run("account", "create", slug)
    shop.stripe.is_silent = shop.stripe.is_down = False
    shop.stripe.listen(shop.hook)
    return slug


def test_the_same_notice_ten_times_at_once_credits_once(shop, account):
    made, session = shop.open(account)
    shop.stripe.is_silent = True
    paid = shop.stripe.pay_session(session)
    body, signature = signed(event("checkout.session.completed", paid), SECRET)
    with concurrent.futures.ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(lambda _: deliver(shop.hook, body, signature), range(10)))
    assert answers == [200] * 10
    assert shop.balance(account) == "25.00"
    shown = shop.show(made)
    assert (shown["status"], shown["payment"]) == ("credited", paid["payment_intent"])
    grants = shop.farebox.json("credit", "list", account)["grants"]
    assert [(g["id"], g["amount"], g["kind"], g["reference"]) for g in grants] == [
        (shown["grant"], "25.00", "paid", paid["payment_intent"])]
    # Days later, signed anew, and by another way.
    assert shop.stripe.tell("checkout.session.completed", paid) == 200
    intent = shop.stripe.ask("GET", f"/v1/payment_intents/{paid['payment_intent']}")
    assert shop.stripe.tell("payment_intent.succeeded", intent) == 200
    assert shop.balance(account) == "25.00"


def test_localstripes_own_notice_credits(shop, account):
    shop.stripe.listen(shop.hook, "payment_intent.succeeded")
    _, session = shop.open(account, "12.50")
    shop.stripe.is_silent = True
    shop.stripe.pay_session(session)
    shop.await_balance(account, "12.50")
    assert "successfully delivered" in shop.stripe.log.read_text()


def test_a_forged_notice_credits_nothing(shop, account):
    made, session = shop.open(account)
    shop.stripe.is_silent = True
    notice = event("checkout.session.completed", shop.stripe.pay_session(session))
    body, good = signed(notice, SECRET)
    stamp = int(time.time())
    forged = [
        (body, None), (body, ""), (body, "t=1,v1=00"), signed(notice, "whsec_guess"),
        (body.replace(b"2500", b"9999"), good), (body + b" ", good), (body[1:], good),
        (body, good.replace("v1=", "v0=")), (body, good.replace(f"t={stamp}", f"t={stamp + 1}x")),
        signed(notice, SECRET, stamp - 600), signed(notice, SECRET, stamp + 600),
    ]
    assert {deliver(shop.hook, *each) for each in forged} == {400}
    assert deliver(shop.hook, *signed({"object": "event"}, SECRET)) == 400
    big = json.dumps({"x": "y" * 300_000}).encode()
    assert deliver(shop.hook, big, good) == 413
    assert get(shop.farebox.url, "/webhooks/stripe").status == 405
    assert get(shop.farebox.url, "/webhooks/other").status == 404
    assert shop.balance(account) == "0.00" and shop.show(made)["status"] == "pending"
    # While the secret is changed the next one is as good.
    assert deliver(shop.hook, *signed(notice, OTHER_SECRET)) == 200
    assert shop.balance(account) == "25.00"


@pytest.mark.parametrize("change", ["amount", "currency", "page", "account", "top-up", "unpaid"])
def test_a_payment_that_does_not_fit_credits_nothing(shop, account, change):
    made, session = shop.open(account)
    shop.stripe.is_silent = True
    paid = shop.stripe.pay_session(session)
    nobody = "01990000-0000-7000-8000-000000000001"
    changed = {**paid, "metadata": dict(paid["metadata"])}
    if change == "amount":
        changed["amount_total"] = 2499
    elif change == "currency":
        changed["currency"] = "eur"
    elif change == "page":
        changed["id"] = "cs_test_other"
    elif change == "account":
        changed["metadata"]["farebox_account"] = nobody
    elif change == "top-up":
        changed["metadata"]["farebox_top_up"] = nobody
    else:
        changed["payment_status"] = "unpaid"
    # Signed and of no use: it is not to come again.
    assert shop.stripe.tell("checkout.session.completed", changed) == 200
    assert shop.balance(account) == "0.00"
    assert shop.farebox.events(account) == [] and shop.show(made)["status"] == "pending"
    assert shop.stripe.tell("checkout.session.completed", paid) == 200
    assert shop.balance(account) == "25.00"


def test_what_is_of_other_systems_is_acknowledged_without_effect(shop, account):
    shop.stripe.listen(shop.hook, "payment_intent.succeeded")
    ignored = 'farebox_payment_notices_total{end="ignored"}'
    before = int(shop.farebox.metrics()[ignored])
    intent = shop.stripe.pay(2500, "usd", {"order": "6735"})
    wait_until(lambda: int(shop.farebox.metrics()[ignored]) == before + 1, 90, "the notice")
    charge = shop.stripe.refund(intent["id"], 100)
    assert shop.stripe.tell("charge.refunded", charge) == 200
    assert shop.stripe.tell("customer.created", {"id": "cus_1", "object": "customer"}) == 200
    assert shop.farebox.events(account) == []


def test_a_notice_that_never_came_is_asked_for(shop, account):
    made, session = shop.open(account)
    shop.stripe.is_silent = True
    shop.ask_now(made)
    paid = shop.stripe.pay_session(session)
    shop.ask_now(made)
    shop.await_balance(account, "25.00")
    # A refund that was never told of, too.
    shop.stripe.refund(paid["payment_intent"], 500)
    shop.ask_now(made)
    shop.await_balance(account, "20.00")
    assert shop.show(made)["refunded"] == "5.00"


def test_a_page_that_ended_is_over_and_money_that_comes_later_is_not_lost(shop, account):
    made, session = shop.open(account)
    shop.stripe.expire(session)
    assert shop.show(made)["status"] == "expired" and shop.show(made)["page_url"] is None
    made, session = shop.open(account)
    shop.stripe.is_silent = True
    shop.stripe.expire(session)
    shop.ask_now(made)
    wait_until(lambda: shop.show(made)["status"] == "expired", 90, "the end")
    intent = shop.stripe.pay(2500, "usd", shop.stripe.sessions[session]["metadata"])
    assert shop.stripe.tell("payment_intent.succeeded", intent) == 200
    assert shop.balance(account) == "25.00"


def test_refunds_and_disputes_take_back_exactly_once(shop, account):
    made, session = shop.open(account)
    paid = shop.stripe.pay_session(session)
    payment = paid["payment_intent"]
    first = shop.stripe.refund(payment, 400)
    second = shop.stripe.refund(payment, 600)
    for charge in [first, second, first]:
        assert shop.stripe.tell("charge.refunded", charge) == 200
    assert shop.balance(account) == "15.00"

    def dispute(status, *moves):
        thing = {"id": f"du_{payment[3:]}", "object": "dispute", "amount": 1500, "currency": "usd",
                 "payment_intent": payment, "charge": second["id"], "status": status,
                 "balance_transactions": [{"amount": move} for move in moves]}
        assert shop.stripe.tell("charge.dispute.updated", thing) == 200

    dispute("warning_needs_response")
    assert shop.balance(account) == "15.00"
    for _ in range(2):
        dispute("needs_response", -1500)
    assert shop.balance(account) == "0.00" and shop.show(made)["disputed"] == "15.00"
    for _ in range(2):
        dispute("won", -1500, 1500)
    dispute("needs_response", -1500)
    assert shop.balance(account) == "15.00" and shop.show(made)["disputed"] == "0.00"
    kinds = [entry["kind"] for entry in shop.farebox.events(account)]
    assert kinds == ["credit_granted"] + ["credit_charged_back"] * 3 + ["credit_granted"]
    shop.farebox.verify()


def test_a_refund_that_fails_gives_the_credit_back_and_is_seen(shop, account):
    made, session = shop.open(account)
    payment = shop.stripe.pay_session(session)["payment_intent"]
    charge = shop.stripe.refund(payment, 1000)
    assert shop.balance(account) == "15.00"
    refund = shop.stripe.fail_refund(payment)
    for kind in ["refund.failed", "charge.refund.updated", "refund.updated"]:
        assert shop.stripe.tell(kind, refund) == 200
    assert shop.stripe.tell("charge.refunded", charge) == 200
    assert shop.balance(account) == "25.00"
    shown = shop.show(made)
    assert (shown["refunded"], shown["refund_failed"]) == ("0.00", "10.00")
    told = [message for message in shop.farebox.json("webhook", "messages")
            if message["account"] == account]
    assert sorted(message["kind"] for message in told) == ["topup.credited", "topup.refund_failed"]
    assert "a refund failed at the payment provider" in shop.farebox.process.log.read_text()
    shop.farebox.verify()


def test_a_provider_that_is_down_leaves_nothing_to_pay_and_the_same_key_tries_again(shop, account):
    token = shop.token("account", account)
    path = f"accounts/{account}/top-ups"
    shop.stripe.is_down = True
    status, problem = shop.call(token, "POST", path, {"amount": "25"}, key="order-7")
    assert status == 502 and KEY not in json.dumps(problem) and "stripe" not in json.dumps(problem)
    assert problem["type"] == "urn:farebox:payment-provider-unavailable"
    # Failures are no open pages: nobody is locked out by them.
    shop.farebox.database.query(f"""
        INSERT INTO top_ups (account_id, top_up_id, provider, amount, tax, opened_at, expires_at,
            page_failed_at)
        SELECT account_id, gen_random_uuid(), 'stripe', 1, 0, now(), now() + interval '1 h', now()
        FROM accounts, generate_series(1, 25) WHERE slug = '{account}'""")
    shop.stripe.is_down = False
    made = [shop.call(token, "POST", path, {"amount": "25"}, key="order-7") for _ in range(3)]
    assert {status for status, _ in made} == {201}
    assert len({answer["id"] for _, answer in made}) == 1
    assert len({answer["page_url"] for _, answer in made}) == 1
    assert shop.call(token, "POST", path, {"amount": "26"}, key="order-7")[0] == 409
    assert len(shop.call(token, "GET", path)[1]["data"]) == 26


def test_a_double_click_and_a_provider_that_stumbles_are_one_page(shop, account):
    token = shop.token("account", account)
    path = f"accounts/{account}/top-ups"
    shop.stripe.stumbles = 2
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        made = list(pool.map(
            lambda _: shop.call(token, "POST", path, {"amount": "25"}, key="order-8"), range(4)))
    assert {status for status, _ in made} == {201}, made
    assert len({(answer["id"], answer["page_url"]) for _, answer in made}) == 1


def test_who_may_buy_and_how_much(shop, account):
    team = shop.token("account", account)
    path = f"accounts/{account}/top-ups"
    for role in ["operator", "finance"]:
        assert shop.call(shop.token(role), "POST", path, {"amount": "5"})[0] == 201
    assert shop.call(shop.token("viewer"), "POST", path, {"amount": "5"})[0] == 403
    assert shop.call(team, "POST", "accounts/demo-other/top-ups", {"amount": "5"})[0] == 404
    made, _ = shop.open(account)
    shop.farebox.run("account", "create", f"{account}-b"[-60:])
    other = shop.token("account", f"{account}-b"[-60:])
    assert shop.call(other, "GET", f"{path}/{made['id']}")[0] == 404
    assert shop.call(other, "GET", f"accounts/{account}-b/top-ups/{made['id']}"[-200:])[0] == 404
    for amount in ["4.99", "1000.01", "5.001", "-5", "0"]:
        assert shop.call(team, "POST", path, {"amount": amount})[0] == 422, amount
    for body in [{}, {"amount": 5}, {"amount": "x"}, {"amount": "5", "currency": "EUR"}]:
        assert shop.call(team, "POST", path, body)[0] == 400, body
    shop.farebox.run("account", "create", f"{account}-e"[-60:], "--currency", "EUR")
    euros = shop.token("account", f"{account}-e"[-60:])
    assert shop.call(euros, "POST", f"accounts/{account}-e/top-ups", {"amount": "5"})[0] == 422
    entries = shop.farebox.database.query(
        "SELECT actor FROM audit_entries WHERE act = 'topup start' AND subject = 'top_ups'")
    assert all(actor.startswith("token fb-admin-") for actor, in entries) and entries


def test_half_set_payments_are_refused(shop, tmp_path):
    whole = {**shop.settings}
    for name in ["provider", "secretKey", "webhookSecrets", "amounts", "successURL", "cancelURL"]:
        shop.farebox.configure_demo(
            shop.demo.url, payments={key: value for key, value in whole.items() if key != name})
        with pytest.raises(Refused) as raised:
            shop.farebox.run("check-config")
        assert raised.value.code == 1 and f"payments.{name}" in str(raised.value)
    shop.farebox.configure_demo(shop.demo.url, payments=whole)
    assert "Credit in USD is sold with stripe." in shop.farebox.run("check-config")


def test_from_the_browser_to_the_balance(shop, account):
    playwright = pytest.importorskip("playwright.sync_api")
    axe = pytest.importorskip("axe_playwright_python.sync_playwright")
    if not CHROMIUM:
        pytest.skip("chromium is not installed")
    token = shop.token("account", account)
    names = f"--host-resolver-rules=MAP console.test {shop.admin.removeprefix('http://')}"
    with playwright.sync_playwright() as tools:
        browser = tools.chromium.launch(
            executable_path=CHROMIUM,
            args=["--no-sandbox", "--disable-features=HttpsUpgrades", names])
        page = browser.new_page()
        page.goto(f"{CONSOLE}/sign-in")
        page.get_by_label("Token").fill(token)
        page.get_by_role("button", name="Sign in").click()
        page.get_by_role("link", name="Buy credit").click()
        found = axe.Axe().run(page).response["violations"]
        assert not [v for v in found if v["impact"] in ("serious", "critical")], found
        page.get_by_label("Amount").fill("4")
        page.get_by_role("button", name="Go to the payment").click()
        assert "the amount must be from 5.00 USD" in page.get_by_role("alert").inner_text()
        page.go_back()
        page.get_by_label("Amount").fill("30")
        page.get_by_role("button", name="Go to the payment").click()
        page.get_by_role("heading", name="Pay 30.00 USD").wait_for()
        page.get_by_label("Card").fill("4242424242424242")
        page.get_by_role("button", name="Pay").click()
        page.get_by_text("Paid, and credited").wait_for(timeout=90_000)
        assert page.url.startswith(f"{CONSOLE}/accounts/{account}/top-ups/")
        assert shop.balance(account) == "30.00"
        page.get_by_role("link", name="To the account").click()
        assert "30.00" in page.locator("dl").first.inner_text()
        browser.close()
