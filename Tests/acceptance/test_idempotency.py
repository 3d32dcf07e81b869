"""A call that comes with an Idempotency-Key is made once, whatever its client sees of it."""

import concurrent.futures
import decimal
import time

import pytest

from client import chat, get, post
from harness import wait_until
from scripted_upstream import (USAGE, ScriptedUpstream, chunk, completion, data, stream,
                               usage_chunk, whole)

PATH = "/v1/chat/completions"
CHARGE = (decimal.Decimal("0.15") * 20 + decimal.Decimal("0.60") * 10) / 1_000_000


@pytest.fixture
def upstream():
    server = ScriptedUpstream()
    server.calls = 0
    server.answer = whole(completion(USAGE))

    def count(connection, request):
        server.calls += 1
        server.answer(connection, request)

    server.script = count
    yield server
    server.close()


@pytest.fixture
def gateway(fresh, upstream):
    fresh.configure_demo(upstream.url)
    fresh.start()
    fresh.secret = fresh.account("keyed", "10")
    return fresh


def ask(gateway, name, body=None, secret=None, path=PATH):
    return post(gateway.url, path, secret or gateway.secret, body or chat(max_tokens=64),
                headers={"idempotency-key": name})


def charges(gateway, calls):
    """The balance comes to rest at so many charges."""
    wait_until(lambda: decimal.Decimal(gateway.settled("keyed")["balance"])
               == 10 - CHARGE * calls, 90, f"the charge of {calls} calls")
    gateway.verify()


def test_a_repeat_gets_the_recorded_answer_and_costs_nothing(gateway, upstream):
    first = ask(gateway, "one")
    again = ask(gateway, "one")
    assert first.status == again.status == 200
    assert again.body == first.body
    for name in ("x-request-id", "content-type", "x-farebox-cost", "x-farebox-balance"):
        assert again.fields[name] == first.fields[name]
    assert upstream.calls == 1
    charges(gateway, 1)
    assert ask(gateway, "two").fields["x-request-id"] != first.fields["x-request-id"]
    charges(gateway, 2)


def test_a_stream_is_repeated_to_the_byte(gateway, upstream):
    upstream.answer = stream([chunk("Two"), chunk(" words"), chunk(finish="stop"),
                              usage_chunk(USAGE), data("[DONE]")], pause=0.02)
    body = chat(max_tokens=64, stream=True)
    first, again = ask(gateway, "one", body), ask(gateway, "one", body)
    assert first.status == again.status == 200
    assert again.fields["content-type"] == first.fields["content-type"]
    assert again.body == first.body
    assert again.body.endswith(b"data: [DONE]\n\n")
    charges(gateway, 1)


def test_a_stream_that_its_client_left_is_there_for_the_repeat(gateway, upstream):
    upstream.answer = stream([chunk("Two"), chunk(" words"), chunk(finish="stop"),
                              usage_chunk(USAGE), data("[DONE]")], pause=0.3)
    body = chat(max_tokens=64, stream=True)
    with pytest.raises(OSError):
        post(gateway.url, PATH, gateway.secret, body, timeout=0.5,
             headers={"idempotency-key": "left"})

    def repeated():
        answer = ask(gateway, "left", body)
        assert answer.status in (200, 409), answer.body
        return answer if answer.status == 200 else None

    answer = wait_until(repeated, 90, "the first call's end")
    assert b"Two" in answer.body and answer.body.endswith(b"data: [DONE]\n\n")
    assert upstream.calls == 1
    charges(gateway, 1)


def test_another_body_under_the_same_key_is_refused(gateway, upstream):
    ask(gateway, "one")
    answer = ask(gateway, "one", chat(max_tokens=63))
    assert answer.status == 422
    assert answer.json()["error"]["code"] == "idempotency_key_reused"
    charges(gateway, 1)


def test_the_name_means_nothing_to_another_key(gateway, upstream):
    other = gateway.json("key", "create", "keyed")["secret"]
    gateway.await_key(other)
    first, second = ask(gateway, "one"), ask(gateway, "one", secret=other)
    assert first.fields["x-request-id"] != second.fields["x-request-id"]
    charges(gateway, 2)


def test_of_calls_at_the_same_time_one_is_made(gateway, upstream):
    def slow(connection, request):
        time.sleep(1)
        whole(completion(USAGE))(connection, request)

    upstream.answer = slow
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: ask(gateway, "one"), range(8)))
    assert upstream.calls == 1
    assert {answer.status for answer in answers} <= {200, 409}
    for answer in answers:
        if answer.status == 409:
            assert int(answer.fields["retry-after"]) >= 1
            assert answer.json()["error"]["code"] == "idempotency_key_in_use"
    assert ask(gateway, "one").status == 200
    charges(gateway, 1)


