"""Price versions, plans and costs as an operator meets them."""

import datetime
import decimal
import json

import pytest

from client import chat, post
from harness import Refused, wait_until

MONTH = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m")


def refused(installation, *arguments):
    with pytest.raises(Refused) as raised:
        installation.run(*arguments)
    return raised.value


def call(installation, key, model="demo-small", **more):
    """One call; returns its identifier when its event has come."""
    answer = post(installation.url, "/v1/chat/completions", key, chat(model, **more))
    assert answer.status == 200, answer.body
    name = answer.fields["x-request-id"]

    def explained():
        try:
            return installation.json("explain", name)
        except Refused:
            return None

    return wait_until(explained, 90, "the call's event")


@pytest.fixture
def running(fresh, demo):
    fresh.configure_demo(demo.url)
    fresh.run("plan", "create", "gold", "--adjust=-10%")
    fresh.start()
    return fresh


def test_a_plan_is_charged_by_exact_prices_of_its_own_and_explains_itself(running):
    listed = call(running, running.account("listed", "5"))
    running.run("account", "create", "golden", "--plan", "gold")
    running.run("credit", "grant", "golden", "5")
    key = running.json("key", "create", "golden")["secret"]
    running.await_key(key)
    golden = call(running, key)
    assert (listed["plan"], golden["plan"]) == (None, "gold")
    assert golden["price_version"] != listed["price_version"]
    for there, here in zip(listed["terms"], golden["terms"], strict=True):
        assert here["tokens"] == there["tokens"]
        assert decimal.Decimal(here["price"]) == decimal.Decimal(there["price"]) * 9 / 10
        assert decimal.Decimal(here["amount"]) == (
            here["tokens"] * decimal.Decimal(here["price"]))
    total = sum(decimal.Decimal(term["amount"]) for term in golden["terms"])
    assert decimal.Decimal(golden["total"]) == decimal.Decimal(golden["charge"]) == total
    assert golden["excess"] == "0.00" and golden["lowered_cap"] is None
    prices = {row["item"]: row["price"] for row in running.json(
        "price", "list", "--model", "demo-small", "--plan", "gold")}
    assert prices == {"input": "0.135", "output": "0.54"}
    assert running.json("account", "plan", "golden").get("plan") is None
    running.verify()


def test_margins_are_known_by_account_model_and_upstream(running):
    cost = running.folder / "cost.json"
    cost.write_text(json.dumps({
        "format": "farebox-prices/1", "purpose": "cost", "currency": "EUR",
        "models": {"chat/demo-exact": {"input": "0", "output": "1"}}}))
    running.run("price", "import", cost)
    key = running.account("acme", "5")
    wait_until(
        lambda: call(running, key, "demo-exact")["upstream_cost_currency"] == "EUR",
        30, "the cost to be known")
    shown = call(running, key, "demo-small")
    assert shown["upstream_cost"] == shown["charge"]
    rows = running.json("margin", "--account", "acme")
    foreign = [row for row in rows if row["cost_currency"] == "EUR"]
    assert foreign[0]["model"] == "demo-exact" and foreign[0]["margin"] is None
    assert decimal.Decimal(foreign[0]["cost"]) > 0
    own = [row for row in rows if row["model"] == "demo-small"]
    assert [(row["account"], row["upstream"], row["margin"]) for row in own] == [
        ("acme", "chat", "0.00")]
    assert decimal.Decimal(own[0]["paid"]) == decimal.Decimal(shown["charge"])
    running.verify()


def test_a_version_is_previewed_on_the_calls_of_a_month(running, tmp_path):
    call(running, running.account("acme", "5"))
    file = tmp_path / "double.json"
    prices = {"input": "0.30", "output": "1.20"}
    file.write_text(json.dumps({
        "format": "farebox-prices/1", "currency": "USD", "models": {"demo-small": prices}}))
    dry = running.run("price", "import", file, "--dry-run")
    assert "demo-small input: 0.15 → 0.3 (+100%)" in dry
    version = running.json("price", "import", file)["version"]
    preview = running.json("price", "preview", version, "--month", MONTH)
    (row,) = preview["rows"]
    assert (row["account"], row["model"], row["calls"]) == ("acme", "demo-small", 1)
    assert decimal.Decimal(row["before"]) > 0
    assert decimal.Decimal(row["after"]) == 2 * decimal.Decimal(row["before"])
    assert row["difference"] == row["before"]
    assert running.json("price", "preview", version, "--month", "2001-01")["rows"] == []
    assert refused(running, "price", "preview", "999", "--month", MONTH).code == 1
    assert refused(running, "price", "preview", version, "--month", "lately").code == 2


def test_bad_price_files_are_refused_and_change_nothing(fresh, tmp_path):
    before = fresh.run("price", "list")
    file = tmp_path / "prices.json"
    model = {"input": "0.15", "output": "0.60"}
    whole = {"format": "farebox-prices/1", "currency": "USD", "models": {"demo-small": model}}

    # 50 MB, and as much as is read, both breaking off.
    for count in (2_000_000, 100_000):
        models = "".join(f'"m{n}": {{"input": "1"}}, ' for n in range(count))
        file.write_text('{"models": {' + models)
        error = refused(fresh, "price", "import", file)
        assert error.code == 1 and "prices.json" in str(error)
    assert fresh.run("price", "list") == before

    # A version that one to come would take over from.
    file.write_text(json.dumps({**whole, "models": {"demo-small": {**model, "output": "0.7"}}}))
    scheduled = fresh.json("price", "import", file, "--effective", "2099-01-01")["version"]
    after = fresh.run("price", "list")
    file.write_text(json.dumps({**whole, "models": {"demo-small": {**model, "output": "0.8"}}}))
    error = refused(fresh, "price", "import", file)
    assert error.code == 1 and f"version {scheduled}" in str(error)

    # A price by the token typed as one by the million, and a date that has passed.
    file.write_text(json.dumps({**whole, "models": {"demo-small": {**model, "output": "6000"}}}))
    error = refused(fresh, "price", "import", file, "--effective", "2099-02-01")
    assert error.code == 1 and "demo-small output" in str(error)
    assert refused(fresh, "price", "import", file, "--effective", "2020-01-01").code == 1
    assert fresh.run("price", "list") == after != before
