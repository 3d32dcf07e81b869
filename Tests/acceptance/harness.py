"""Runs the farebox binary the way a user does: processes, a database, and the command line."""

import json
import os
import pathlib
import re
import secrets
import signal
import subprocess
import time
import urllib.request

BINARY = os.environ["FAREBOX_BINARY"]
OWNER_URL = os.environ["FAREBOX_TEST_OWNER_URL"]
SERVICE_URL = os.environ["FAREBOX_TEST_DATABASE_URL"]
ROOT = pathlib.Path(__file__).resolve().parents[2]
PRICES = pathlib.Path(__file__).with_name("prices.json")


def wait_until(condition, seconds=30, what="the condition"):
    """Polls until the condition holds and returns what it returned."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < deadline, f"{what} did not come true in {seconds} s"
        time.sleep(0.05)


def _with_database(url, name):
    """The same connection, to another database."""
    head, _, query = url.partition("?")
    base = head.rsplit("/", 1)[0]
    return f"{base}/{name}" + (f"?{query}" if query else "")


class Database:
    """A database of its own in the private cluster, migrated."""

    def __init__(self):
        self.name = f"farebox_{secrets.token_hex(6)}"
        self._admin(f'CREATE DATABASE "{self.name}"')
        self.owner_url = _with_database(OWNER_URL, self.name)
        self.url = _with_database(SERVICE_URL, self.name)

    def _admin(self, sql):
        subprocess.run(
            ["psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", OWNER_URL, "-c", sql], check=True
        )

    def query(self, sql):
        """Rows as lists of texts, read as the owner."""
        done = subprocess.run(
            ["psql", "-X", "-q", "-A", "-t", "-F", "\t", "-v", "ON_ERROR_STOP=1"]
            + ["-d", self.owner_url, "-c", sql],
            check=True,
            capture_output=True,
            text=True,
        )
        return [line.split("\t") for line in done.stdout.splitlines()]

    def drop(self):
        self._admin(f'DROP DATABASE IF EXISTS "{self.name}" WITH (FORCE)')


class Process:
    """A running farebox command whose output goes to a file."""

    def __init__(self, arguments, environment, log, pattern):
        self.log = pathlib.Path(log)
        with open(self.log, "ab") as output:
            start = output.tell()
            self.child = subprocess.Popen(
                [BINARY, *arguments], env=environment, stdout=output, stderr=subprocess.STDOUT
            )

        def address():
            assert self.child.poll() is None, f"it ended:\n{self.log.read_text()[-4000:]}"
            match = re.search(pattern, self.log.read_bytes()[start:].decode(errors="replace"))
            return match and match.group(1)

        self.url = wait_until(address, 60, f"{arguments[0]} serving")

    @property
    def pid(self):
        return self.child.pid

    def resident_kilobytes(self):
        for line in pathlib.Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1])

    def kill(self):
        self.child.send_signal(signal.SIGKILL)
        self.child.wait()

    def stop(self, seconds=60):
        """Asks it to end and returns the exit code."""
        self.child.send_signal(signal.SIGTERM)
        return self.child.wait(timeout=seconds)

    def end(self):
        if self.child.poll() is None:
            self.kill()


class Demo(Process):
    """The built-in demo upstream."""

    def __init__(self, folder, *options):
        super().__init__(
            ["demo-upstream", "--listen", "127.0.0.1:0", *options],
            dict(os.environ),
            pathlib.Path(folder) / "demo-upstream.log",
            r"(http://127\.0\.0\.1:\d+)",
        )

    def calls(self):
        with urllib.request.urlopen(f"{self.url}/demo/calls") as answer:
            return json.load(answer)


class Refused(Exception):
    """A command that ended with another exit code than 0."""

    def __init__(self, code, message):
        super().__init__(message)
        self.code = code


class Installation:
    """A database, a configuration and a journal: what one farebox instance runs on."""

    def __init__(self, folder, database=None):
        self.folder = pathlib.Path(folder)
        self.database = database or Database()
        self.journal = self.folder / "journal.sqlite"
        self.config = self.folder / "farebox.json5"
        self.process = None

    def environment(self):
        return {
            **os.environ,
            "DATABASE_URL": self.database.url,
            "FAREBOX_OWNER_URL": self.database.owner_url,
            "FAREBOX_MIGRATIONS": str(ROOT / "migrations"),
            "FAREBOX_CONFIG": str(self.config),
            "FAREBOX_JOURNAL": str(self.journal),
        }

    def run(self, *arguments):
        """A command's text; raises Refused for another exit code than 0."""
        done = subprocess.run(
            [BINARY, *map(str, arguments)],
            env=self.environment(),
            capture_output=True,
            text=True,
            timeout=120,
        )
        if done.returncode != 0:
            raise Refused(done.returncode, done.stdout + done.stderr)
        return done.stdout

    def json(self, *arguments):
        return json.loads(self.run(*arguments, "--json"))

    def events(self, account):
        return [json.loads(line) for line in self.run(
            "ledger", "events", account, "--json").splitlines()]

    def configure(self, upstreams, models, **more):
        self.config.write_text(
            json.dumps({"upstreams": upstreams, "models": models, **more}, indent=2)
        )

    def configure_demo(self, demo_url, messages_url=None, circuit=None, **more):
        """An upstream in both formats, with the models of prices.json."""
        shared = {} if circuit is None else {"circuit": circuit}
        self.configure(
            {
                "chat": {"format": "openai", "baseURL": f"{demo_url}/v1", **shared},
                # One of the many that know chats alone.
                "plain": {
                    "format": "openai", "baseURL": f"{demo_url}/v1", "responses": False, **shared},
                "messages": {
                    "format": "anthropic", "baseURL": messages_url or demo_url, **shared},
            },
            {
                **{name: {"routes": [{"upstream": "chat"}]} for name in CHAT_MODELS},
                **{name: {"routes": [{"upstream": "messages"}]} for name in MESSAGES_MODELS},
                "demo-plain": {"routes": [{"upstream": "plain"}]},
            },
            **more,
        )

    def prepare(self):
        """Migrates and publishes the prices of prices.json."""
        self.run("migrate")
        self.run("price", "import", PRICES, "--format", "farebox")

    def account(self, slug, credit):
        """Makes an account with credit and returns a key's secret."""
        self.run("account", "create", slug)
        if credit != "0":
            self.run("credit", "grant", slug, credit, "--idempotency-key", f"seed-{slug}")
        secret = self.json("key", "create", slug)["secret"]
        if self.process:
            self.await_key(secret)
        return secret

    def await_key(self, secret):
        """A running instance learns of a new key within moments, not at once."""

        def is_known():
            request = urllib.request.Request(
                f"{self.url}/v1/models", headers={"authorization": f"Bearer {secret}"})
            try:
                with urllib.request.urlopen(request, timeout=5) as answer:
                    return answer.status == 200
            except OSError:
                return False

        wait_until(is_known, 5, "a new key")

    def start(self, *options):
        self.process = Process(
            ["serve", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", *options],
            self.environment(),
            self.folder / "farebox.log",
            r"(http://127\.0\.0\.1:\d+)",
        )
        wait_until(self.is_ready, 60, "readiness")
        return self.process.url

    @property
    def url(self):
        return self.process.url

    def metrics(self):
        """What the admin listener says now, by name and labels."""
        url = self.process.log.read_text().rsplit("metrics on ", 1)[1].split()[0]
        with urllib.request.urlopen(url, timeout=30) as answer:
            lines = answer.read().decode().splitlines()
        return {line.rsplit(" ", 1)[0]: line.rsplit(" ", 1)[1] for line in lines if line[0] != "#"}

    def is_ready(self):
        try:
            with urllib.request.urlopen(f"{self.url}/readyz", timeout=5) as answer:
                return answer.status == 200
        except OSError:
            return False

    def verify(self):
        """Fails unless every invariant holds."""
        report = self.json("ledger", "verify")
        assert report["ok"], report["findings"]

    def settled(self, account, seconds=30):
        """Waits until nothing is held and returns the account."""

        def rest():
            shown = self.json("account", "show", account)
            return shown if float(shown["held"]) == 0 else None

        return wait_until(rest, seconds, f"{account} to hold nothing")

    def end(self):
        if self.process:
            self.process.end()
        self.database.drop()


# Priced in prices.json, but for "demo-unpriced". "exact" has a free prompt: a call that uses its whole cap costs its hold.
CHAT_MODELS = ["demo-small", "demo-exact", "demo-unpriced"]
MESSAGES_MODELS = ["demo-claude", "demo-claude-exact"]
