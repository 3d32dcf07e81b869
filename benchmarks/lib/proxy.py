"""Measures CPU time per call of nginx and of Farebox by turns; called by benchmarks/proxy."""

import argparse
import json
import os
import pathlib
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "Tests/acceptance"))

from accounting import family  # noqa: E402
from harness import Installation  # noqa: E402

TICKS = os.sysconf("SC_CLK_TCK")
NGINX = shutil.which("nginx", path="/usr/sbin:/usr/bin")
ANSWER = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1,
    "model": "demo-small",
    "choices": [
        {
            "index": 0,
            "message": {"role": "assistant", "content": "x" * 700},
            "finish_reason": "stop",
        }
    ],
    "usage": {"prompt_tokens": 200, "completion_tokens": 150, "total_tokens": 350},
}
REQUEST = {
    "model": "demo-small",
    "max_tokens": 256,
    "messages": [{"role": "user", "content": "y" * 900}],
}


def cpu_seconds(pids):
    total = 0
    for pid in pids:
        try:
            fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            total += int(fields[11]) + int(fields[12])
        except FileNotFoundError:
            pass
    return total / TICKS


def nginx(folder, name, server):
    """Runs an nginx with one server block and returns its process."""
    home = pathlib.Path(folder) / name
    home.mkdir()
    temporary = "".join(
        f"{kind}_temp_path {home}/{kind};"
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (home / "nginx.conf").write_text(f"""
        worker_processes 1; pid {home}/pid; error_log stderr error; daemon off;
        worker_rlimit_nofile 15000;
        events {{ worker_connections 6000; }}
        http {{ access_log off; keepalive_requests 1000000000; {temporary} {server} }}""")
    return subprocess.Popen([NGINX, "-c", home / "nginx.conf"])


def load(url, key, connections, seconds, folder):
    """Calls per connection without a pause; returns the count of answers, which must all be 200."""
    script = pathlib.Path(folder) / "post.lua"
    script.write_text(
        'wrk.method = "POST"\n'
        f"wrk.body = [==[{json.dumps(REQUEST)}]==]\n"
        'wrk.headers["content-type"] = "application/json"\n'
        f'wrk.headers["authorization"] = "Bearer {key}"\n'
    )
    done = subprocess.run(
        ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "-s", script]
        + [f"{url}/v1/chat/completions"],
        check=True, capture_output=True, text=True,
    )
    assert "Non-2xx" not in done.stdout, done.stdout
    return int(re.search(r"(\d+) requests in", done.stdout)[1])


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--connections", type=int, default=64)
    options.add_argument("--seconds", type=int, default=5)
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--output", default="benchmarks/proxy.json")
    options = options.parse_args()

    folder = tempfile.mkdtemp()
    body = json.dumps(ANSWER).replace("'", "\\'")
    upstream_port, proxy_port = 18080 + os.getpid() % 1000, 19080 + os.getpid() % 1000
    upstream = nginx(
        folder, "upstream",
        f"server {{ listen 127.0.0.1:{upstream_port} reuseport; default_type application/json;"
        f" location / {{ return 200 '{body}'; }} }}")
    proxy = nginx(
        folder, "proxy",
        f"upstream u {{ server 127.0.0.1:{upstream_port}; keepalive 1024;"
        " keepalive_requests 1000000000; }"
        f"server {{ listen 127.0.0.1:{proxy_port} reuseport; location / {{"
        ' proxy_pass http://u; proxy_http_version 1.1; proxy_set_header Connection "";'
        " proxy_buffering off; proxy_request_buffering off; } }")
    farebox = Installation(folder)
    try:
        farebox.prepare()
        farebox.configure(
            {"chat": {"format": "openai", "baseURL": f"http://127.0.0.1:{upstream_port}/v1"}},
            {"demo-small": {"routes": [{"upstream": "chat"}]}})
        key = farebox.account("bench", "100000")
        url = farebox.start()
        postmaster = int(
            (pathlib.Path(os.environ["FAREBOX_TEST_CLUSTER"]) / "data/postmaster.pid")
            .read_text().split()[0])
        systems = {
            "nginx": (f"http://127.0.0.1:{proxy_port}", [proxy.pid], []),
            "farebox": (url, [farebox.process.pid], [postmaster]),
        }
        rows = {name: {"own": [], "database": [], "rate": []} for name in systems}
        for target, _, _ in systems.values():
            load(target, key, options.connections, 2, folder)
        for _ in range(options.rounds):
            for name, (target, own, database) in systems.items():
                before = [cpu_seconds(sum(map(family, pids), [])) for pids in (own, database)]
                start = time.monotonic()
                count = load(target, key, options.connections, options.seconds, folder)
                seconds = time.monotonic() - start
                # What was acknowledged but not yet shipped belongs to the round as well.
                time.sleep(1)
                after = [cpu_seconds(sum(map(family, pids), [])) for pids in (own, database)]
                rows[name]["own"].append((after[0] - before[0]) / count * 1e6)
                rows[name]["database"].append((after[1] - before[1]) / count * 1e6)
                rows[name]["rate"].append(count / seconds)
        report(options, rows)
        farebox.settled("bench", 120)
        farebox.verify()
        print("ledger verify: every invariant holds")
    finally:
        farebox.end()
        proxy.terminate()
        upstream.terminate()
        shutil.rmtree(folder, ignore_errors=True)


def report(options, rows):
    print(f"\nCPU µs per unary call, {options.connections} connections, median (least–most) of "
          f"{options.rounds} rounds by turns; calls/s is a wall figure and noisy\n")
    print(f"{'':10}{'own process':>24}{'PostgreSQL':>14}{'calls/s':>10}")
    for name, row in rows.items():
        own = f"{statistics.median(row['own']):.1f} ({min(row['own']):.1f}–{max(row['own']):.1f})"
        print(f"{name:10}{own:>24}{statistics.median(row['database']):>14.1f}"
              f"{statistics.median(row['rate']):>10.0f}")
    ratios = [f / n for f, n in zip(rows["farebox"]["own"], rows["nginx"]["own"])]
    print(f"\nfarebox / nginx: {statistics.median(ratios):.2f} "
          f"({min(ratios):.2f}–{max(ratios):.2f})")
    pathlib.Path(options.output).write_text(
        json.dumps({"connections": options.connections, "ratios": ratios, **rows}, indent=2))


main()
