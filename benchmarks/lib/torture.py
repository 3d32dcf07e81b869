"""Kills, stops and starves a deployment under load; called by benchmarks/torture."""

import argparse
import collections
import decimal
import http.client
import json
import os
import pathlib
import random
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.parse

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "Tests/acceptance"))

PRIMARY = pathlib.Path(os.environ["FAREBOX_TEST_CLUSTER"])
STANDBY = pathlib.Path(os.environ["FAREBOX_TEST_STANDBY"])


def port_of(cluster):
    return int(re.search(r"_fb_port=(\d+)", (cluster / "address").read_text())[1])


def both(url):
    """A libpq URL that finds whichever of the two servers takes writes."""
    first, second = port_of(PRIMARY), port_of(STANDBY)
    url = url.replace(f"127.0.0.1:{first}", f"127.0.0.1:{first},127.0.0.1:{second}")
    return url + "&target_session_attrs=read-write&connect_timeout=2"


# The harness reads where PostgreSQL is when it is imported.
for name in ("FAREBOX_TEST_OWNER_URL", "FAREBOX_TEST_DATABASE_URL"):
    os.environ[name] = both(os.environ[name])

from client import chat  # noqa: E402
from harness import Demo, Installation, Refused, wait_until  # noqa: E402

PRICES = {"input": decimal.Decimal("0.15"), "output": decimal.Decimal("0.60")}
LEASE_SECONDS = 8
CALL_SECONDS = 6
MARGIN_SECONDS = 2


def say(words):
    print(f"{time.monotonic() - START:7.1f} s  {words}", flush=True)


class Instance:
    """A process with a journal of its own, and whoever starts it again when it has ended."""

    def __init__(self, number, folder, database, upstream):
        self.number = number
        folder.mkdir(parents=True)
        self.disk = folder / "disk"
        self.disk.mkdir()
        self.has_small_disk = number == 0 and small_disk(self.disk)
        self.farebox = Installation(folder, database=database)
        self.farebox.journal = self.disk / "journal.sqlite"
        self.farebox.configure_demo(
            upstream,
            policy={"minimumOutputTokens": 4},
            limits={
                "callDeadlineSeconds": CALL_SECONDS,
                "leaseSeconds": LEASE_SECONDS,
                "leaseMarginSeconds": MARGIN_SECONDS,
                "disconnectDrainSeconds": 5,
                "drainSeconds": 20,
            },
        )
        self.busy = threading.Lock()

    @property
    def process(self):
        return self.farebox.process

    @property
    def is_up(self):
        return self.process is not None and self.process.child.poll() is None

    def keep_up(self, seconds=90):
        """Starts it until it is up, as a supervisor does."""
        deadline = time.monotonic() + seconds
        while not self.is_up:
            try:
                self.farebox.start("--loops", "1")
            except AssertionError as failure:
                if time.monotonic() > deadline:
                    raise SystemExit(f"instance {self.number} does not start: {failure}")
                time.sleep(0.2)


def small_disk(folder):
    """A disk that can be filled; only root can make one."""
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", folder], capture_output=True)
    return done.returncode == 0


