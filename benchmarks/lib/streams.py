"""Measures many open paced streams; called by benchmarks/streams."""

import argparse
import contextlib
import statistics
import sys
import time

from accounting import cpu_seconds, memory_kilobytes, postmaster
from figures import quantile, table, write
from open_loop import Streams
from peers import PacedUpstream, nginx_proxy, request_of
from systems import Farebox, scratch

# Of streams begun a second: slow enough that beginning them delays none that runs.
RATE = 600


def measure(name, targets, pids, upstream, count, options):
    """Opens streams, spread over the targets, and watches them while none begins or ends."""
    print(f"\r{count} streams through {name:40}", end="", file=sys.stderr)
    before = memory_kilobytes(pids)
    streams = Streams(targets, request_of(1024, stream=True), count, RATE)
    try:
        while len(streams.first_bytes) < count:
            streams.run(until=time.monotonic() + 0.1)
        cpu, database, sent = cpu_seconds(pids), cpu_seconds([postmaster()]), upstream.sent()
        delays = streams.run(until=time.monotonic() + options.seconds)
        chunks = upstream.sent() - sent
        figures = {"system": name, "streams": count, "chunks": chunks,
                   "cpu_microseconds_a_chunk": (cpu_seconds(pids) - cpu) / chunks * 1e6,
                   "database_microseconds_a_chunk":
                       (cpu_seconds([postmaster()]) - database) / chunks * 1e6}
        after = memory_kilobytes(pids)
        upstream.finish()
        streams.run(until=time.monotonic() + 90)
        assert streams.ended == count, f"{count - streams.ended} streams have not ended"
    finally:
        streams.close()
    every = [delay * 1e6 for stream in delays for delay in stream]
    means = [statistics.fmean(stream) * 1e6 for stream in delays]
    return {**figures, "resident_kibibytes_a_stream": (after[0] - before[0]) / count,
            "own_kibibytes_a_stream": (after[1] - before[1]) / count,
            "delay_p50": quantile(every, 0.5), "delay_p99": quantile(every, 0.99),
            "fairness": quantile(means, 0.99) / quantile(means, 0.5)}


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--interval", type=float, default=2, help="seconds between chunks")
    options.add_argument("--seconds", type=float, default=12, help="how long each is watched")
    options.add_argument("--counts", type=int, nargs="+", default=[1_000, 3_000, 9_000],
                         help="streams on one instance")
    options.add_argument("--quick", action="store_true", help="few streams: that it runs")
    options.add_argument("--output", default="benchmarks/streams.json")
    options = options.parse_args()
    counts, on_two = options.counts, 10_000
    if options.quick:
        counts, on_two, options.seconds = [100], 200, 4

    folder = scratch()
    results = []
    for count in [*counts, on_two]:
        # Processes of their own for each count: memory that an allocator kept would count as none.
        home = folder / str(count)
        with contextlib.ExitStack() as started:
            def start(part):
                started.callback(part.end)
                return part

            for part in ("first", "second"):
                (home / part).mkdir(parents=True)
            upstream = start(PacedUpstream(options.interval))
            farebox = start(Farebox(home / "first", upstream))
            if count == on_two:
                second = start(Farebox(home / "second", upstream, shares=farebox))
                results.append(measure(
                    "farebox, two instances", [(each.url, each.key) for each in (farebox, second)],
                    farebox.pids + second.pids, upstream, count, options))
            else:
                proxy = start(nginx_proxy(home, upstream))
                results.append(measure(
                    "nginx", [(proxy.url, "none")], proxy.pids, upstream, count, options))
                results.append(measure(
                    "farebox", [(farebox.url, farebox.key)], farebox.pids, upstream, count,
                    options))
            farebox.check()
    report(options, results)


def report(options, results):
    print(f"\rOpen streams with a chunk every {options.interval:g} s, watched for "
          f"{options.seconds:g} s. CPU in µs a chunk; delays in µs from the upstream's\n"
          "sending to the client's reading, wall figures and noisy; fairness is the mean delay "
          "of the unluckiest\nhundredth of the streams over the median's. Memory is what grew "
          "since the system was idle.\n")
    nginx = {row["streams"]: row["cpu_microseconds_a_chunk"] for row in results
             if row["system"] == "nginx"}
    table(["system", "streams", "KiB a stream", "own KiB", "CPU a chunk", "/ nginx", "PostgreSQL",
           "delay p50", "p99", "fairness"],
          [[row["system"], row["streams"], f"{row['resident_kibibytes_a_stream']:.1f}",
            f"{row['own_kibibytes_a_stream']:.1f}", f"{row['cpu_microseconds_a_chunk']:.1f}",
            f"{row['cpu_microseconds_a_chunk'] / nginx[row['streams']]:.2f}"
            if nginx.get(row["streams"]) else "–",
            f"{row['database_microseconds_a_chunk']:.1f}", f"{row['delay_p50']:.0f}",
            f"{row['delay_p99']:.0f}", f"{row['fairness']:.2f}"] for row in results])
    write(options.output, {"interval": options.interval, "rows": results})


main()
