"""Rate limits of keys: never above in any rolling minute, over any number of processes, and reached."""

import concurrent.futures
import threading
import time

import pytest

from client import chat, post
from harness import Installation, wait_until

CHAT = "/v1/chat/completions"
MESSAGES = "/v1/messages"
# "demo-exact" answers with all of its cap; the prompt is one word, bounded by its bytes.
BODY = chat("demo-exact", words="go", max_tokens=2)


def message(**more):
    return {"model": "demo-claude", "max_tokens": 4,
            "messages": [{"role": "user", "content": "go"}], **more}


@pytest.fixture
def three(fresh, demo, tmp_path):
    """Three processes on one database."""
    instances = [fresh]
    for name in ["second", "third"]:
        folder = tmp_path / name
        folder.mkdir()
        instances.append(Installation(folder, fresh.database))
    for instance in instances:
        instance.configure_demo(demo.url)
        instance.start("--loops", "1")
    yield instances
    for instance in instances[1:]:
        instance.process.end()


def make_key(installations, account, *options):
    made = installations[0].json("key", "create", account, *options)
    for installation in installations:
        installation.await_key(made["secret"])
    return made


def hammer(urls, key, seconds, clients=12):
    """Calls without pause; the moments before and after each that was served."""
    served, lock = [], threading.Lock()
    end = time.monotonic() + seconds

    def client(number):
        while time.monotonic() < end:
            start = time.monotonic()
            answer = post(urls[number % len(urls)], CHAT, key, BODY)
            assert answer.status in (200, 429), answer.body
            if answer.status == 200:
                with lock:
                    served.append((start, time.monotonic()))
            else:
                assert answer.json()["error"]["code"] == "rate_limit_exceeded"
                assert 1 <= int(answer.fields["retry-after"]) <= 61
                time.sleep(0.05)

    with concurrent.futures.ThreadPoolExecutor(clients) as pool:
        for done in [pool.submit(client, number) for number in range(clients)]:
            done.result()
    return served


def busiest_minute(served):
    """The most calls that were admitted within 60 s for certain: begun and answered in them."""
    return max(
        sum(first <= start and answered <= first + 60 for start, answered in served)
        for first, _ in served)


def test_each_process_allows_the_rate_for_itself(three):
    """Failures A.7 and G.39: per-process counters, limits not shared."""
    three[0].account("rated", "100")
    key = make_key(three, "rated", "--requests-per-minute", "200")
    start = time.monotonic()
    served = hammer([each.url for each in three], key["secret"], 125)
    assert busiest_minute(served) <= 200
    # Both of the whole minutes, each within the moment that the last one's calls take to be over.
    first = sum(answered < start + 60 for _, answered in served)
    assert 190 <= first <= 200
    assert len(served) >= 380
    three[0].settled("rated")
    three[0].verify()


def test_a_restart_does_not_reset_the_minute(fresh, demo):
    fresh.configure_demo(demo.url)
    url = fresh.start()
    fresh.account("again", "100")
    key = make_key([fresh], "again", "--requests-per-minute", "5")["secret"]
    start = time.monotonic()
    assert [post(url, CHAT, key, BODY).status for _ in range(6)] == [200] * 5 + [429]
    fresh.process.kill()
    url = fresh.start()
    assert post(url, CHAT, key, BODY).status == 429
    assert fresh.process.stop() == 0
    url = fresh.start()
    assert post(url, CHAT, key, BODY).status == 429
    wait_until(lambda: post(url, CHAT, key, BODY).status == 200, 150, "a new minute")
    assert time.monotonic() - start > 60


def test_parallel_calls_pass_a_limit_of_tokens(three):
    """Failure A.5: a limit that is only looked at is passed by calls that run side by side."""
    three[0].account("tokens", "100")
    key = make_key(three, "tokens", "--tokens-per-minute", "1000")["secret"]
    urls = [each.url for each in three]
    body = chat("demo-exact", words="go", max_tokens=32)

    def call(number):
        return post(urls[number % 3], CHAT, key, body)

    with concurrent.futures.ThreadPoolExecutor(30) as pool:
        answers = list(pool.map(call, range(60)))
    used = sum(a.json()["usage"]["total_tokens"] for a in answers if a.status == 200)
    # How much of it can be reached is for calls that try again; these come all at once.
    assert 0 < used <= 1000
    refused = next(answer for answer in answers if answer.status == 429)
    assert refused.json()["farebox"]["limited_by"] == "tokens_per_minute"
    # What a call could not fit in is its own fault, and says so.
    large = post(urls[0], CHAT, key, chat("demo-exact", words="go " * 2000, max_tokens=90))
    assert large.status == 400 and "shorter prompt" in large.json()["error"]["message"]
    assert large.json()["error"]["code"] == "beyond_tokens_per_minute"


