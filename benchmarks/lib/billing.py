"""Measures billing; called by benchmarks/billing."""

import argparse
import datetime
import json
import os
import pathlib
import re
import subprocess
import sys
import threading
import time
import urllib.parse
import urllib.request

from billing_seed import Seeder
from figures import machine, quantile, table
from systems import scratch

from harness import BINARY, Demo, Installation, wait_until  # noqa: E402

MODELS = 25
PRICES = {
    "format": "farebox-prices/1", "currency": "USD",
    "models": {f"bench-{number}": {"context": 128000, "maxOutput": 16384, "input": "0.0375",
                                   "output": "0.15"} for number in range(MODELS)},
}


class Measured:
    """A command that was run: how long it took, and the most memory it had."""

    def __init__(self, installation, *words):
        start = time.monotonic()
        child = subprocess.Popen([BINARY, *words], env=installation.environment(),
                                 stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        texts = []
        reader = threading.Thread(target=lambda: texts.append(child.stdout.read()))
        reader.start()
        _, status, usage = os.wait4(child.pid, 0)
        reader.join()
        self.seconds = time.monotonic() - start
        self.megabytes = usage.ru_maxrss / 1024
        self.output = texts[0]
        code = os.waitstatus_to_exitcode(status)
        assert code == 0, f"{' '.join(words)} ended with {code}:\n{self.output[-2000:]}"


def note(words):
    print(f"\r{words:78}", end="", file=sys.stderr, flush=True)


class Bench:
    def __init__(self, options, folder):
        self.options = options
        self.folder = folder
        today = datetime.datetime.now(datetime.timezone.utc).date()
        end = today.replace(day=1)
        start = (end - datetime.timedelta(days=1)).replace(day=1)
        self.month = f"{start:%Y-%m}"
        self.rows = []
        self.installation = Installation(folder)
        self.installation.run("migrate")
        prices = folder / "prices.json"
        prices.write_text(json.dumps(PRICES))
        self.installation.run("price", "import", prices, "--format", "farebox")
        self.installation.run("issuer", "create", "us", "--name", "Us Ltd", "--country", "DE",
                              "--tax-id", "DE123456789", "--address", "1 Market Square")
        self.seeder = Seeder(self.installation.database, f"{start}T00:00:00Z",
                             (end - start).days * 86_400)

    def add(self, name, value, unit, target=None, **more):
        self.rows.append({"name": name, "value": value, "unit": unit, "target": target, **more})

    def command(self, *words):
        return Measured(self.installation, *words)

    # Steps, in their order.

    def seed(self):
        events, accounts = self.options.events, self.options.accounts
        start = time.monotonic()
        note(f"writing {events} calls of one account")
        self.seeder.accounts("big", 1, 1, events, keys=40, projects=10, models=4)
        note(f"writing {events // 10} calls of another")
        self.seeder.accounts("tenth", 2, 1, events // 10, keys=40, projects=10, models=4)
        note("writing a month of many lines")
        self.seeder.accounts("wide", 3, 1, 40 * MODELS, keys=40, projects=40, models=MODELS)
        note(f"writing 20 calls of each of {accounts} accounts")
        self.seeder.accounts("small", 1_000, accounts, 20, keys=2, projects=1, models=3)
        self.installation.database.query("ANALYZE")
        self.add("calls written", events * 1.1 + accounts * 20, "calls",
                 seconds=time.monotonic() - start)

    def recompute(self):
        """From the events alone: nothing has followed the streams yet."""
        draft = ("invoice", "draft", "--month", self.month, "--json", "--account")
        note("drafting from events")
        tenth = self.command(*draft, "tenth")
        big = self.command(*draft, "big")
        self.add("draft recomputed from events", big.seconds, "s", "< 30 s")
        self.add("… memory", big.megabytes, "MiB", "flat", tenth=tenth.megabytes)
        self.add("… memory of a tenth of the calls", tenth.megabytes, "MiB")
        self.drafted = json.loads(big.output)

    def follow(self):
        """What a running instance keeps up with as it goes."""
        events = self.options.events * 1.1 + self.options.accounts * 20
        for projection in ("statement", "usage"):
            note(f"building the projection {projection}")
            built = self.command("ledger", "rebuild", projection)
            self.add(f"projection {projection} built", events / built.seconds, "calls/s",
                     "≥ 100 000 calls/s")
        note("folding months into checkpoints")
        demo = Demo(self.folder)
        self.installation.configure_demo(demo.url)
        start = time.monotonic()
        self.installation.start()
        try:
            query = ("SELECT version + 1000 >= (SELECT version FROM account_heads AS heads WHERE"
                     " heads.account_id = checkpoints.account_id) FROM period_checkpoints AS"
                     " checkpoints JOIN accounts USING (account_id) WHERE slug = 'big'")
            wait_until(lambda: self.installation.database.query(query) == [["t"]], 600, "the fold")
            self.add("months folded", self.options.events / (time.monotonic() - start), "calls/s")
            self.dashboard()
        finally:
            self.installation.process.stop()
            demo.end()

    def dashboard(self):
        log = self.installation.process.log.read_text()
        base = re.search(r"dashboard on (http://[^\s/]+)", log).group(1)
        first = datetime.date.fromisoformat(f"{self.month}-01")
        last = (first.replace(day=28) + datetime.timedelta(days=4)).replace(day=1)
        span = urllib.parse.urlencode({"from": f"{first}", "to": f"{last}"})
        pages = {
            "overview": "/",
            "explorer, a month by day": f"/accounts/big/usage?{span}&by=day",
            "explorer, a month by project and model":
                f"/accounts/big/usage?{span}&by=project&then=model",
            "explorer, a month by key": f"/accounts/big/usage?{span}&by=key",
        }
        for name, path in pages.items():
            note(f"asking for the dashboard's {name}")
            times, kilobytes = [], 0
            for _ in range(4 if self.options.quick else 40):
                start = time.monotonic()
                with urllib.request.urlopen(base + path, timeout=60) as answer:
                    kilobytes = len(answer.read()) / 1000
                times.append(1000 * (time.monotonic() - start))
            # The first one is asked of connections that are yet to be made.
            self.add(f"dashboard: {name}, p95", quantile(times[1:], 0.95), "ms", "< 150 ms",
                     median=quantile(times[1:], 0.5))
            self.add("… its page", kilobytes, "KB", "≤ 150 KB")

    def draft(self):
        note("drafting from projections")
        words = ("invoice", "draft", "--month", self.month, "--json", "--account", "big")
        runs = [self.command(*words) for _ in range(2 if self.options.quick else 5)]
        assert [json.loads(run.output) for run in runs] == [self.drafted] * len(runs), \
            "a draft from projections is not what the events make"
        self.add("draft from projections", quantile([run.seconds for run in runs], 0.5), "s",
                 "< 1 s")

    def close(self):
        note("closing the month of all accounts")
        accounts = self.options.accounts + 3
        closed = self.command("invoice", "close", "--month", self.month)
        self.add("months closed", accounts / closed.seconds, "accounts/s", "≥ 200 accounts/s",
                 seconds=closed.seconds, accounts=accounts)
        numbers = self.installation.database.query(
            "SELECT count(*), count(DISTINCT number), min(sequence), max(sequence) FROM documents")
        assert numbers == [[f"{accounts}", f"{accounts}", "1", f"{accounts}"]], numbers

    def number(self, slug):
        return self.installation.database.query(
            f"SELECT number FROM documents JOIN accounts USING (account_id) WHERE slug = '{slug}'"
        )[0][0]

    def verify(self):
        note("making the largest document again")
        verified = self.command("invoice", "verify", self.number("big"))
        self.add("largest invoice verified", verified.seconds, "s", "< 30 s")
        self.add("… memory of that", verified.megabytes, "MiB", "flat")

    def print_pdf(self):
        note("setting a long PDF")
        path = self.folder / "wide.pdf"
        words = ("invoice", "export", self.number("wide"), "--format", "pdf", "--output",
                 f"{path}")
        runs = [self.command(*words) for _ in range(2 if self.options.quick else 5)]
        told = subprocess.run(["pdfinfo", path], check=True, capture_output=True, text=True).stdout
        pages = int(re.search(r"Pages:\s+(\d+)", told).group(1))
        milliseconds = 1000 * quantile([run.seconds for run in runs], 0.5)
        self.add(f"PDF of {pages} pages", milliseconds, "ms", "50 pages < 500 ms", pages=pages)

    def run(self):
        for step in (self.seed, self.recompute, self.follow, self.draft, self.close, self.verify,
                     self.print_pdf):
            step()
        note("")
        print("\r", end="", file=sys.stderr)

    def report(self):
        table(["", "measured", "target"],
              [[row["name"], f"{row['value']:,.2f} {row['unit']}".replace(".00 ", " "),
                row["target"] or ""] for row in self.rows])
        pathlib.Path(self.options.output).write_text(json.dumps(
            {"machine": machine(), "events": self.options.events,
             "accounts": self.options.accounts, "figures": self.rows}, indent=2) + "\n")


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--events", type=int, default=10_000_000)
    options.add_argument("--accounts", type=int, default=10_000)
    options.add_argument("--quick", action="store_true", help="small: that it runs, for CI")
    options.add_argument("--output", default="benchmarks/billing.json")
    options = options.parse_args()
    if options.quick:
        options.events, options.accounts = 20_000, 50
    bench = Bench(options, scratch())
    try:
        bench.run()
    finally:
        # What was measured before a step that failed is worth its minutes too.
        bench.report()


main()