def test_an_answer_beyond_256_kib_is_named_instead(gateway, upstream):
    upstream.answer = whole(completion(USAGE, text="word " * 60_000))
    first = ask(gateway, "large")
    assert first.status == 200
    again = ask(gateway, "large")
    assert again.status == 422
    message = again.json()["error"]["message"]
    assert first.fields["x-request-id"] in message
    assert "0.000009" in message
    assert gateway.database.query("SELECT count(*) FROM keyed_calls WHERE body IS NULL") == [["1"]]
    charges(gateway, 1)


def test_a_refusal_and_a_failure_that_cost_nothing_are_tried_again(gateway, upstream):
    assert ask(gateway, "one", chat("demo-nowhere")).status == 404
    upstream.answer = whole({"error": {"message": "no"}}, status=500)
    assert ask(gateway, "one").status == 502
    upstream.answer = whole(completion(USAGE))
    assert ask(gateway, "one").status == 200
    charges(gateway, 1)


def test_a_stream_that_failed_at_no_charge_is_tried_again(gateway, upstream):
    """Its status was sent before it failed, so it is not by the status that this is known."""
    error = data({"error": {"message": "busy", "type": "server_error"}})
    upstream.answer = stream([chunk(), error], pause=0.1)
    body = chat(max_tokens=64, stream=True)
    first = ask(gateway, "one", body)
    assert first.status == 200 and b'"error"' in first.body and b"[DONE]" not in first.body
    upstream.answer = stream([chunk("Two"), chunk(finish="stop"), usage_chunk(USAGE),
                              data("[DONE]")])
    again = ask(gateway, "one", body)
    assert again.status == 200 and again.body.endswith(b"data: [DONE]\n\n")
    assert ask(gateway, "one", body).body == again.body
    assert upstream.calls == 2
    charges(gateway, 1)


def test_a_refusal_of_the_clients_own_fault_is_kept(gateway, upstream):
    upstream.answer = whole({"error": {"message": "no", "type": "x"}}, status=400)
    first, again = ask(gateway, "one"), ask(gateway, "one")
    assert (first.status, first.body) == (again.status, again.body) == (400, again.body)
    assert upstream.calls == 1


def test_a_repeat_counts_as_a_request_of_its_key(gateway, upstream):
    limited = gateway.json("key", "create", "keyed", "--requests-per-minute", "2")["secret"]
    gateway.await_key(limited)
    assert [ask(gateway, "one", secret=limited).status for _ in range(3)] == [200, 200, 429]
    assert upstream.calls == 1


@pytest.mark.parametrize("name", ["", "with space", "x" * 256])
def test_a_name_that_is_none_is_refused(gateway, name):
    answer = ask(gateway, name)
    assert answer.status == 400
    assert answer.json()["error"]["code"] == "invalid_idempotency_key"


def test_a_call_of_a_killed_instance_can_be_made_again_once_its_lease_is_closed(gateway, upstream):
    def hang(connection, request):
        time.sleep(60)

    upstream.answer = hang
    with pytest.raises(OSError):
        post(gateway.url, PATH, gateway.secret, chat(max_tokens=64), timeout=1,
             headers={"idempotency-key": "killed"})
    assert ask(gateway, "killed").status == 409
    gateway.process.kill()
    upstream.answer = whole(completion(USAGE))
    gateway.start()

    def made():
        answer = ask(gateway, "killed")
        assert answer.status in (200, 409, 503), answer.body
        return answer.status == 200

    wait_until(made, 90, "the earlier start's leases to be closed")
    assert upstream.calls == 2
    charges(gateway, 1)


def test_what_is_older_than_a_day_is_forgotten(gateway, upstream):
    ask(gateway, "old")
    gateway.database.query("UPDATE keyed_calls SET claimed_at = claimed_at - interval '25 hours'")
    assert ask(gateway, "old").status == 200
    assert upstream.calls == 2
    ask(gateway, "gone")
    gateway.database.query(
        "UPDATE keyed_calls SET claimed_at = claimed_at - interval '25 hours'"
        " WHERE idempotency_key = 'gone'")
    wait_until(
        lambda: gateway.database.query("SELECT idempotency_key FROM keyed_calls") == [["old"]],
        120, "the old row to be deleted")


def test_calls_without_a_key_leave_no_trace(gateway):
    assert post(gateway.url, PATH, gateway.secret, chat(max_tokens=64)).status == 200
    assert gateway.database.query("SELECT count(*) FROM keyed_calls") == [["0"]]