class Load:
    """Clients that call, stream, leave in the middle, and shrug at whatever breaks."""

    def __init__(self, instances, keys, clients, chance):
        self.instances, self.keys = instances, keys
        self.statuses = collections.Counter()
        self.answered = set()
        self.lock = threading.Lock()
        self.stopping = threading.Event()
        seeds = [chance.random() for _ in range(clients)]
        self.threads = [threading.Thread(target=self.run, args=(seed,)) for seed in seeds]
        for thread in self.threads:
            thread.start()

    def run(self, seed):
        chance = random.Random(seed)
        while not self.stopping.is_set():
            instance = chance.choice(self.instances)
            if not instance.is_up:
                time.sleep(0.01)
                continue
            try:
                self.call(instance, chance)
            except (OSError, http.client.HTTPException, ValueError):
                self.note("broken")
                time.sleep(0.02)

    def call(self, instance, chance):
        body = chat(stream=chance.random() < 0.6, max_tokens=chance.choice([4, 16, 64]))
        if body["stream"]:
            body["stream_options"] = {"include_usage": True}
        where = urllib.parse.urlsplit(instance.farebox.url)
        connection = http.client.HTTPConnection(where.hostname, where.port, timeout=20)
        try:
            connection.request("POST", "/v1/chat/completions", json.dumps(body), {
                "authorization": f"Bearer {chance.choice(self.keys)}",
                "content-type": "application/json"})
            if chance.random() < 0.08:
                time.sleep(chance.uniform(0, 0.02))
                self.note("left before the answer")
                return self.leave(connection)
            answer = connection.getresponse()
            if answer.status == 200 and body["stream"] and chance.random() < 0.15:
                answer.read1(64)
                self.note("left in the middle")
                return self.leave(connection)
            data = answer.read()
            self.note(answer.status)
            if answer.status != 200:
                return time.sleep(0.05)
            if not body["stream"] or b"[DONE]" in data:
                with self.lock:
                    self.answered.add(answer.getheader("x-request-id"))
        finally:
            connection.close()

    @staticmethod
    def leave(connection):
        connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")

    def note(self, status):
        with self.lock:
            self.statuses[status] += 1

    def stop(self):
        self.stopping.set()
        for thread in self.threads:
            thread.join()


class Torture:
    """The faults, each of which ends by itself."""

    def __init__(self, instances, chance, seconds):
        self.instances, self.chance = instances, chance
        self.cluster = PRIMARY
        self.counts = collections.Counter()
        self.until = time.monotonic() + seconds
        self.failover_at = time.monotonic() + seconds * 0.55

    def run(self):
        menu = [self.kill, self.stop, self.kill_backend, self.kill_postmaster, self.fill_disk]
        weights = [5, 1, 3, 1, 1]
        # Each at least once, whatever the dice say.
        owed = list(menu)
        self.chance.shuffle(owed)
        while time.monotonic() < self.until:
            if self.cluster is PRIMARY and time.monotonic() > self.failover_at:
                self.fail_over()
                continue
            fault = owed.pop() if owed else self.chance.choices(menu, weights)[0]
            fault()
            time.sleep(self.chance.uniform(0.2, 1.5))

    def note(self, fault, words):
        self.counts[fault] += 1
        say(words)

    def kill(self):
        instance = self.chance.choice(self.instances)
        self.note("kill -9 of an instance", f"kill -9 instance {instance.number}")
        instance.process.kill()
        time.sleep(self.chance.uniform(0, 1))
        instance.keep_up()

    def stop(self):
        instance = self.chance.choice(self.instances)
        most = LEASE_SECONDS + CALL_SECONDS + MARGIN_SECONDS + 3
        seconds = self.chance.uniform(LEASE_SECONDS, most)
        self.note("SIGSTOP beyond the lease", f"stop instance {instance.number} {seconds:.0f} s")
        instance.process.child.send_signal(signal.SIGSTOP)
        time.sleep(seconds)
        instance.process.child.send_signal(signal.SIGCONT)

    def postmaster(self):
        return int((self.cluster / "data/postmaster.pid").read_text().split()[0])

    def kill_backend(self):
        """One connection dies as the kernel kills for memory; the server restarts itself."""
        children = [
            int(pid) for pid in
            pathlib.Path(f"/proc/{self.postmaster()}/task/{self.postmaster()}/children")
            .read_text().split()
            if b"farebox" in command_line(int(pid)) and b"idle" in command_line(int(pid))]
        if children:
            self.note("kill -9 of a backend", "kill -9 a backend of PostgreSQL")
            signal_process(self.chance.choice(children), signal.SIGKILL)
            time.sleep(1)

    def kill_server(self):
        """The postmaster and all that it has started, at once."""
        postmaster = self.postmaster()
        children = pathlib.Path(
            f"/proc/{postmaster}/task/{postmaster}/children").read_text().split()
        for pid in [postmaster, *map(int, children)]:
            signal_process(pid, signal.SIGKILL)
        # Until they are reaped: to pg_ctl a server that is a zombie still runs.
        wait_until(lambda: not any(pathlib.Path(f"/proc/{pid}").exists()
                                   for pid in [postmaster, *map(int, children)]), 60, "its end")

    def kill_postmaster(self):
        self.note("kill -9 of PostgreSQL", "kill -9 PostgreSQL, all of it")
        self.kill_server()
        time.sleep(self.chance.uniform(0, 3))
        shell(f"farebox_postgres_start '{self.cluster}'")

    def fail_over(self):
        self.note("failover", "kill -9 PostgreSQL and promote its standby")
        self.kill_server()
        time.sleep(self.chance.uniform(0, 1))
        shell(f"farebox_postgres_promote '{STANDBY}'")
        self.cluster = STANDBY

    def fill_disk(self):
        instance = self.instances[0]
        if not instance.has_small_disk:
            self.note("disk full: skipped, a small disk cannot be mounted here",
                      "no small disk to fill")
            return
        ballast = instance.disk / "ballast"
        self.note("disk full", "fill the disk of instance 0")
        with open(ballast, "wb", buffering=0) as file:
            try:
                while True:
                    file.write(b"\0" * 4096)
            except OSError:
                pass
        time.sleep(self.chance.uniform(2, 4))
        ballast.unlink()


