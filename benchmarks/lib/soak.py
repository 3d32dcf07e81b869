"""Watches one instance under steady load; called by benchmarks/soak."""

import argparse
import contextlib
import os
import statistics
import sys
import threading
import time

from accounting import memory_kilobytes
from figures import table, write
from open_loop import Client, Streams, calls, post
from peers import request_of, static_upstream
from systems import Farebox, scratch

ROWS = 12


class Watch(threading.Thread):
    """Takes a sample every so many seconds, whatever the load does meanwhile."""

    def __init__(self, farebox, interval):
        super().__init__(daemon=True)
        self.farebox, self.interval = farebox, interval
        self.samples, self.error = [], None
        self.is_over = threading.Event()
        self.start_time = time.monotonic()

    def run(self):
        try:
            while not self.is_over.wait(self.interval):
                self.samples.append(self.sample())
        except Exception as error:  # Told by `end`, in the thread that waits for it.
            self.error = error

    def sample(self):
        pid, = self.farebox.pids
        metrics = self.farebox.installation.metrics()

        def total(name):
            return sum(float(value) for key, value in metrics.items()
                       if key.partition("{")[0] == f"farebox_{name}")

        resident, own = memory_kilobytes([pid])
        return {
            "seconds": time.monotonic() - self.start_time, "calls": total("calls_total"),
            "resident_kibibytes": resident, "own_kibibytes": own,
            "descriptors": len(os.listdir(f"/proc/{pid}/fd")),
            "journal_bytes": total("journal_bytes"), "unshipped": total("journal_unshipped"),
            "unprojected": total("projection_events_behind"),
            "seal_lag_seconds": total("seal_lag_seconds"),
        }

    def end(self):
        self.is_over.set()
        self.join(60)
        if self.error:
            raise self.error
        return self.samples


def load(farebox, rate, seconds, seed):
    """Whole answers at a rate, for most of the time; then streams, and some who leave them."""
    whole = request_of(1024)
    streamed = request_of(1024, stream=True).replace("demo-small", "demo-exact")
    calls(farebox.url, post(farebox.url, farebox.key, whole), rate, seconds * 0.8, seed=seed,
          warm_up=0)
    streams = Streams([(farebox.url, farebox.key)], streamed, max(1, int(rate * seconds * 0.1)),
                      rate)
    streams.run()
    streams.close()
    for _ in range(max(1, int(rate * seconds * 0.01))):
        leave(farebox, streamed)


def leave(farebox, body):
    """Sends a call and does not wait for its answer."""
    client = Client(farebox.url, 1)
    client.idle[0].socket.send(post(farebox.url, farebox.key, body))
    client.close()


def quarter(samples, number):
    """The samples of one quarter of the time, counted from 0."""
    size = max(1, len(samples) // 4)
    return samples[number * size:(number + 1) * size] if number < 3 else samples[-size:]


def verdict(samples, rate):
    """What the last quarter is held against the second with, and whether it is flat.

    The first quarter fills caches, pools and the allocator. A journal keeps what it has shipped for
    a week, so in an hour it can only grow: by the same for each call.
    """
    early, late = quarter(samples, 1), quarter(samples, 3)

    def median(part, name):
        return statistics.median(sample[name] for sample in part)

    def most(part, name):
        return max(sample[name] for sample in part)

    def each(part):
        return statistics.median(
            sample["journal_bytes"] / max(1, sample["calls"]) for sample in part)

    rows = [
        ("own memory, KiB", median(early, "own_kibibytes"), median(late, "own_kibibytes"),
         median(early, "own_kibibytes") * 1.1 + 4096),
        ("descriptors", most(early, "descriptors"), most(late, "descriptors"),
         most(early, "descriptors") + 16),
        ("journal, bytes a call", each(early), each(late), each(early) * 1.1 + 64),
        ("unshipped events", most(early, "unshipped"), most(late, "unshipped"),
         most(early, "unshipped") * 2 + 2 * rate),
        ("unprojected events", most(early, "unprojected"), most(late, "unprojected"),
         most(early, "unprojected") * 2 + 4 * rate),
        ("seal lag, seconds", most(early, "seal_lag_seconds"), most(late, "seal_lag_seconds"),
         most(early, "seal_lag_seconds") * 2 + 5),
    ]
    return [(name, before, after, limit, after <= limit) for name, before, after, limit in rows]


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--seconds", type=float, default=3600)
    options.add_argument("--rate", type=float, default=100, help="calls a second")
    options.add_argument("--quick", action="store_true", help="twenty seconds: that it runs")
    options.add_argument("--output", default="benchmarks/soak.json")
    options = options.parse_args()
    if options.quick:
        options.seconds = 20

    folder = scratch()
    part = min(30, options.seconds / 8)
    with contextlib.ExitStack() as started:
        upstream = static_upstream(folder)
        started.callback(upstream.end)
        farebox = Farebox(folder, upstream)
        started.callback(farebox.end)
        watch = Watch(farebox, max(0.5, options.seconds / 240))
        watch.start()
        start, number = time.monotonic(), 0
        while time.monotonic() < start + options.seconds:
            left = start + options.seconds - time.monotonic()
            print(f"\r{left:5.0f} seconds to go", end="", file=sys.stderr)
            load(farebox, options.rate, min(part, left), seed=number)
            number += 1
        samples = watch.end()
        farebox.check()
    print(f"\r{'':30}\r", end="", file=sys.stderr)
    sys.exit(report(options, samples))


def report(options, samples):
    shown = samples[::max(1, len(samples) // ROWS)]
    table(["seconds", "calls", "own KiB", "resident KiB", "descriptors", "journal KiB", "unshipped",
           "unprojected", "seal lag s"],
          [[f"{sample['seconds']:.0f}", f"{sample['calls']:.0f}", sample["own_kibibytes"],
            sample["resident_kibibytes"], sample["descriptors"],
            f"{sample['journal_bytes'] / 1024:.0f}", f"{sample['unshipped']:.0f}",
            f"{sample['unprojected']:.0f}", f"{sample['seal_lag_seconds']:.0f}"]
           for sample in shown])
    rows = verdict(samples, options.rate)
    table(["", "second quarter", "last quarter", "at most", ""],
          [[name, f"{before:.0f}", f"{after:.0f}", f"{limit:.0f}", "flat" if is_flat else "GROWS"]
           for name, before, after, limit, is_flat in rows])
    is_flat = all(row[-1] for row in rows)
    print("Everything is flat." if is_flat else "Something grows.")
    write(options.output, {
        "seconds": options.seconds, "rate": options.rate, "is_flat": is_flat, "samples": samples})
    # Twenty seconds say that it runs, and nothing of what grows.
    return 0 if is_flat or options.quick else 1


main()
