"""Measures CPU time a call of several systems by turns; called by benchmarks/proxy."""

import argparse
import contextlib
import pathlib
import re
import subprocess
import sys
import time
import types

from accounting import cpu_seconds, postmaster
from figures import machine, spread, table, write
from peers import (
    PacedUpstream, haproxy, litellm, nginx_proxy, request_of, smg, static_upstream)
from systems import Farebox, scratch

# The largest part of the calls that a busy machine may have refused (429 and 503, to be repeated).
REFUSED_SHARE_MAX = 0.001
CHAT, MESSAGES = "/v1/chat/completions", "/v1/messages"
PACED_CHUNKS = 50


class Case:
    """Calls of one kind over so many connections, each of which waits for its answer."""

    def __init__(self, name, connections=64, length=1024, path=CHAT, stream=False, others=()):
        self.name, self.connections, self.path = name, connections, path
        self.body = request_of(length, stream=stream, messages=path == MESSAGES)
        # The gateways of PyPI that take part.
        self.others = others


WHOLE = [
    Case("1 KB, 1 connection", 1),
    Case("1 KB, 64 connections", others=("smg", "litellm")),
    Case("1 KB, 512 connections", 512, others=("smg",)),
    Case("1 KB, 2048 connections", 2048),
    Case("50 KB, 64 connections", length=50_000),
    Case("500 KB, 64 connections", length=500_000),
    Case("messages to chat, 64 connections", path=MESSAGES),
]
BURST = [Case("stream at once, 64 connections", stream=True)]
PACED = [Case("paced stream, a chunk, 64 connections", stream=True)]


def load(system, case, seconds, folder):
    """Calls without a pause; returns the count of answers, which are 200 but for very few."""
    script = pathlib.Path(folder) / "post.lua"
    script.write_text(
        'wrk.method = "POST"\n'
        f"wrk.body = [==[{case.body}]==]\n"
        'wrk.headers["content-type"] = "application/json"\n'
        f'wrk.headers["authorization"] = "Bearer {system.key}"\n'
    )
    done = subprocess.run(
        ["wrk", "-t1", f"-c{case.connections}", f"-d{seconds}s", "--timeout", "60s",
         "-s", script, system.url + case.path],
        check=True, capture_output=True, text=True,
    )
    count = int(re.search(r"(\d+) requests in", done.stdout)[1])
    if others := re.search(r"Non-2xx or 3xx responses: (\d+)", done.stdout):
        refused = system.refusals() if isinstance(system, Farebox) else ""
        say(f"{case.name}: {others[1]} of {count} refused\n{refused}\n")
        assert int(others[1]) <= max(1, REFUSED_SHARE_MAX * count), refused or done.stdout
    return count


def measure(name, system, case, options, folder, sent):
    """CPU µs a call of the system and of PostgreSQL, and calls a second.

    Chunks count instead of calls where the upstream says how many it has sent.
    """
    before, chunks = [cpu_seconds(system.pids), cpu_seconds([postmaster()])], sent()
    start = time.monotonic()
    # A call of LiteLLM's takes so long that a short round would have cut most of its calls off.
    count = load(system, case, options.seconds * (5 if name == "litellm" else 1), folder)
    assert count, f"{name} answered no call"
    seconds = time.monotonic() - start
    if isinstance(system, Farebox):
        # What was acknowledged but not yet shipped belongs to the round as well.
        time.sleep(0.5)
    count = sent() - chunks or count
    own = cpu_seconds(system.pids) - before[0]
    database = cpu_seconds([postmaster()]) - before[1]
    return {"own": own / count * 1e6, "database": database / count * 1e6, "rate": count / seconds}


def turns(cases, systems, options, folder, sent=lambda: 0):
    """Figures by case and system, a value a round."""
    found = {}
    for case in cases:
        taking = {name: system for name, system in systems.items()
                  if name in ("nginx", "haproxy", "farebox", *case.others)}
        for system in taking.values():
            load(system, case, 1, folder)
        rounds = {name: [] for name in taking}
        for number in range(options.rounds):
            for name, system in taking.items():
                say(f"{case.name}, round {number + 1} of {options.rounds}: {name}")
                rounds[name].append(measure(name, system, case, options, folder, sent))
        found[case.name] = rounds
    return found


def say(words):
    print(f"\r{words:70}", end="", file=sys.stderr)


def run(kind, cases, options, folder):
    """Starts every system before the upstream of a kind, and measures the cases by turns."""
    cases = [case for case in cases if all(word in case.name for word in options.only)]
    if not cases:
        return {}
    folder = folder / kind
    folder.mkdir()
    with contextlib.ExitStack() as started:
        def start(part):
            started.callback(part.end)
            return part

        upstream = start(PacedUpstream(0.02, PACED_CHUNKS) if kind == "paced"
                         else static_upstream(folder))
        sent = getattr(upstream, "sent", lambda: 0)
        if kind == "burst":
            port = upstream.stream_port
            upstream = types.SimpleNamespace(port=port, url=f"http://127.0.0.1:{port}")
        systems = {"nginx": start(nginx_proxy(folder, upstream)),
                   "haproxy": start(haproxy(folder, upstream)),
                   "farebox": start(Farebox(folder, upstream))}
        if options.gateways and any(case.others for case in cases):
            systems["smg"] = start(smg(folder, upstream, options.gateways))
            systems["litellm"] = start(litellm(folder, upstream, options.gateways))
        found = turns(cases, systems, options, folder, sent)
        systems["farebox"].check()
    return found


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--seconds", type=int, default=2)
    options.add_argument("--only", nargs="+", default=[], help="words of the cases to run")
    options.add_argument("--gateways", type=pathlib.Path, help="where smg and litellm are")
    options.add_argument("--quick", action="store_true", help="one short round: that it runs")
    options.add_argument("--output", default="benchmarks/proxy.json")
    options = options.parse_args()
    if options.quick:
        options.rounds, options.seconds = 1, 1

    folder = scratch()
    found = {}
    for kind, cases in (("whole", WHOLE), ("burst", BURST), ("paced", PACED)):
        found |= run(kind, cases, options, folder)
    report(options, found)


def report(options, found):
    print(f"\rCPU µs a call of all processes of a system, median (least–most) of "
          f"{options.rounds} rounds by turns (load {machine()['load']:.1f});\n"
          "calls a second are a wall figure, noisy on a busy machine.\n")
    table(["", "nginx", "haproxy", "farebox", "farebox / nginx", "PostgreSQL beside", "calls/s"],
          [[name, *(spread(values(rounds[system], "own"), ".1f")
                    for system in ("nginx", "haproxy", "farebox")),
            spread(ratios(rounds, "nginx")), spread(values(rounds["farebox"], "database"), ".1f"),
            spread(values(rounds["farebox"], "rate"), ".0f")] for name, rounds in found.items()])
    beside = [(name, other, rounds) for name, rounds in found.items()
              for other in ("smg", "litellm") if other in rounds]
    if beside:
        table(["gateways, metering off", "", "CPU a call", "farebox / it", "calls/s"],
              [[name, other, spread(values(rounds[other], "own"), ".1f"),
                spread(ratios(rounds, other), ".4f"), spread(values(rounds[other], "rate"), ".0f")]
               for name, other, rounds in beside])
    write(options.output, {"rounds": options.rounds, "microseconds": found})


def values(rounds, figure):
    return [each[figure] for each in rounds]


def ratios(rounds, other):
    """Farebox's CPU time over another's in the same round; only where the other took any."""
    return [own / its for own, its in zip(values(rounds["farebox"], "own"),
                                          values(rounds[other], "own")) if its > 0]


main()
