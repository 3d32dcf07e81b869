"""A standby that lost the last commits is promoted: nothing is lost, doubled or spent twice."""

import decimal
import os
import subprocess
import tempfile
import threading

import pytest

from client import chat, post
from harness import ROOT, Database, Demo, Installation, wait_until

# Eight tokens of output of "demo-exact", whose prompt is free: both the hold and the cost.
CALL = decimal.Decimal("10") / 1_000_000 * 8


def shell(script, **environment):
    done = subprocess.run(
        ["bash", "-c", f". scripts/lib/postgres.sh; _farebox_postgres_find; {script}"],
        cwd=ROOT,
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


class Pair:
    """A primary and a standby that follows it asynchronously."""

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="farebox-failover.")
        os.chmod(self.folder, 0o711)
        self.home = f"{self.folder}/primary"
        out = shell(
            f"farebox_postgres_start '{self.home}' throwaway >/dev/null 2>&1;"
            ' printf "%s\\n" "$PGHOST" "$PGPORT" "$FAREBOX_OWNER_URL" "$DATABASE_URL"'
        )
        self.socket, self.port, self.owner_url, self.service_url = out.split("\n")[:4]
        self.standby_port = str(int(self.port) + 1)
        shell(
            "echo 'local replication postgres trust' >>'{0}/data/pg_hba.conf';"
            ' _farebox_postgres_as "$_fb_bin/pg_ctl" -D \'{0}/data\' reload >/dev/null;'
            ' _farebox_postgres_as "$_fb_bin/pg_basebackup" -h \'{1}\' -p {2} -U postgres'
            " -D '{0}/standby' -R -X stream -c fast >/dev/null".format(
                self.home, self.socket, self.port)
        )
        self.start_standby()

    def control(self, cluster, arguments):
        shell(
            f'_farebox_postgres_as "$_fb_bin/pg_ctl" -D \'{self.home}/{cluster}\' {arguments}'
            " >/dev/null 2>&1"
        )

    def start_standby(self):
        self.control(
            "standby",
            f"-l '{self.home}/standby.log' -w -o \"-p {self.standby_port} -k '{self.socket}'"
            ' -c fsync=off" start',
        )

    def stop_standby(self):
        self.control("standby", "-m fast -w stop")

    def await_standby(self):
        """Until the standby has replayed all that the primary has committed."""
        query = "SELECT pg_current_wal_lsn() = replay_lsn FROM pg_stat_replication"
        connect = ["-h", self.socket, "-p", self.port, "-U", "postgres", "-d", "postgres"]

        def has_caught_up():
            done = subprocess.run(
                ["psql", "-X", "-A", "-t", *connect, "-c", query],
                check=True, capture_output=True, text=True, stdin=subprocess.DEVNULL,
            )
            return done.stdout.strip() == "t"

        wait_until(has_caught_up, 30, "the standby")

    def fail_over(self):
        self.control("data", "-m immediate -w stop")
        self.start_standby()
        self.control("standby", "-w promote")

    def url(self, url):
        """The same database, wherever it can be written to."""
        head, _, name = url.rpartition("/")
        name = name.partition("?")[0]
        return (
            f"{head},127.0.0.1:{self.standby_port}/{name}"
            "?sslmode=disable&target_session_attrs=read-write"
        )

    def end(self):
        for cluster in ["data", "standby"]:
            subprocess.run(
                ["bash", "-c", ". scripts/lib/postgres.sh; _farebox_postgres_find;"
                 f" _farebox_postgres_as \"$_fb_bin/pg_ctl\" -D '{self.home}/{cluster}'"
                 " -m immediate stop >/dev/null 2>&1"],
                cwd=ROOT, stdin=subprocess.DEVNULL,
            )
        subprocess.run(["rm", "-rf", self.folder])


class PairDatabase(Database):
    """The one database of a pair, reached wherever it is primary."""

    def __init__(self, pair):
        self.name = "farebox"
        self.owner_url = pair.url(pair.owner_url)
        self.url = pair.url(pair.service_url)

    def drop(self):
        """Goes with its clusters."""


@pytest.fixture
def pair():
    pair = Pair()
    yield pair
    pair.end()


def test_a_promoted_standby_that_lost_the_last_commits_gets_them_again(pair, tmp_path, demo):
    database = PairDatabase(pair)
    slow = Demo(tmp_path, "--chunk-ms", "1000")
    instances = []
    for name, upstream in [("a", demo), ("b", slow)]:
        folder = tmp_path / name
        folder.mkdir()
        instance = Installation(folder, database)
        instance.configure_demo(upstream.url, policy={"shortCredit": "refuse"})
        instances.append(instance)
    first, second = instances
    try:
        first.prepare()
        for instance in instances:
            instance.start("--loops", "1")
        key = first.account("failover", str(CALL * 100))
        second.await_key(key)
        serve(first, key, 3)
        first.settled("failover", 20)
        pair.await_standby()
        pair.stop_standby()

        # What follows is committed by the primary alone.
        serve(first, key, 20)
        running = threading.Thread(target=serve, args=(second, key, 1, 32, True))
        running.start()
        wait_until(lambda: usage_count(first) == 23, 20, "the events")
        wait_until(
            lambda: any(shown["running_calls"] for shown in first.json("instance", "list")),
            20,
            "a running call",
        )
        pair.fail_over()
        assert usage_count(first) == 3, "the standby was to lose what the primary alone had"

        wait_until(lambda: usage_count(first) == 23, 60, "the journals' events")
        wait_until(
            lambda: database.query("SELECT min(timeline) > 1 FROM instances") == [["t"]],
            30,
            "the instances",
        )
        # The running call's money is set aside again, and nothing new is leased yet.
        wait_until(lambda: held(first) >= CALL * 4, 20, "the running call's lease")
        answer = post(first.url, "/v1/chat/completions", key, chat("demo-exact", max_tokens=320))
        assert answer.status == 503, answer.body
        running.join()
        wait_until(lambda: usage_count(first) == 24, 30, "the running call's end")

        # The time that leases may have left passes.
        database.query("UPDATE incarnations SET grants_from = clock_timestamp()")
        wait_until(lambda: try_call(first, key), 20, "a new lease")
        account = first.settled("failover", 30)
        # The running call used its cap of 32 tokens, and the last one its cap of eight.
        assert decimal.Decimal(account["balance"]) == CALL * (100 - 23 - 4 - 1)
        for instance in instances:
            assert instance.process.stop() == 0
        first.verify()
    finally:
        for instance in instances:
            if instance.process:
                instance.process.end()
        slow.end()


def serve(instance, key, count, tokens=8, stream=False):
    for _ in range(count):
        body = chat("demo-exact", max_tokens=tokens, stream=stream)
        answer = post(instance.url, "/v1/chat/completions", key, body)
        assert answer.status == 200, answer.body


def try_call(instance, key):
    answer = post(instance.url, "/v1/chat/completions", key, chat("demo-exact", max_tokens=8))
    return answer.status == 200


def usage_count(instance):
    try:
        [[count]] = instance.database.query("SELECT count(*) FROM events WHERE kind = 'usage'")
    except subprocess.CalledProcessError:
        return None
    return int(count)


def held(instance):
    return decimal.Decimal(instance.json("account", "show", "failover")["held"])
