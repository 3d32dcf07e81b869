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