def test_a_minutes_tokens_can_be_used_up_over_processes(three):
    """Not above the limit, and 95 of a hundred of it, by calls that are small beside it."""
    three[0].account("reached", "100")
    limit = 10_000
    key = make_key(three, "reached", "--tokens-per-minute", str(limit))["secret"]
    body = chat("demo-exact", words="go", max_tokens=100)
    start, used, number, reached = time.monotonic(), 0, 0, None
    while time.monotonic() < start + 50 and (not reached or time.monotonic() < reached + 2):
        # What one process has left over comes to the others once it is not asked any more.
        instance = three[number % 3 if used < limit * 0.9 else 0]
        number += 1
        answer = post(instance.url, CHAT, key, body)
        if answer.status == 200:
            used += answer.json()["usage"]["total_tokens"]
        else:
            assert answer.status == 429, answer.body
            time.sleep(0.05)
        if used >= limit * 0.95:
            reached = reached or time.monotonic()
    assert limit * 0.95 <= used <= limit
    three[0].settled("reached")
    three[0].verify()


def test_calls_at_a_time(three):
    three[0].account("parallel", "100")
    key = make_key(three, "parallel", "--concurrency", "1")["secret"]
    # One after another, whichever process they come to.
    for number in range(9):
        assert post(three[number % 3].url, CHAT, key, BODY).status == 200


def test_headers_say_what_is_left(fresh, demo):
    fresh.configure_demo(demo.url)
    url = fresh.start()
    fresh.account("told", "100")
    secret = make_key(
        [fresh], "told", "--requests-per-minute", "3", "--tokens-per-minute", "10000")["secret"]
    first = post(url, CHAT, secret, BODY)
    used = first.json()["usage"]["total_tokens"]
    assert first.fields["x-ratelimit-limit-requests"] == "3"
    assert first.fields["x-ratelimit-remaining-requests"] == "2"
    assert first.fields["x-ratelimit-reset-requests"].startswith(("1m", "59", "58"))
    assert first.fields["x-ratelimit-limit-tokens"] == "10000"
    assert first.fields["x-ratelimit-remaining-tokens"] == str(10000 - used)
    second = post(url, MESSAGES, secret, message())
    assert second.status == 200
    used += sum(second.json()["usage"][name] for name in ["input_tokens", "output_tokens"])
    assert second.fields["anthropic-ratelimit-requests-limit"] == "3"
    assert second.fields["anthropic-ratelimit-requests-remaining"] == "1"
    assert second.fields["anthropic-ratelimit-requests-reset"].endswith("Z")
    assert second.fields["anthropic-ratelimit-tokens-remaining"] == str(10000 - used)
    # A stream's headers leave first: its tokens are held at their bound.
    third = post(url, CHAT, secret, {**BODY, "stream": True})
    assert third.status == 200
    assert third.fields["x-ratelimit-remaining-requests"] == "0"
    assert int(third.fields["x-ratelimit-remaining-tokens"]) < 10000 - used
    refused = post(url, MESSAGES, secret, message())
    assert refused.status == 429
    assert refused.json()["error"]["type"] == "rate_limit_error"
    assert refused.fields["anthropic-ratelimit-requests-remaining"] == "0"
    assert 1 <= int(refused.fields["retry-after"]) <= 61
    assert not any("ratelimit" in name for name in post(
        url, CHAT, fresh.account("free", "1"), BODY).fields)


def test_a_minute_bounds_a_call_without_a_cap(fresh, demo):
    """A key whose minute is less than the model's limit is of use without an output cap."""
    fresh.configure_demo(demo.url)
    url = fresh.start()
    fresh.account("small", "100")
    secret = make_key([fresh], "small", "--tokens-per-minute", "500")["secret"]
    answer = post(url, CHAT, secret, chat("demo-exact", words="go"))
    assert answer.status == 200
    assert answer.json()["usage"]["total_tokens"] <= 500
    # An answer of a few words is of no use to whom asked for one without a cap: that is no minute's
    # matter, and no repeat will bring more.
    secret = make_key([fresh], "small", "--tokens-per-minute", "250")["secret"]
    refused = post(url, CHAT, secret, chat("demo-exact", words="go"))
    assert refused.status == 400 and "250 tokens a minute" in refused.json()["error"]["message"]
    assert "retry-after" not in refused.fields
    assert post(url, CHAT, secret, chat("demo-exact", words="go", max_tokens=3)).status == 200


def test_a_call_that_is_refused_for_its_money_uses_nothing_of_its_minute(fresh, demo):
    fresh.configure_demo(demo.url, policy={"shortCredit": "refuse"})
    url = fresh.start()
    fresh.run("account", "create", "poor")
    secret = make_key([fresh], "poor", "--requests-per-minute", "2", "--concurrency", "2")["secret"]
    assert [post(url, CHAT, secret, BODY).status for _ in range(5)] == [402] * 5
    fresh.run("credit", "grant", "poor", "1", "--idempotency-key", "poor")
    wait_until(lambda: post(url, CHAT, secret, BODY).status == 200, 15, "the credit")
    assert post(url, CHAT, secret, BODY).status == 200
    assert post(url, CHAT, secret, BODY).status == 429