def shell(command):
    subprocess.run(
        ["bash", "-c", f". scripts/lib/install.sh; . scripts/lib/postgres.sh; {command}"],
        cwd=ROOT, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)


def command_line(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/cmdline").read_bytes()
    except FileNotFoundError:
        return b""


def signal_process(pid, number):
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass


class Audit:
    """What the upstream knows against what the ledger says, call by call."""

    def __init__(self, farebox, demo, credits, load):
        self.faults = collections.Counter()
        self.examples = []
        served = {call["request_id"]: call for call in demo.calls()}
        events = {}
        self.usage_count = 0
        self.interrupted = 0
        self.kinds = collections.Counter()
        # By key and by project.
        self.taken = collections.Counter()
        for slug, credit in credits.items():
            spent = decimal.Decimal(0)
            for event in farebox.events(slug):
                self.kinds[event["kind"]] += 1
                if event["kind"] != "usage":
                    continue
                self.usage_count += 1
                spent += decimal.Decimal(event["amount"])
                usage = event["usage"]
                for scope in (usage["key_id"], usage["project_id"]):
                    self.taken[scope] -= decimal.Decimal(event["amount"])
                if usage["request_id"] in events:
                    self.fault("doubled", usage)
                events[usage["request_id"]] = usage
                self.check(event, usage, served.get(usage["request_id"]))
            account = farebox.json("account", "show", slug)
            balance = decimal.Decimal(account["balance"])
            if balance != decimal.Decimal(credit) + spent:
                self.fault("balances that are no sum", account)
            if balance < 0:
                self.fault("overspent", account)
            if decimal.Decimal(account["held"]) != 0:
                self.fault("held", account)
        for name in served.keys() - events.keys():
            self.fault("lost", served[name])
        for name in load.answered:
            if events.get(name, {}).get("outcome") != "completed":
                self.fault("answered and not recorded as completed", name)
        self.served_count = len(served)
        self.check_caps(farebox)

    def check_caps(self, farebox):
        """What a capped key or project has spent is what its calls took, and no more than the cap."""
        self.spent = {}
        for scope, limit, spent in farebox.database.query(
                "SELECT scope_id, total_limit / 1e12, coalesce(sum(spent), 0) / 1e12 FROM spend_caps"
                " LEFT JOIN spend_days USING (account_id, scope_id) GROUP BY scope_id, total_limit"):
            limit, spent = decimal.Decimal(limit), decimal.Decimal(spent)
            self.spent[scope] = (spent, limit)
            if spent != self.taken[scope]:
                self.fault("caps that are no sum", (scope, spent, self.taken[scope]))
            # A charge whose lease was closed as lost posts all the same.
            if spent > limit and not self.kinds["lease_lost"]:
                self.fault("caps passed", (scope, spent, limit))

    def check(self, event, usage, truth):
        if usage["outcome"] == "interrupted":
            self.interrupted += 1
            if decimal.Decimal(event["amount"]) != 0:
                self.fault("interrupted and charged", usage)
            return
        if decimal.Decimal(usage["excess"]) != 0:
            self.fault("overspent", usage)
        cost = (PRICES["input"] * usage["input_tokens"]
                + PRICES["output"] * usage["output_tokens"]) / 1_000_000
        if decimal.Decimal(event["amount"]) != -cost:
            self.fault("charged what it does not cost", usage)
        if usage["usage_source"] == "upstream_final" and truth and (
                usage["input_tokens"] != truth["input_tokens"]
                or usage["output_tokens"] != truth["output_tokens"]):
            self.fault("other tokens than the upstream's", [usage, truth])

    def fault(self, name, example):
        self.faults[name] += 1
        if len(self.examples) < 5:
            self.examples.append(f"{name}: {example}")


def capped_keys(farebox):
    """Two keys of a project that may spend less than its account has, and one of them less still."""
    farebox.run("project", "create", "capped", "web", "--cap-total", "0.005", "--cap-day", "10")
    return [farebox.json("key", "create", "capped", "--project", "web", *cap)["secret"]
            for cap in [["--cap-total", "0.002"], []]]


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--seconds", type=int, default=600)
    options.add_argument("--seed", type=int, default=random.randrange(1 << 32))
    options.add_argument("--instances", type=int, default=3)
    options.add_argument("--clients", type=int, default=24)
    options.add_argument("--folder", required=True)
    options = options.parse_args()
    say(f"{options.seconds} s of torture, --seed {options.seed}")
    chance = random.Random(options.seed)
    folder = pathlib.Path(options.folder)
    folder.mkdir(parents=True)
    demo = Demo(folder, "--chunk-ms", "2")
    first = Installation(folder)
    first.prepare()
    credits = {"rich": "50", "poor": "0.01", "middling": "0.2", "capped": "50"}
    keys = [first.account(slug, credit) for slug, credit in credits.items()]
    keys += capped_keys(first)
    instances = [Instance(number, folder / str(number), first.database, demo.url)
                 for number in range(options.instances)]
    try:
        for instance in instances:
            instance.keep_up()
        load = Load(instances, keys, options.clients, chance)
        torture = Torture(instances, chance, options.seconds)
        try:
            torture.run()
        finally:
            load.stop()
        say("the load has ended; waiting until nothing is held")
        for instance in instances:
            instance.keep_up()
        for slug in credits:
            first.settled(slug, LEASE_SECONDS + CALL_SECONDS + MARGIN_SECONDS + 120)
        for instance in instances:
            code = instance.process.stop()
            assert code == 0, f"instance {instance.number} ended with {code}"
        first.verify()
        report(torture, load, Audit(first, demo, credits, load))
    finally:
        for instance in instances:
            if instance.process:
                instance.process.end()
        demo.end()


def report(torture, load, audit):
    print("\nFaults:")
    for fault, count in sorted(torture.counts.items()):
        print(f"  {count:5}  {fault}")
    print("Clients saw:")
    for status, count in sorted(load.statuses.items(), key=lambda item: -item[1]):
        print(f"  {count:5}  {status}")
    print(f"{audit.served_count} calls reached the upstream, {audit.usage_count} usage events,"
          f" {audit.interrupted} of them interrupted; ledger verify: every invariant holds")
    print("caps: " + ", ".join(f"{spent.normalize():f} of {limit.normalize():f} USD"
                               for spent, limit in audit.spent.values()))
    print(", ".join(f"{audit.faults[name]} {name}"
                    for name in ["lost", "doubled", "overspent", "held", "caps passed"]))
    if audit.faults:
        print("\n".join([str(dict(audit.faults)), *audit.examples]))
        sys.exit(1)


START = time.monotonic()
main()
