"""The admin API over HTTP: roles, shapes, repeats, tags, and a fuzzer that reads openapi.yaml."""

import json
import os
import pathlib
import subprocess
import urllib.error
import urllib.request

import pytest

from harness import ROOT, Demo, Installation, wait_until


@pytest.fixture(scope="module")
def farebox(tmp_path_factory):
    folder = tmp_path_factory.mktemp("admin-api")
    demo = Demo(folder)
    installation = Installation(folder)
    installation.configure_demo(demo.url)
    installation.prepare()
    for account in ["team", "other"]:
        installation.account(account, "5")
    os.environ["FAREBOX_OPENAPI"] = str(ROOT / "openapi.yaml")
    installation.start()
    yield installation
    installation.end()
    demo.end()


@pytest.fixture(scope="module")
def admin(farebox):
    """The base URL of the admin listener."""
    import re

    log = (farebox.folder / "farebox.log").read_text()
    return re.search(r"metrics on (http://127\.0\.0\.1:\d+)", log).group(1)


@pytest.fixture(scope="module")
def tokens(farebox):
    roles = {role: farebox.json("token", "create", "--role", role)["secret"]
             for role in ["operator", "finance", "viewer"]}
    team = farebox.json("token", "create", "--role", "account", "--account", "team")
    return {**roles, "account": team["secret"]}


