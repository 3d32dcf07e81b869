"""A balance is spent to the last call that it covers, and never beyond it."""

import concurrent.futures
import decimal
import time

import pytest

from client import chat, post

CLIENTS = 200


def storm(url, key, body, path="/v1/chat/completions"):
    """Many clients that call until they are told 402, retrying 429. Returns how many were served."""

    def client(_):
        served = 0
        deadline = time.monotonic() + 120
        while True:
            assert time.monotonic() < deadline, "neither served nor refused for good"
            answer = post(url, path, key, body)
            if answer.status == 200:
                served += 1
            elif answer.status == 429:
                assert int(answer.fields["retry-after"]) >= 1
                time.sleep(0.05)
            else:
                assert answer.status == 402, answer.body
                assert answer.fields["x-should-retry"] == "false"
                return served

    with concurrent.futures.ThreadPoolExecutor(CLIENTS) as pool:
        return sum(pool.map(client, range(CLIENTS)))


@pytest.mark.parametrize("calls", [37, 500])
def test_a_balance_worth_k_calls_serves_exactly_k(fresh, demo, calls):
    """However many come at once (litellm 34732, 40095, 26672)."""
    fresh.configure_demo(demo.url, policy={"shortCredit": "refuse"})
    # The prompt is free and the cap is used whole, so a hold is what the call costs.
    price = decimal.Decimal("10") / 1_000_000
    key = fresh.account("exact", str(price * 8 * calls))
    url = fresh.start()
    assert storm(url, key, chat("demo-exact", max_tokens=8)) == calls
    account = fresh.settled("exact")
    assert decimal.Decimal(account["balance"]) == 0
    events = [event for event in fresh.events("exact") if event["kind"] == "usage"]
    assert len(events) == calls
    assert fresh.process.stop() == 0
    fresh.verify()


def test_with_real_prices_less_than_one_tight_hold_rests(fresh, demo):
    fresh.configure_demo(demo.url, policy={"minimumOutputTokens": 4})
    key = fresh.account("real", "0.005")
    url = fresh.start()
    served = storm(url, key, chat("demo-small", max_tokens=32))
    assert served > 50
    rest = decimal.Decimal(fresh.settled("real")["balance"])
    # A tight hold: at most a token a byte of the body and the fixed allowances, and the least cap.
    tight = 300 * decimal.Decimal("0.15") / 1_000_000 + 4 * decimal.Decimal("0.60") / 1_000_000
    assert 0 <= rest < tight
    assert fresh.process.stop() == 0
    fresh.verify()
