"""Measures the ledger against raw COPY on the same cluster, by turns; called by benchmarks/ledger."""

import argparse
import glob
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import time

from figures import spread, write

TICKS = os.sysconf("SC_CLK_TCK")
DRIVER = os.environ["LEDGER_DRIVER"]
POSTMASTER = int(
    (pathlib.Path(os.environ["FAREBOX_TEST_CLUSTER"]) / "data/postmaster.pid")
    .read_text().split()[0])
PGBENCH = shutil.which("pgbench") or sorted(glob.glob("/usr/lib/postgresql/*/bin/pgbench"))[-1]


def server_cpu():
    """CPU seconds of the server: of its processes, and of those that have ended."""
    def times(pid, *fields):
        stat = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return sum(int(stat[field]) for field in fields) / TICKS

    total = times(POSTMASTER, 11, 12, 13, 14)
    children = pathlib.Path(f"/proc/{POSTMASTER}/task/{POSTMASTER}/children").read_text()
    for pid in children.split():
        try:
            total += times(pid, 11, 12)
        except FileNotFoundError:
            pass
    return total


def psql(sql, **streams):
    done = subprocess.run(
        ["psql", "-X", "-A", "-t", "-q", "-v", "ON_ERROR_STOP=1", "-c", sql],
        check=True, stdout=subprocess.PIPE, **streams)
    return done.stdout.decode().strip()


def driver(operation, **options):
    words = [f"{name}={value}" for name, value in options.items()]
    done = subprocess.run([DRIVER, operation, *words], stdout=subprocess.PIPE, check=True)
    return json.loads(done.stdout)


def measured(work):
    """Runs the work and returns its figures: a count, seconds, and CPU µs of server and client."""
    before = server_cpu()
    figures = work()
    # A backend that has ended is counted when the postmaster has noticed.
    time.sleep(0.3)
    figures["server_cpu_microseconds"] = round((server_cpu() - before) * 1e6)
    count = figures.get("events") or figures.get("operations")
    figures["rate"] = count / (figures["microseconds"] / 1e6)
    for side in ("server_cpu_microseconds", "cpu_microseconds"):
        if side in figures:
            figures[f"{side}_each"] = figures[side] / count
    return figures


def make_raw(folder, count):
    """A table with the columns of events and no rule, key or index, and a file of rows for it."""
    columns = psql(
        "SELECT string_agg(format('%I %s', column_name, data_type), ', ' ORDER BY ordinal_position)"
        " FROM information_schema.columns WHERE table_name = 'events'")
    psql(f"CREATE TABLE raw_events ({columns})")
    path = folder / "raw.copy"
    with open(path, "wb") as file:
        subprocess.run(
            ["psql", "-X", "-q", "-c",
             f"COPY (SELECT * FROM events WHERE kind = 'usage' LIMIT {count}) TO STDOUT BINARY"],
            check=True, stdout=file)
    return path


def copy(path):
    """Bulk load by one connection, through the client like everything else."""
    start = time.monotonic()
    with open(path, "rb") as file:
        psql("COPY raw_events FROM STDIN BINARY", stdin=file)
    seconds = time.monotonic() - start
    count = int(psql("SELECT count(*) FROM raw_events"))
    psql("TRUNCATE raw_events")
    return {"events": count, "microseconds": seconds * 1e6}