def call(admin, token, method, path, body=None, **fields):
    """The status, the fields and the JSON of an answer."""
    data = None if body is None else json.dumps(body).encode()
    headers = {name.replace("_", "-"): value for name, value in fields.items()}
    if token:
        headers["authorization"] = f"Bearer {token}"
    if data is not None:
        headers["content-type"] = "application/json"
    request = urllib.request.Request(
        f"{admin}/admin/v1/{path}", data=data, headers=headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, answer.headers, json.load(answer)
    except urllib.error.HTTPError as refusal:
        with refusal:
            return refusal.code, refusal.headers, json.load(refusal)


def test_it_answers_what_the_command_line_prints(farebox, admin, tokens):
    shown = farebox.json("account", "show", "team")
    status, _, answer = call(admin, tokens["viewer"], "GET", "accounts/team")
    assert status == 200
    assert {name: answer[name] for name in shown} == shown


def test_nobody_gets_in_without_a_token_that_is_good(farebox, admin, tokens):
    assert call(admin, None, "GET", "accounts")[0] == 401
    assert call(admin, "fb-admin-nobody", "GET", "accounts")[0] == 401
    made = farebox.json("token", "create", "--role", "viewer")
    assert call(admin, made["secret"], "GET", "accounts")[0] == 200
    farebox.run("token", "revoke", made["id"])
    assert call(admin, made["secret"], "GET", "accounts")[0] == 401


def test_a_team_token_sees_its_account_only(admin, tokens):
    team = tokens["account"]
    for path in ["", "/keys", "/projects", "/credits", "/usage"]:
        assert call(admin, team, "GET", f"accounts/team{path}")[0] == 200
        other = call(admin, team, "GET", f"accounts/other{path}")
        nobody = call(admin, team, "GET", f"accounts/nobody{path}")
        assert other[0] == nobody[0] == 404
        assert other[2]["detail"].replace("other", "nobody") == nobody[2]["detail"]
    for path in ["accounts", "audit", "tokens", "instances", "ledger/status", "prices"]:
        assert call(admin, team, "GET", path)[0] == 403
    key = call(admin, tokens["viewer"], "GET", "accounts/other/keys")[2]["data"][0]["id"]
    assert call(admin, team, "GET", f"accounts/team/keys/{key}")[0] == 404


def test_a_grant_comes_once_for_each_idempotency_key(farebox, admin, tokens):
    grants = [call(admin, tokens["finance"], "POST", "accounts/team/credits", {"amount": "7.5"},
                   idempotency_key="once") for _ in range(3)]
    assert {status for status, _, _ in grants} == {201}
    assert len({grant["id"] for _, _, grant in grants}) == 1
    other = call(admin, tokens["finance"], "POST", "accounts/team/credits", {"amount": "8"},
                 idempotency_key="once")
    assert other[0] == 409
    refused = call(admin, tokens["viewer"], "POST", "accounts/team/credits", {"amount": "8"})
    assert refused[0] == 403
    farebox.verify()


def test_of_two_who_edit_the_second_is_told(admin, tokens):
    operator = tokens["operator"]
    _, _, made = call(admin, operator, "POST", "accounts/team/keys", {"name": "edited"})
    path = f"accounts/team/keys/{made['id']}"
    tag = call(admin, operator, "GET", path)[1]["etag"]
    first = call(admin, operator, "PATCH", path, {"caps": {"day": "5"}}, if_match=tag)
    second = call(admin, operator, "PATCH", path, {"caps": {"day": "6"}}, if_match=tag)
    assert (first[0], second[0]) == (200, 412)
    assert call(admin, operator, "GET", path)[2]["caps"]["day"] == "5.00"


def test_every_act_is_in_the_audit_trail_with_who_did_it(admin, tokens):
    operator = tokens["operator"]
    call(admin, operator, "POST", "accounts/other/suspend")
    call(admin, operator, "POST", "accounts/other/resume")
    entries = call(admin, tokens["viewer"], "GET", "audit?limit=2")[2]["data"]
    assert [entry["act"] for entry in entries] == ["account resume", "account suspend"]
    assert all(entry["actor"].startswith("token fb-admin-") for entry in entries)
    assert entries[1]["before"]["status"] == "active"
    assert entries[1]["after"]["status"] == "suspended"


def test_a_webhook_is_made_rotated_paused_and_deleted(farebox, admin, tokens):
    operator = tokens["operator"]
    status, _, made = call(admin, operator, "POST", "webhooks", {
        "url": "http://127.0.0.1:9/hooks/T0KEN", "private": True, "kinds": ["balance.low"]})
    assert status == 201 and made["secret"].startswith("whsec_")
    path = f"webhooks/{made['id']}"
    rotated = call(admin, operator, "POST", f"{path}/rotate", {"overlap_seconds": 60})[2]
    assert rotated["secret"] not in ("", made["secret"]) and rotated["secret_rotated_at"]
    # Nobody sees a secret again, and who is no operator no URL that may be one.
    assert "secret" not in call(admin, operator, "GET", path)[2]
    assert call(admin, operator, "GET", path)[2]["url"].endswith("/hooks/T0KEN")
    assert call(admin, tokens["viewer"], "GET", path)[2]["url"] == "http://127.0.0.1:9/…"
    trail = json.dumps(call(admin, tokens["viewer"], "GET", "audit?limit=3")[2])
    assert "webhook rotate" in trail
    assert made["secret"] not in trail and rotated["secret"] not in trail and "T0KEN" not in trail
    for word, state in [("disable", "disabled"), ("enable", "enabled"), ("disable", "disabled")]:
        assert call(admin, operator, "POST", f"{path}/{word}")[2]["state"] == state
    assert call(admin, tokens["finance"], "POST", f"{path}/delete")[0] == 403
    assert call(admin, operator, "POST", f"{path}/delete")[2]["state"] == "deleted"
    assert call(admin, operator, "GET", path)[0] == 404
    refused = call(admin, operator, "POST", "webhooks", {"url": "https://169.254.169.254/"})
    assert refused[0] == 422 and "not public" in refused[2]["detail"]


def test_alerts_are_set_once_by_two_and_told_with_every_attempt(farebox, admin, tokens):
    operator, viewer = tokens["operator"], tokens["viewer"]
    hook = call(admin, operator, "POST", "webhooks", {
        "url": "http://127.0.0.1:9/", "private": True, "account": "other"})[2]
    _, fields, before = call(admin, tokens["viewer"], "GET", "accounts/other/alerts")
    assert before["low_balance"] is None
    path, tag = "accounts/other/alerts", fields["etag"]
    first = call(admin, operator, "PATCH", path, {"low_balance": "900"}, if_match=tag)
    second = call(admin, operator, "PATCH", path, {"low_balance": "800"}, if_match=tag)
    assert (first[0], second[0]) == (200, 412)
    days = call(admin, operator, "PATCH", path, {"runway_days": 7, "unused_days": None})[2]
    assert (days["low_balance"], days["runway_days"]) == ("900.00", 7)
    assert days == farebox.json("alert", "show", "other")
    assert call(admin, operator, "PATCH", path, {"runway_days": 366})[0] == 400
    assert call(admin, operator, "PATCH", path, {})[0] == 400
    # The account is below it, so its owner is told at once.
    message = call(admin, viewer, "GET", "webhook-messages?account=other")[2]["data"][0]
    assert message["kind"] == "balance.low"

    def failed():
        found = call(admin, viewer, "GET", f"webhooks/{hook['id']}/deliveries")[2]["data"]
        return found and found[0]["attempts"]

    attempt = wait_until(failed, 90, "an attempt")[0]
    assert attempt["failure"] and attempt["status"] is None
    whole = call(admin, viewer, "GET", f"webhook-messages/{message['id']}")[2]
    assert whole["body"]["data"]["threshold"] == "900"
    assert whole["deliveries"][0]["endpoint"] == hook["id"]
    assert call(admin, viewer, "POST", f"webhook-messages/{message['id']}/redeliver")[0] == 403
    again = call(admin, operator, "POST", f"webhook-messages/{message['id']}/redeliver")
    assert again[2] == {"id": message["id"], "endpoints": 1}
    team = tokens["account"]
    assert call(admin, team, "GET", "accounts/other/alerts")[0] == 404
    assert call(admin, team, "GET", "accounts/team/alerts")[0] == 200
    for path in ["webhooks", "webhook-messages", f"webhook-messages/{message['id']}"]:
        assert call(admin, team, "GET", path)[0] == 403
    call(admin, operator, "POST", f"webhooks/{hook['id']}/delete")


def price_file(**models):
    return {"format": "farebox-prices/1", "currency": "CHF", "models": {
        name.replace("_", "-"): {"input": price, "output": price} for name, price in models.items()}}


def test_prices_are_imported_once_and_guarded_by_problems_of_their_own(farebox, admin, tokens):
    operator, viewer = tokens["operator"], tokens["viewer"]
    dry = call(admin, operator, "POST", "prices?dry_run=true", price_file(m="2", old="1"))
    assert dry[0] == 200 and dry[2]["published"] is False and dry[2]["added"] == ["m", "old"]
    first = call(admin, operator, "POST", "prices", price_file(m="2", old="1"))
    assert first[0] == 201 and first[2]["version"] == dry[2]["version"]
    again = call(admin, operator, "POST", "prices", price_file(m="2", old="1"))
    assert (again[0], again[2]["version"]) == (200, first[2]["version"])
    jump = call(admin, operator, "POST", "prices", price_file(m="2000", new="1"))
    assert jump[0] == 422 and jump[2]["type"] == "urn:farebox:price-jumps"
    assert len(jump[2]["jumps"]) == 2 and jump[2]["jumps"][0].startswith("m input: 2 → 2000")
    soon = call(admin, operator, "POST", "prices?effective_at=2020-01-01", price_file(m="3"))
    assert soon[2]["type"] == "urn:farebox:price-too-soon" and soon[2]["earliest"]
    forced = call(admin, operator, "POST", "prices?force=true", price_file(m="2000", new="1"))
    assert forced[0] == 201
    late = call(admin, operator, "POST", "prices?effective_at=2099-01-01", price_file(m="2100"))
    overlap = call(admin, operator, "POST", "prices", price_file(m="2200"))
    assert overlap[2]["type"] == "urn:farebox:price-overlap"
    assert overlap[2]["version"] == late[2]["version"]
    assert call(admin, tokens["finance"], "POST", "prices", price_file(m="1"))[0] == 403
    bad = call(admin, operator, "POST", "prices", {"format": "farebox-prices/1", "models": {}})
    assert bad[0] == 422 and bad[2]["type"] == "urn:farebox:price-file"
    # The command line says the same.
    one, two = first[2]["version"], forced[2]["version"]
    diff = call(admin, viewer, "GET", f"prices/{two}/diff?from={one}")[2]
    assert diff == farebox.json("price", "diff", one, two)
    assert (diff["added"], diff["removed"]) == (["new"], ["old"])
    shown = call(admin, viewer, "GET", f"prices/{two}")[2]
    assert shown["header"]["version"] == two
    assert shown["sheet"]["models"]["m"] == {"input": "2000", "output": "2000"}
    listed = call(admin, viewer, "GET", "model-prices?currency=CHF&model=m")[2]["data"]
    assert listed == farebox.json("price", "list", "--model", "m", "--currency", "CHF")
    preview = call(admin, viewer, "GET", f"prices/{two}/preview?month=2026-10")[2]
    assert preview == farebox.json("price", "preview", two, "--month", "2026-10")
    assert call(admin, viewer, "GET", "prices/999/preview?month=2026-10")[0] == 404


def test_only_who_is_known_may_send_a_long_file(admin, tokens):
    models = {f"m{n}": "1" for n in range(3_000)}
    assert len(json.dumps(price_file(**models))) > 64 * 1024
    sent = call(admin, tokens["operator"], "POST", "prices?dry_run=true", price_file(**models))
    assert sent[0] == 200 and sent[2]["models"] == 3_000
    assert call(admin, "fb-admin-nobody", "POST", "prices", price_file(**models))[0] in (401, 413)
    long = call(admin, tokens["operator"], "POST", "accounts", {"slug": "x" * 70_000})
    assert long[0] == 413


def test_plans_are_changed_by_one_at_a_time(farebox, admin, tokens):
    operator = tokens["operator"]
    made = call(admin, operator, "POST", "plans", {"name": "gold", "adjust": "-10%"})
    assert made[0] == 201 and made[2]["adjustments"] == {"*": "-10%"}
    assert call(admin, operator, "POST", "plans", {"name": "gold"})[0] == 422
    _, fields, plan = call(admin, tokens["viewer"], "GET", "plans/gold")
    assert plan["revisions"] == farebox.json("plan", "list")
    change = {"model": "demo-small", "adjust": "+5%"}
    dry = call(admin, operator, "PATCH", "plans/gold", {**change, "dry_run": True})[2]
    assert any(line.startswith("demo-small input") for line in dry["changed"])
    first = call(admin, operator, "PATCH", "plans/gold", change, if_match=fields["etag"])
    second = call(admin, operator, "PATCH", "plans/gold", change, if_match=fields["etag"])
    assert (first[0], second[0]) == (200, 412)
    assert call(admin, operator, "POST", "accounts/other/plan", {"plan": "gold"})[2]["plan"] == "gold"
    assert call(admin, operator, "POST", "accounts/other/plan", {"plan": None})[2]["plan"] is None
    assert call(admin, operator, "POST", "accounts/other/plan", {"plan": "tin"})[0] == 422
    assert call(admin, tokens["finance"], "POST", "accounts/other/plan", {"plan": None})[0] == 403
    assert call(admin, tokens["viewer"], "GET", "plans/tin")[0] == 404


def test_a_live_instance_is_not_released_and_a_proof_is_remembered(farebox, admin, tokens):
    operator, viewer = tokens["operator"], tokens["viewer"]
    (instance,) = farebox.json("instance", "list")
    shown = call(admin, viewer, "GET", f"instances/{instance['id']}")[2]
    assert (shown["id"], shown["state"]) == (instance["id"], "live")
    wait_until(lambda: call(admin, viewer, "GET", f"instances/{instance['id']}")[2]["leases"] >= 0)
    path = f"instances/{instance['id']}/release"
    assert call(admin, tokens["finance"], "POST", path, {})[0] == 403
    nobody = instance["id"][:-4] + "ffff"
    assert call(admin, operator, "POST", f"instances/{nobody}/release", {})[0] == 404
    farebox.verify()
    (proof,) = [run for run in call(admin, viewer, "GET", "verifications")[2]
                if run["subject"] == "ledger"]
    assert proof["finding_count"] == 0 and proof["scope"] is None and proof["checked"] > 0
    upstreams = call(admin, viewer, "GET", "upstreams")[2]
    assert {upstream["circuit"] for upstream in upstreams} == {"closed"}
    for path in ["upstreams", "verifications", f"instances/{instance['id']}", "calls"]:
        assert call(admin, tokens["account"], "GET", path)[0] == 403


def test_accounts_are_searched_and_read_page_by_page(farebox, admin, tokens):
    viewer = tokens["viewer"]
    for number in range(3):
        farebox.run("account", "create", f"page-{number}", "--name", f"Searched {number}")
    found, cursor = [], ""
    while cursor is not None:
        query = f"accounts?search=SEARCHED&limit=2{cursor and '&cursor=' + cursor}"
        page = call(admin, viewer, "GET", query)[2]
        found += [account["slug"] for account in page["data"]]
        cursor = page["next_cursor"]
    assert found == ["page-0", "page-1", "page-2"]
    assert call(admin, viewer, "GET", "accounts?search=%25")[2]["data"] == []


def test_usage_is_asked_for_a_part_of_an_account(farebox, admin, tokens):
    for query in ["model=nothing", "upstream=nothing", "project=nothing",
                  "key=01a21057-8e8b-7522-ab94-d6a0d7cbd380"]:
        answer = call(admin, tokens["account"], "GET", f"accounts/team/usage?{query}")
        assert answer[0] == 200 and answer[2]["rows"] == []
        option, value = query.split("=")
        assert farebox.json("usage", "team", f"--{option}", value)["rows"] == []
    assert call(admin, tokens["account"], "GET", "accounts/team/usage?key=nonsense")[0] == 400


def test_a_credit_limit_and_the_open_month_are_finances_business(farebox, admin, tokens):
    finance = tokens["finance"]
    limit = call(admin, finance, "POST", "accounts/other/limit", {"credit_limit": "12.5"},
                 idempotency_key="limit")
    assert limit[0] == 200 and limit[2]["credit_limit"] == "12.50"
    assert call(admin, tokens["viewer"], "POST", "accounts/other/limit", {"credit_limit": "0"})[0] == 403
    draft = call(admin, tokens["viewer"], "GET", "accounts/other/draft-invoice")[2]
    assert draft["status"] == "draft" and draft["account"] == "other"
    future = call(admin, finance, "POST", "accounts/other/invoices", {"month": "2099-01"})
    assert future[0] == 422
    assert call(admin, finance, "POST", "invoices", {"month": "2001-01"})[2]["failures"] == []


def test_a_page_of_another_site_cannot_act(admin, tokens):
    refused = call(admin, tokens["operator"], "POST", "accounts/team/suspend",
                   origin="https://evil.example")
    assert refused[0] == 403


def test_a_fuzzer_that_reads_the_description_finds_nothing(admin, tokens, tmp_path):
    schemathesis = os.environ.get("FAREBOX_SCHEMATHESIS")
    if not schemathesis:
        pytest.skip("Tests/acceptance/run sets FAREBOX_SCHEMATHESIS")
    done = subprocess.run(
        [
            schemathesis, "--config-file", str(pathlib.Path(__file__).with_name("schemathesis.toml")),
            "run", f"{admin}/admin/openapi.yaml", "--url", admin,
            "--header", f"Authorization: Bearer {tokens['operator']}",
            "--max-examples", "20", "--seed", "1", "--generation-database", "none", "--no-color",
        ],
        cwd=tmp_path, capture_output=True, text=True, timeout=600,
    )
    assert done.returncode == 0, done.stdout[-20000:] + done.stderr[-2000:]
