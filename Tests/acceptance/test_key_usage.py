"""What a key may see of usage: its own, and nothing of any other."""

import decimal

import pytest

from client import chat, get, post
from harness import wait_until

PATH = "/v1/chat/completions"


@pytest.fixture(scope="module")
def calls(served):
    """Two keys of one account and one of another, each with calls of its own."""
    mine = served.account("asker", "10")
    second = served.json("key", "create", "asker")["secret"]
    stranger = served.account("stranger", "10")
    served.await_key(second)
    requests = {}
    for secret, count in ((mine, 3), (second, 2), (stranger, 1)):
        requests[secret] = [post(served.url, PATH, secret, chat(max_tokens=16))
                            .fields["x-request-id"] for _ in range(count)]
    for account, count in (("asker", 5), ("stranger", 1)):
        wait_until(lambda: len([event for event in served.events(account)
                                if event["kind"] == "usage"]) == count, 90, "the events")
    return mine, second, stranger, requests


def usage(served, secret, query=""):
    answer = get(served.url, f"/v1/usage{query}", secret)
    assert answer.status == 200, answer.body
    return answer.json()


def test_a_key_sees_the_sums_of_its_own_calls(served, calls):
    mine, second, stranger, requests = calls
    for secret, count in ((mine, 3), (second, 2), (stranger, 1)):
        report = usage(served, secret, "?by=model,day")
        assert report["total"]["calls"] == count
        [row] = report["rows"]
        assert row["model"] == "demo-small"
        assert row["output_tokens"] == 16 * count
        cost = sum(decimal.Decimal(get(served.url, f"/v1/usage/{request}", secret)
                                   .json()["charge"]) for request in requests[secret])
        assert decimal.Decimal(report["total"]["cost"]) == cost > 0


def test_it_is_the_report_of_the_command_line(served, calls):
    secret = calls[2]
    assert usage(served, secret, "?by=model") == served.json("usage", "stranger", "--by", "model")


def test_a_span_is_of_the_time_asked_for(served, calls):
    assert usage(served, calls[0], "?to=2026-01-01")["total"]["calls"] == 0
    report = usage(served, calls[0], "?from=2026-01-01T00%3A00%3A00Z&by=hour")
    assert report["total"]["calls"] == 3


@pytest.mark.parametrize("query, name", [
    ("?by=colour", "by"), ("?from=yesterday", "from"), ("?key=other", "key"),
    ("?to=2026-01-01&to=2026-01-02", "to"), ("?from=%zz", "from")])
def test_a_question_that_is_none_is_refused_by_name(served, calls, query, name):
    answer = get(served.url, f"/v1/usage{query}", calls[0])
    assert answer.status == 400
    assert answer.json()["error"]["param"] == name


def test_a_call_is_explained_as_on_the_command_line(served, calls):
    mine, _, _, requests = calls
    request = requests[mine][0]
    answer = get(served.url, f"/v1/usage/{request}", mine)
    assert answer.status == 200
    # But for what is the operator's own business.
    shown = served.json("explain", request)
    business = {name: shown.pop(name) for name in (
        "upstream_model", "upstream_cost", "upstream_cost_currency")}
    assert answer.json() == shown and business["upstream_cost"]


def test_another_keys_call_is_not_there(served, calls):
    mine, second, stranger, requests = calls
    unknown = [requests[second][0], requests[stranger][0], "req_" + "0" * 32, "nonsense"]
    for request in unknown:
        answer = get(served.url, f"/v1/usage/{request}", mine)
        assert answer.status == 404, request
        assert answer.json()["error"]["code"] == "call_not_found"


def test_nobody_asks_without_a_key(served, calls):
    for path in ("/v1/usage", f"/v1/usage/{calls[3][calls[0]][0]}"):
        assert get(served.url, path).status == 401
        assert get(served.url, path, "sk-fb-unknown").status == 401
