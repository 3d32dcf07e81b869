"""The nginx of docker-compose.yml, run for real before two instances: TLS and a stream."""

import http.client
import json
import shutil
import ssl
import subprocess
import time

import pytest

from client import chat
from harness import ROOT, Demo, Installation, wait_until


@pytest.fixture
def behind_nginx(fresh, tmp_path):
    demo = Demo(tmp_path, "--chunk-ms", "30")
    second = Installation(tmp_path / "second", fresh.database)
    second.folder.mkdir()
    nginx = None
    try:
        for installation in (fresh, second):
            installation.configure_demo(demo.url)
            installation.start()
        subprocess.run([ROOT / "deploy/certificate", tmp_path / "tls"], check=True)
        text = (ROOT / "deploy/nginx.conf").read_text()
        for name, installation in (("farebox-1:8080", fresh), ("farebox-2:8080", second)):
            assert name in text
            text = text.replace(name, installation.url.removeprefix("http://"))
        text = text.replace("/tmp/", f"{tmp_path}/")
        text = text.replace("/etc/nginx/tls", str(tmp_path / "tls"))
        port = 20_000 + time.time_ns() % 20_000
        text = text.replace("listen 8443", f"listen 127.0.0.1:{port}")
        (tmp_path / "nginx.conf").write_text(text)
        nginx = subprocess.Popen(
            [shutil.which("nginx", path="/usr/sbin:/usr/bin"), "-c", tmp_path / "nginx.conf"]
            + ["-g", "daemon off;"])
        yield fresh, second, port, tmp_path / "tls/certificate.pem", demo
    finally:
        if nginx:
            nginx.terminate()
            nginx.wait()
        second.process and second.process.end()
        demo.end()


def test_a_stream_comes_through_tls_unbuffered_from_both_instances(behind_nginx):
    fresh, second, port, certificate, demo = behind_nginx
    key = fresh.account("tls", "5")
    trust = ssl.create_default_context(cafile=certificate)

    def stream():
        connection = http.client.HTTPSConnection("localhost", port, context=trust, timeout=30)
        connection.request(
            "POST", "/v1/chat/completions", json.dumps(chat(stream=True)),
            {"authorization": f"Bearer {key}", "content-type": "application/json"})
        answer = connection.getresponse()
        moments = []
        while line := answer.readline():
            if line.startswith(b"data: "):
                moments.append((time.monotonic(), line))
        return answer.status, moments

    def is_served():
        try:
            return stream()[0] == 200
        except OSError:
            return False

    wait_until(is_served, 20, "nginx")
    for _ in range(4):
        status, moments = stream()
        assert status == 200
        assert moments[-1][1] == b"data: [DONE]\n"
        # 35 chunks, 30 ms apart: buffered, they would come together at the end.
        assert moments[-1][0] - moments[0][0] > 0.5
    # Neither log is empty: the calls went to both.
    for installation in (fresh, second):
        assert "chat_completions" in (installation.folder / "farebox.log").read_text()
    for installation in (second, fresh):
        assert installation.process.stop() == 0
    fresh.verify()


def test_the_compose_file_is_valid():
    environment = {"FAREBOX_PASSWORD": "x", "FAREBOX_OWNER_PASSWORD": "y", "PATH": "/usr/bin:/bin"}
    done = subprocess.run(
        ["docker-compose", "-f", ROOT / "docker-compose.yml", "config"],
        env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    for service in ("postgres", "migrate", "farebox-1", "farebox-2", "nginx"):
        assert f"{service}:" in done.stdout
