"""Farebox as the benchmarks run it: everything on, an account that can pay."""

import os
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "Tests/acceptance"))

from harness import Installation  # noqa: E402


def scratch():
    """A folder for a benchmark's files, which goes when its script ends."""
    folder = pathlib.Path(os.environ["FAREBOX_TEST_CLUSTER"]).parent / "scratch"
    folder.mkdir()
    return folder


class Farebox:
    """An instance before an upstream, with a key that has credit for the whole run."""

    def __init__(self, folder, upstream, *options, shares=None, limits=None):
        self.installation = Installation(folder, database=shares and shares.installation.database)
        self.is_guest = shares is not None
        if not self.is_guest:
            self.installation.prepare()
        openai = {"format": "openai", "baseURL": f"{upstream.url}/v1"}
        upstreams = {"chat": openai}
        models = {"demo-small": {"routes": [{"upstream": "chat"}]}}
        # An upstream whose answers are streams has a port of its own.
        if hasattr(upstream, "stream_port"):
            upstreams["stream"] = {
                **openai, "baseURL": f"http://127.0.0.1:{upstream.stream_port}/v1"}
            models["demo-exact"] = {"routes": [{"upstream": "stream"}]}
        self.installation.configure(upstreams, models, **({"limits": limits} if limits else {}))
        self.key = shares.key if shares else self.installation.account("bench", "1000000")
        self.url = self.installation.start(*options)

    @property
    def pids(self):
        return [self.installation.process.pid]

    def refusals(self):
        """The log's last lines of calls that were answered with anything but 200."""
        lines = self.installation.process.log.read_text(errors="replace").splitlines()
        return "\n".join([line for line in lines
                          if '"status":' in line and '"status":200' not in line][-20:])

    def check(self):
        """Waits until nothing is held, and lets the ledger be verified."""
        self.installation.settled("bench", 120)
        self.installation.verify()

    def end(self):
        if self.is_guest:
            self.installation.process.end()
        else:
            self.installation.end()
