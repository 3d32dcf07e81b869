import pytest

from harness import Demo, Installation
from scripted_upstream import ScriptedUpstream


@pytest.fixture(scope="session")
def demo(tmp_path_factory):
    upstream = Demo(tmp_path_factory.mktemp("demo"))
    yield upstream
    upstream.end()


@pytest.fixture(scope="session")
def served(tmp_path_factory, demo):
    """One instance before the demo upstream, shared by the tests that leave it as it is."""
    installation = Installation(tmp_path_factory.mktemp("served"))
    installation.prepare()
    installation.configure_demo(demo.url)
    installation.start()
    yield installation
    installation.end()


@pytest.fixture(scope="session")
def troubled(tmp_path_factory):
    """One instance before an upstream that answers as the test says, each failure once."""
    upstream = ScriptedUpstream()
    installation = Installation(tmp_path_factory.mktemp("troubled"))
    installation.prepare()
    installation.configure_demo(
        upstream.url, circuit={"failures": 1_000_000},
        limits={"attemptsMax": 1, "bodyBytesMax": 4096})
    installation.upstream = upstream
    installation.start()
    yield installation
    installation.end()
    upstream.close()


@pytest.fixture
def fresh(tmp_path):
    """An installation of one test's own, migrated and priced, not yet started."""
    installation = Installation(tmp_path)
    installation.prepare()
    yield installation
    installation.end()
