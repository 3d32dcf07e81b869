"""SIGHUP puts another configuration in force, as a whole or not at all, under running calls."""

import concurrent.futures
import json
import signal

import pytest

from client import chat, post
from harness import wait_until
from scripted_upstream import USAGE, ScriptedUpstream, chunk, data, stream, usage_chunk

PATH = "/v1/chat/completions"


@pytest.fixture
def gateway(fresh, demo):
    fresh.configure_demo(demo.url)
    fresh.start()
    fresh.secret = fresh.account("reloaded", "10")
    return fresh


def lines(gateway, message):
    found = []
    for line in gateway.process.log.read_text().splitlines():
        if line.startswith("{") and message in line:
            found.append(json.loads(line))
    return found


def reload(gateway, message="reloaded"):
    """Sends the signal and returns the line that says what came of it."""
    before = len(lines(gateway, message))
    gateway.process.child.send_signal(signal.SIGHUP)
    return wait_until(lambda: lines(gateway, message)[before:], 90, "the reload")[0]


def change(gateway, edit):
    configuration = json.loads(gateway.config.read_text())
    edit(configuration)
    gateway.config.write_text(json.dumps(configuration))


def ask(gateway, model="demo-small", **more):
    return post(gateway.url, PATH, gateway.secret, chat(model, max_tokens=8, **more))


def test_a_model_is_taken_away_and_given_back(gateway):
    assert ask(gateway).status == 200
    change(gateway, lambda c: c["models"].pop("demo-small"))
    reload(gateway)
    wait_until(lambda: ask(gateway).status == 404, 90, "every loop to know")
    change(gateway, lambda c: c["models"].update({"demo-*": {"routes": [{"upstream": "chat"}]}}))
    reload(gateway)
    wait_until(lambda: ask(gateway).status == 200, 90, "every loop to know")


def test_a_running_stream_ends_as_it_began(gateway):
    slow = ScriptedUpstream()
    slow.script = stream([chunk("word ") for _ in range(30)]
                         + [chunk(finish="stop"), usage_chunk(USAGE), data("[DONE]")], pause=0.1)
    change(gateway, lambda c: c["upstreams"]["chat"].update(baseURL=f"{slow.url}/v1"))
    reload(gateway)
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        running = pool.submit(ask, gateway, stream=True)
        wait_until(lambda: gateway.json("account", "show", "reloaded")["held"] != "0.00", 90,
                   "the call's hold")
        change(gateway, lambda c: (c["models"].clear(), c["upstreams"].pop("chat"),
                                   c["models"].update(
                                       {"demo-claude": {"routes": [{"upstream": "messages"}]}})))
        reload(gateway)
        answer = running.result()
    assert answer.status == 200
    assert answer.body.count(b"word ") == 30
    assert answer.body.endswith(b"data: [DONE]\n\n")
    slow.close()
    gateway.settled("reloaded")
    gateway.verify()


@pytest.mark.parametrize("edit, path", [
    (lambda c: c["models"]["demo-small"].update(routes=[{"upstream": "nowhere"}]), "nowhere"),
    (lambda c: c["upstreams"]["chat"].update(baseURL="ftp://example.com"),
     "upstreams.chat.baseURL"),
    (lambda c: c.update(colour="blue"), "colour"),
    (lambda c: c.update(listen="127.0.0.1:1"), "listen: cannot change"),
    (lambda c: c.update(limits={"leaseSeconds": 60}), "limits.leaseSeconds: cannot change"),
])
def test_a_bad_configuration_changes_nothing_and_is_named(gateway, edit, path):
    change(gateway, lambda c: (edit(c), c["models"].pop("demo-exact", None)))
    line = reload(gateway, "was not reloaded")
    assert path in line["error"]
    assert line["level"] == "error"
    assert ask(gateway).status == 200
    assert ask(gateway, "demo-exact").status == 200
