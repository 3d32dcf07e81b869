"""What an operator can watch: everything that is counted, after calls whose figures are known."""

import threading

from client import chat, post
from harness import Demo, wait_until

PATH = "/v1/chat/completions"


def test_everything_that_happens_is_counted(fresh, tmp_path):
    slow = Demo(tmp_path, "--chunk-ms", "300")
    fresh.configure_demo(slow.url)
    url = fresh.start()
    rich, poor = fresh.account("rich", "5"), fresh.account("poor", "0")
    assert post(url, PATH, rich, chat(max_tokens=16)).status == 200
    assert post(url, PATH, poor, chat(max_tokens=16)).status == 402
    assert post(url, PATH, rich, chat("demo-nowhere")).status == 404
    counted = fresh.metrics()
    for name, value in {
        'farebox_calls_total{upstream="chat",outcome="completed"}': 1,
        'farebox_calls_total{upstream="chat",outcome="upstream_failed"}': 0,
        'farebox_refusals_total{status="402",reason="insufficient_quota"}': 1,
        'farebox_refusals_total{status="404",reason="model_not_found"}': 1,
        'farebox_tokens_total{class="input"}': 4,
        'farebox_tokens_total{class="output"}': 16,
        'farebox_usage_source_total{source="upstream_final"}': 1,
        # 4 tokens at 0.15 and 16 at 0.60 a million.
        "farebox_charge_pico_total": 10_200_000,
        "farebox_excess_pico_total": 0,
        'farebox_call_seconds_count{endpoint="chat_completions"}': 1,
        'farebox_first_byte_seconds_count{upstream="chat"}': 1,
        "farebox_streams_open": 0,
        "farebox_running_calls": 0,
        "farebox_held_pico": 0,
        "farebox_journal_open": 0,
        "farebox_ready": 1,
    }.items():
        assert float(counted[name]) == value, name
    wait_until(lambda: fresh.metrics()["farebox_journal_unshipped"] == "0", 90, "the shipper")
    assert int(counted["farebox_loop_turn_microseconds_max"]) > 0

    running = threading.Thread(
        target=post, args=(url, PATH, rich, chat(max_tokens=16, stream=True)))
    running.start()
    wait_until(lambda: fresh.metrics()["farebox_streams_open"] == "1", 30, "an open stream")
    counted = fresh.metrics()
    assert int(counted["farebox_running_calls"]) == int(counted["farebox_journal_open"]) == 1
    assert int(counted["farebox_held_pico"]) > 0
    running.join()
    wait_until(lambda: fresh.metrics()["farebox_held_pico"] == "0", 30, "the hold's end")
    slow.end()