def pgbench(seconds):
    done = subprocess.run(
        [PGBENCH, "-n", "-N", "-c8", "-j2", f"-T{seconds}"], check=True, capture_output=True,
        text=True)
    rate = float(done.stdout.rpartition("tps = ")[2].split()[0])
    return {"operations": round(rate * seconds), "microseconds": seconds * 1e6}


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--events", type=int, default=64_000)
    options.add_argument("--accounts", type=int, default=10_000)
    options.add_argument("--quick", action="store_true", help="one small round: that it runs")
    options.add_argument("--output", default="benchmarks/ledger.json")
    options = options.parse_args()
    if options.quick:
        options.rounds, options.events, options.accounts = 1, 8_000, 500
    events, accounts = options.events, options.accounts
    folder = pathlib.Path(os.environ["FAREBOX_TEST_CLUSTER"]).parent

    scale = "-s1" if options.quick else "-s10"
    subprocess.run([PGBENCH, "-i", "-q", scale], check=True, capture_output=True)
    # The first without caps, as many again whose keys and projects are capped.
    driver("populate", accounts=2 * accounts, capped=accounts)
    driver("append", accounts=accounts, batch=1000, events=events)
    driver("append", accounts=accounts, first=accounts, batch=1000, events=events)
    driver("append", accounts=1, batch=1000, events=events)
    # New partitions have no statistics until autovacuum comes by; then it comes at its own time.
    psql("ANALYZE")
    raw = make_raw(folder, events)

    work = {
        "COPY": lambda: copy(raw),
        "append, 1 account, batches of 100":
            lambda: driver("append", accounts=1, batch=100, events=events),
        "append, 1 account, batches of 1000":
            lambda: driver("append", accounts=1, batch=1000, events=events),
        f"append, {accounts} accounts, batches of 100":
            lambda: driver("append", accounts=accounts, batch=100, events=events),
        "the same, nothing prepared":
            lambda: driver("append", accounts=accounts, batch=100, events=events, prepared=0),
        f"append, {accounts} accounts, batches of 1000":
            lambda: driver("append", accounts=accounts, batch=1000, events=events),
        "the same, keys and projects capped, 100":
            lambda: driver("append", accounts=accounts, first=accounts, batch=100, events=events),
        "the same, keys and projects capped, 1000":
            lambda: driver("append", accounts=accounts, first=accounts, batch=1000, events=events),
        f"append beside {accounts} other accounts":
            lambda: driver("append", accounts=accounts, batch=100, events=events, rivals=accounts),
        "append beside one hot account":
            lambda: driver("append", accounts=accounts, batch=100, events=events, rivals=1),
        "admission within a lease": lambda: driver("admit", operations=events * 10),
        "seal what was appended": lambda: driver("seal"),
        "project what was appended": lambda: driver("project"),
        "leases, 1 instance, hot":
            lambda: driver("leases", instances=1, operations=events // 20),
        "leases, 8 instances, hot":
            lambda: driver("leases", instances=8, operations=events // 10),
        "leases, 8 instances, hot, 100 a second":
            lambda: driver("leases", instances=8, operations=events // 80, pause=80),
        "rebuild both projections": lambda: driver("rebuild"),
        "verify": lambda: driver("verify"),
        "pgbench -N": lambda: pgbench(1 if options.quick else 3),
    }
    driver("seal")
    driver("project")
    rounds = {name: [] for name in work}
    for number in range(options.rounds):
        for name, step in work.items():
            print(f"\rround {number + 1} of {options.rounds}: {name:45}", end="", file=sys.stderr)
            rounds[name].append(measured(step))
    print(f"\r{'':70}\r", end="", file=sys.stderr)
    report(options, rounds)


def report(options, rounds):
    print(f"Median (least–most) of {options.rounds} rounds by turns. Shares are of COPY in the same"
          " round;\nCPU is per event or operation, in µs, and says more than rates on a busy"
          " machine.\n")
    print(f"{'':42}{'a second':>10}{'% of COPY':>22}{'server CPU':>22}{'client CPU':>12}")
    for name, figures in rounds.items():
        rate = statistics.median(figure["rate"] for figure in figures)
        shares = [100 * figure["rate"] / copied["rate"]
                  for figure, copied in zip(figures, rounds["COPY"])]
        has_share = "events" in figures[0]
        cpu = spread([figure["server_cpu_microseconds_each"] for figure in figures], ".1f")
        client = [figure["cpu_microseconds_each"] for figure in figures
                  if "cpu_microseconds_each" in figure]
        print(f"{name:42}{rate:>10.0f}{spread(shares, '.1f') if has_share else '':>22}"
              f"{cpu:>22}{statistics.median(client) if client else 0:>12.1f}")
    print()
    for name, figures in rounds.items():
        if "p99_microseconds" not in figures[0]:
            continue
        for word in ("median", "p99"):
            values = [figure[f"{word}_microseconds"] / 1000 for figure in figures]
            print(f"{name}: {word} {spread(values, '.2f')} ms")
    write(options.output, {
        "rounds": options.rounds, "events": options.events, "figures": rounds})


main()
