"""Memory and descriptors stay flat over many calls."""

import os
import subprocess
import json

from client import chat
from harness import wait_until

CALLS = int(os.environ.get("FAREBOX_TEST_SOAK_CALLS", "100000"))
CONNECTIONS = 32


def descriptors(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def run(url, key, seconds, folder, stream):
    """wrk calls without a pause; returns how many calls were answered with 200."""
    script = folder / "soak.lua"
    script.write_text(
        'wrk.method = "POST"\n'
        f"wrk.body = [==[{json.dumps(chat('demo-small', stream=stream, max_tokens=2))}]==]\n"
        'wrk.headers["content-type"] = "application/json"\n'
        f'wrk.headers["authorization"] = "Bearer {key}"\n')
    done = subprocess.run(
        ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "-s", script,
         f"{url}/v1/chat/completions"], check=True, capture_output=True, text=True)
    assert "Non-2xx" not in done.stdout, done.stdout
    return int(done.stdout.split(" requests in")[0].split()[-1])


def test_memory_and_descriptors_are_flat(fresh, demo, tmp_path):
    fresh.configure_demo(demo.url)
    key = fresh.account("soak", "1000")
    url = fresh.start()
    pid = fresh.process.pid
    # Caches, pools and the allocator reach their size first.
    count = run(url, key, 3, tmp_path, False) + run(url, key, 3, tmp_path, True)
    before = fresh.process.resident_kilobytes()
    while count < CALLS:
        count += run(url, key, 4, tmp_path, False) + run(url, key, 4, tmp_path, True)
    after = fresh.process.resident_kilobytes()
    assert after < before * 1.15 + 8_192, f"{before} KiB grew to {after} KiB in {count} calls"

    # The client's connections are closed; what is left are the listeners and upstream's pool.
    wait_until(lambda: descriptors(pid) < 150, 30, "closed descriptors")
    fresh.settled("soak", 120)
    assert fresh.process.stop() == 0
    fresh.verify()
    usage = [row for row in fresh.database.query(
        "SELECT count(*), count(DISTINCT request_id) FROM events WHERE kind = 'usage'")]
    assert usage[0][0] == usage[0][1]
    assert int(usage[0][0]) >= count
