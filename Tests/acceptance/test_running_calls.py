"""Calls that are under way, as the console shows them while they run."""

import re
import threading

import pytest

from client import chat, post
from harness import Demo, Installation, wait_until
from test_admin_api import call

PATH = "/v1/chat/completions"


@pytest.fixture(scope="module")
def farebox(tmp_path_factory):
    folder = tmp_path_factory.mktemp("running-calls")
    # Slow enough to be looked at: seconds until the first byte, then a minute of chunks.
    demo = Demo(folder, "--delay-ms", "3000", "--chunk-ms", "500", "--words", "120")
    installation = Installation(folder)
    installation.configure_demo(demo.url)
    installation.prepare()
    installation.start()
    yield installation
    installation.end()
    demo.end()


@pytest.fixture(scope="module")
def admin(farebox):
    log = (farebox.folder / "farebox.log").read_text()
    return re.search(r"metrics on (http://127\.0\.0\.1:\d+)", log).group(1)


def test_a_call_is_seen_from_its_admission_to_its_end(farebox, admin):
    secrets = {slug: farebox.account(slug, "5") for slug in ["team", "other"]}
    operator = farebox.json("token", "create", "--role", "operator")["secret"]
    team = farebox.json("token", "create", "--role", "account", "--account", "team")["secret"]
    assert call(admin, operator, "GET", "calls")[2]["count"] == 0

    def stream(slug):
        post(farebox.url, PATH, secrets[slug], chat(stream=True, max_tokens=24))

    threads = [threading.Thread(target=stream, args=(slug,)) for slug in ["team", "team", "other"]]
    for thread in threads:
        thread.start()

    def seen(token, path, condition, what):
        def found():
            answer = call(admin, token, "GET", path)[2]
            return answer if condition(answer) else None

        return wait_until(found, 90, what)

    waiting = seen(operator, "calls", lambda answer: answer["count"] == 3, "three calls")
    assert {shown["account"] for shown in waiting["data"]} == {"team", "other"}
    shown = waiting["data"][0]
    assert shown["upstream"] == "chat" and shown["streamed"] and float(shown["hold"]) > 0
    assert shown["key_prefix"] and not any(secret in str(waiting) for secret in secrets.values())
    flowing = seen(
        team, "accounts/team/calls",
        lambda answer: all(running["output_tokens"] > 3 for running in answer["data"]),
        "tokens")
    assert flowing["count"] == 2 and {shown["account"] for shown in flowing["data"]} == {"team"}
    assert all(shown["first_byte_ms"] >= 0 and shown["bytes"] > 0 for shown in flowing["data"])
    assert {shown["upstream_model"] for shown in flowing["data"]} == {None}
    assert call(admin, team, "GET", "calls")[0] == 403
    assert call(admin, team, "GET", "accounts/other/calls")[0] == 404
    assert len(call(admin, operator, "GET", "calls?limit=1")[2]["data"]) == 1
    for thread in threads:
        thread.join()
    seen(operator, "calls", lambda answer: answer["count"] == 0, "the end")
    farebox.settled("team")
    farebox.verify()


def test_a_call_that_its_client_leaves_is_gone_from_the_list(farebox, admin):
    secret = farebox.account("leaver", "5")
    operator = farebox.json("token", "create", "--role", "operator")["secret"]
    with pytest.raises(OSError):
        post(farebox.url, PATH, secret, chat(stream=True, max_tokens=16), timeout=1)
    wait_until(
        lambda: call(admin, operator, "GET", "calls")[2]["count"] == 0, 90, "the end of the drain")


def test_what_other_instances_hold_is_told_as_far_as_the_ledger_knows(farebox, admin, tmp_path):
    secret = farebox.account("shared", "5")
    operator = farebox.json("token", "create", "--role", "operator")["secret"]
    team = farebox.json("token", "create", "--role", "account", "--account", "shared")["secret"]
    other = Installation(tmp_path, database=farebox.database)
    other.config = farebox.config
    other.start()
    try:
        other.await_key(secret)
        thread = threading.Thread(target=post, args=(
            other.url, PATH, secret, chat(stream=True, max_tokens=24)))
        thread.start()

        def held():
            answer = call(admin, operator, "GET", "accounts/shared/calls")[2]
            return answer if answer["elsewhere"] else None

        answer = wait_until(held, 90, "what the other instance holds")
        assert answer["count"] == 0 and float(answer["elsewhere"][0]["escrowed"]) > 0
        assert answer["elsewhere"][0]["id"] != answer["instance"]
        hidden = call(admin, team, "GET", "accounts/shared/calls")[2]["elsewhere"][0]
        assert hidden["id"] is None and hidden["label"] is None
        thread.join()
    finally:
        other.process.end()
