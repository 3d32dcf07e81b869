"""Months for the programs of finance: costs and usage by FOCUS, and the general ledger."""

import csv
import io
import os
import pathlib
import subprocess
import time
import urllib.error
import urllib.request
from collections import defaultdict
from decimal import Decimal

import pytest

from client import chat, post
from harness import Refused

MONTH = time.strftime("%Y-%m", time.gmtime())
# Rules of focus-validator 1.0.0 that are not those of FOCUS 1.0: one asks for a column of 0.5, and
# four columns have the names that they had before 1.0 was final.
OVERRIDES = "overrides:\n  - SkuPriceId_Nullable\n"
FORMER_NAMES = {
    "InvoiceIssuer": "InvoiceIssuerName", "Provider": "ProviderName",
    "Publisher": "PublisherName", "ResourceID": "ResourceId"}


def records(text):
    return list(csv.DictReader(io.StringIO(text, newline="")))


def validate(rows, folder):
    """What focus-validator says of rows; its list of currencies is found from its own folder."""
    python = os.environ.get("FAREBOX_FOCUS_PYTHON")
    if not python:
        pytest.skip("Tests/acceptance/run sets FAREBOX_FOCUS_PYTHON")
    rows = [{**row, **{old: row[new] for old, new in FORMER_NAMES.items()}} for row in rows]
    with open(folder / "focus.csv", "w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    (folder / "overrides.yaml").write_text(OVERRIDES)
    home = subprocess.run(
        [python, "-c", "import focus_validator; print(focus_validator.__path__[0])"],
        check=True, capture_output=True, text=True).stdout.strip()
    return subprocess.run(
        [pathlib.Path(python).with_name("focus-validator"), "--data-file", folder / "focus.csv",
         "--validate-version", "1.0", "--override-file", folder / "overrides.yaml"],
        cwd=pathlib.Path(home).parent, capture_output=True, text=True, timeout=300).stdout


def total(rows, column):
    return sum((Decimal(row[column]) for row in rows), Decimal(0))


@pytest.fixture(scope="module")
def farebox(tmp_path_factory, demo):
    """Two accounts with calls; one has a gift beside what it paid, and a taxed receipt."""
    from harness import Installation

    folder = tmp_path_factory.mktemp("exports")
    installation = Installation(folder)
    installation.prepare()
    installation.configure_demo(demo.url)
    url = installation.start()
    installation.run("issuer", "create", "us", "--name", "Us Ltd", "--series", "INV")
    for slug in ["team", "other"]:
        key = installation.account(slug, "5")
        installation.run("credit", "grant", slug, "0.000000000777", "--kind", "promotional")
        for stream in [False, True, False]:
            assert post(url, "/v1/chat/completions", key,
                        chat(stream=stream, max_tokens=7)).status == 200
        installation.settled(slug)
    installation.run("account", "billing", "team", "--name", "Team Inc.", "--address", "1 Street")
    installation.run("tax", "set", "team", "--category", "S", "--rate", "19")
    installation.run("invoice", "receipts", "--account", "team")
    yield installation
    installation.end()


def test_focus_validator_finds_nothing_in_an_export(farebox, tmp_path):
    rows = records(farebox.run("export", "focus", "--month", MONTH))
    assert {row["BillingAccountId"] for row in rows} == {"team", "other"}
    assert {row["ChargeCategory"] for row in rows} == {"Usage", "Purchase", "Credit", "Tax"}
    report = validate(rows, tmp_path)
    assert "Validation succeeded" in report, report[-3000:]
    # What the overridden rule should have asked for.
    assert all(row["SkuPriceId"] for row in rows if row["ChargeCategory"] in ("Usage", "Purchase"))


def test_a_broken_export_would_be_found(farebox, tmp_path):
    rows = records(farebox.run("export", "focus", "--month", MONTH))
    rows[0]["BilledCost"] = "a lot"
    assert "Validation failed" in validate(rows, tmp_path)


def test_costs_are_exactly_what_calls_cost(farebox):
    rows = records(farebox.run("export", "focus", "--month", MONTH, "--account", "team"))
    usage = [row for row in rows if row["ChargeCategory"] == "Usage"]
    events = [event for event in farebox.events("team") if event["kind"] == "usage"]
    assert total(usage, "EffectiveCost") == -sum(Decimal(event["amount"]) for event in events)
    consumed = defaultdict(Decimal)
    for row in usage:
        consumed[row["SkuId"]] += Decimal(row["ConsumedQuantity"])
        price = Decimal(row["PricingQuantity"]) * Decimal(row["ContractedUnitPrice"])
        assert price == Decimal(row["ContractedCost"]) == Decimal(row["ListCost"])
    tokens = {name: sum(event["usage"][f"{name}_tokens"] for event in events)
              for name in ["input", "output"]}
    assert consumed == {f"demo-small/{name}": count for name, count in tokens.items()}
    # All of it was paid beforehand or given: nothing of it is billed but the purchase and its tax.
    gifts = [row for row in rows if row["ChargeCategory"] == "Credit"]
    assert total(gifts, "BilledCost") == Decimal("-0.000000000777")
    assert total(usage, "BilledCost") == -total(gifts, "BilledCost")
    assert total(rows, "BilledCost") == Decimal(5) + Decimal("0.95")


def test_no_cost_passes_through_a_floating_point_number(farebox):
    text = farebox.run("export", "focus", "--month", MONTH)
    assert all("e" not in row[column].lower() for row in records(text)
               for column in row if column.endswith("Cost") or column.endswith("Price"))


def test_the_general_ledger_balances_and_agrees_with_focus(farebox):
    entries = records(farebox.run("journal", "export", "--month", MONTH))
    sums = defaultdict(Decimal)
    accounts = defaultdict(Decimal)
    for row in entries:
        amount = Decimal(row["debit"] or 0) - Decimal(row["credit"] or 0)
        assert (row["debit"] == "") != (row["credit"] == "")
        sums[row["entry"]] += amount
        accounts[row["account"], row["gl_account"]] += amount
    assert sums and set(sums.values()) == {Decimal(0)}
    for slug in ["team", "other"]:
        shown = farebox.json("credit", "list", slug)
        grants = shown["grants"] if isinstance(shown, dict) else shown
        rest = sum(Decimal(grant["remaining"]) for grant in grants if grant["kind"] == "paid")
        assert accounts[slug, "deferred_revenue"] == -rest
        rows = records(farebox.run("export", "focus", "--month", MONTH, "--account", slug))
        asked = accounts[slug, "cash"] + accounts[slug, "receivable"]
        assert total(rows, "BilledCost") == asked
        assert total(rows, "EffectiveCost") == asked - rest


def test_balances_are_in_whole_cents_and_sum_to_zero(farebox):
    rows = records(farebox.run("journal", "export", "--month", MONTH, "--form", "balances"))
    assert rows
    for slug in ["team", "other"]:
        own = [row for row in rows if row["account"] == slug]
        for column in ["opening", "closing"]:
            assert total(own, column) == 0
        assert total(own, "debit") == total(own, "credit")
        assert all(len(row["closing"].partition(".")[2]) == 2 for row in own)


def test_an_export_of_no_month_or_nobody_is_refused(farebox, tmp_path):
    for words in (["export", "focus"], ["journal", "export"]):
        for options, code in (([], 2), (["--month", "2026-13"], 2), (["--month", "9000-01"], 1),
                              (["--month", MONTH, "--account", "nobody"], 1)):
            with pytest.raises(Refused) as refused:
                farebox.run(*words, *options, "--output", tmp_path / "file")
            assert refused.value.code == code, (words, options)
    assert not list(tmp_path.iterdir())


def test_the_admin_api_gives_exports_to_whom_they_concern(farebox):
    admin = farebox.process.log.read_text().rsplit("metrics on ", 1)[1].split("/metrics")[0]
    tokens = {role: farebox.json("token", "create", "--role", role)["secret"]
              for role in ["operator", "finance", "viewer"]}
    tokens["team"] = farebox.json(
        "token", "create", "--role", "account", "--account", "team")["secret"]

    def get(role, path):
        request = urllib.request.Request(
            f"{admin}/admin/v1/{path}", headers={"authorization": f"Bearer {tokens[role]}"})
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                assert answer.headers["content-type"].startswith("text/csv")
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as refusal:
            with refusal:
                return refusal.code, refusal.read().decode()

    for role, statuses in {"operator": [200] * 4, "finance": [200] * 4, "viewer": [403] * 4,
                           "team": [403, 200, 403, 403]}.items():
        paths = ["exports/focus", "accounts/team/exports/focus", "exports/journal",
                 "accounts/team/exports/journal"]
        assert [get(role, f"{path}?month={MONTH}")[0] for path in paths] == statuses, role
    assert get("team", f"accounts/other/exports/focus?month={MONTH}")[0] == 404
    own = get("team", f"accounts/team/exports/focus?month={MONTH}")[1].replace("\r\n", "\n")
    assert own == farebox.run("export", "focus", "--month", MONTH, "--account", "team")
    assert get("finance", "exports/focus")[0] == 400
    assert get("finance", "exports/focus?month=9000-01")[0] == 422
