"""Measures added latency under open-loop load; called by benchmarks/latency."""

import argparse
import contextlib
import sys
import time

from figures import machine, quantile, spread, table, write
from open_loop import Streams, calls, post, saturation
from peers import PacedUpstream, nginx_proxy, request_of, static_upstream
from systems import Farebox, scratch

SHARES = {"p50": 0.5, "p99": 0.99, "p99.9": 0.999}
LOADS = {"a tenth": 0.1, "half": 0.5, "nine tenths": 0.9}


def unary(targets, options):
    """Latencies in µs by load, system and share, a value a round; and the saturation."""
    requests = {name: post(url, key, request_of(1024)) for name, (url, key) in targets.items()}
    most = {name: saturation(url, requests[name], options.seconds)
            for name, (url, _) in targets.items()}
    found = {load: {name: {share: [] for share in SHARES} for name in targets} for load in LOADS}
    for number in range(options.rounds):
        for load, part in LOADS.items():
            for name, (url, _) in targets.items():
                say(f"round {number + 1} of {options.rounds}, {load} of saturation: {name}")
                seconds = calls(url, requests[name], part * most["farebox"], options.seconds,
                                seed=number)
                for share, at in SHARES.items():
                    found[load][name][share].append(quantile(seconds, at) * 1e6)
    return most, found


def streamed(targets, options):
    """First byte and chunk delay of paced streams in µs, likewise."""
    found = {name: {"first byte " + share: [] for share in ("p50", "p99")}
             | {"chunk " + share: [] for share in SHARES} for name in targets}
    for number in range(options.rounds):
        for name, (url, key) in targets.items():
            say(f"round {number + 1} of {options.rounds}, {options.streams} streams: {name}")
            body = request_of(1024, stream=True)
            streams = Streams([(url, key)], body, options.streams, rate=100)
            delays = [delay for stream in streams.run() for delay in stream]
            streams.close()
            for share, at in SHARES.items():
                found[name]["chunk " + share].append(quantile(delays, at) * 1e6)
                if share != "p99.9":
                    found[name]["first byte " + share].append(
                        quantile(streams.first_bytes, at) * 1e6)
    return found


def added(figures, name, share):
    """What a system adds to the upstream's own, round by round."""
    return [own - direct for own, direct in zip(figures[name][share], figures["direct"][share])]


def ratios(figures, share):
    """Farebox's addition over nginx's; only where nginx adds anything."""
    return [own / other for own, other in zip(added(figures, "farebox", share),
                                              added(figures, "nginx", share)) if other > 0]


def say(words):
    print(f"\r{words:70}", end="", file=sys.stderr)


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--seconds", type=float, default=4)
    options.add_argument("--streams", type=int, default=200)
    options.add_argument("--quick", action="store_true", help="one short round: that it runs")
    options.add_argument("--output", default="benchmarks/latency.json")
    options = options.parse_args()
    if options.quick:
        options.rounds, options.seconds, options.streams = 1, 1, 50

    folder = scratch()
    with contextlib.ExitStack() as started:
        def start(part):
            started.callback(part.end)
            return part

        results = {}
        for kind, measure in (("unary", unary), ("streamed", streamed)):
            (folder / kind).mkdir()
            upstream = start(static_upstream(folder / kind) if kind == "unary"
                             else PacedUpstream(0.05, 40))
            proxy = start(nginx_proxy(folder / kind, upstream))
            farebox = start(Farebox(folder / kind, upstream))
            results[kind] = measure(
                {"direct": (upstream.url, "none"), "nginx": (proxy.url, "none"),
                 "farebox": (farebox.url, farebox.key)}, options)
            say("")
            time.sleep(1)
            farebox.check()
        report(options, *results["unary"], results["streamed"])


def report(options, most, unary, streamed):
    print(f"\rLatency in µs from the instant at which a call was due, median (least–most) of "
          f"{options.rounds} rounds by turns.\nWall figures, noisy on a busy machine "
          f"(load {machine()['load']:.1f}); farebox / nginx compares what both add.\n")
    rate = most["farebox"]
    heads = ["calls", "", "upstream alone", "nginx adds", "farebox adds", "farebox / nginx"]
    rows = [row(f"{load}: {rate * LOADS[load]:.0f}/s", figures, share)
            for load, figures in unary.items() for share in SHARES]
    table(heads, rows)
    heads[0] = "paced streams"
    table(heads, [row(str(options.streams), streamed, share) for share in streamed["direct"]])
    print("Saturation with this client, calls/s: "
          + ", ".join(f"{name} {value:.0f}" for name, value in most.items()) + "\n")
    write(options.output, {"rounds": options.rounds, "saturation": most,
                           "unary_microseconds": unary, "streamed_microseconds": streamed})


def row(name, figures, share):
    return [name, share, spread(figures["direct"][share], ".0f"),
            spread(added(figures, "nginx", share), ".0f"),
            spread(added(figures, "farebox", share), ".0f"), spread(ratios(figures, share))]


main()
