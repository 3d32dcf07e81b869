"""The traffic that scripts/run makes for its dashboard: marked, little, and over with its key."""

import subprocess

import pytest

from harness import BINARY, ROOT, Installation, wait_until

FUNCTIONS = ROOT / "scripts" / "lib" / "demo-traffic.sh"


def bash(script, installation, **more):
    return subprocess.Popen(
        ["bash", "-c", f". {FUNCTIONS}; {script}"], env=installation.environment(),
        stdin=subprocess.DEVNULL, **more)


@pytest.fixture
def fresh(tmp_path):
    """An installation with the demo's own prices."""
    installation = Installation(tmp_path)
    installation.run("migrate")
    installation.run("price", "import", ROOT / "scripts" / "lib" / "demo-prices.json")
    yield installation
    installation.end()


def test_the_traffic_is_a_project_of_its_own_and_ends_with_its_key(fresh, demo, tmp_path):
    models = {name: {"routes": [{"upstream": "chat"}]}
              for name in ["demo-small", "demo-large", "demo-claude"]}
    fresh.configure({"chat": {"format": "openai", "baseURL": f"{demo.url}/v1"}}, models)
    fresh.start()
    fresh.account("demo", "5")
    header = tmp_path / "header"
    for _ in range(2):
        made = bash(f'farebox_demo_traffic_key "{BINARY}" "{header}"', fresh)
        assert made.wait(timeout=60) == 0
    assert header.stat().st_mode & 0o077 == 0
    (key,) = [key for key in fresh.json("key", "list", "demo") if key["project"] == "generated"]
    assert key["name"] == "generated traffic" and key["caps"]["day"] == "0.25"
    traffic = bash(f'farebox_demo_traffic "{fresh.url}" "{header}"', fresh)
    try:
        def seen():
            rows = fresh.json("usage", "demo", "--by", "project")["rows"]
            return [row for row in rows if row["project"] == "generated" and row["calls"] >= 5]

        wait_until(seen, 60, "traffic on the dashboard")
        fresh.run("key", "revoke", key["id"])
        assert traffic.wait(timeout=90) == 0
    finally:
        traffic.kill()
    fresh.settled("demo")
    fresh.verify()
