"""An upstream behind TLS: its connections are kept, and as many as are needed."""

import concurrent.futures
import json
import ssl
import subprocess
import threading
import time

import pytest

from client import chat, post
from harness import Installation
from scripted_upstream import USAGE, ScriptedUpstream, chunk, completion, data, read_request, \
    usage_chunk

# More connections than libcurl is to keep in one multi handle.
CALLERS = 70


class SecureUpstream(ScriptedUpstream):
    """Answers every request of every connection, some in a stream."""

    def __init__(self, folder):
        self.authority = folder / "upstream.pem"
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
             "-nodes", "-keyout", folder / "upstream.key", "-out", self.authority, "-days", "2",
             "-subj", "/CN=upstream", "-addext", "subjectAltName=IP:127.0.0.1"],
            check=True, capture_output=True)
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(self.authority, folder / "upstream.key")
        self.connections = 0
        # Holds answers back until so many requests have come.
        self.crowd = threading.Barrier(1)
        super().__init__()
        self.url = self.url.replace("http://", "https://")

    def _serve(self, connection):
        try:
            with self.context.wrap_socket(connection, server_side=True) as secure:
                self.connections += 1
                while request := read_request(secure):
                    self.crowd.wait(60)
                    self._answer(secure, json.loads(request.partition(b"\r\n\r\n")[2]))
        except (OSError, threading.BrokenBarrierError):
            pass

    @staticmethod
    def _answer(secure, body):
        if not body.get("stream"):
            answer = json.dumps(completion(USAGE)).encode()
            secure.sendall(
                b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: "
                + str(len(answer)).encode() + b"\r\n\r\n" + answer)
            return
        secure.sendall(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n"
                       b"transfer-encoding: chunked\r\n\r\n")
        for event in [chunk("word ") for _ in range(20)] + [
                chunk(finish="stop"), usage_chunk(USAGE), data("[DONE]")]:
            secure.sendall(f"{len(event):x}\r\n{event}\r\n".encode())
            time.sleep(0.005)
        secure.sendall(b"0\r\n\r\n")


@pytest.fixture
def gateway(tmp_path):
    upstream = SecureUpstream(tmp_path)
    installation = Installation(tmp_path)
    installation.prepare()
    installation.configure(
        {"secure": {"format": "openai", "baseURL": f"{upstream.url}/v1",
                    "caFile": str(upstream.authority)}},
        {"demo-small": {"routes": [{"upstream": "secure"}]}})
    installation.key = installation.account("secure", "5")
    installation.start("--loops", "1")
    installation.upstream = upstream
    yield installation
    assert installation.process.stop() == 0
    installation.verify()
    installation.end()
    upstream.close()


def test_calls_share_a_connection_and_streams_are_whole(gateway):
    for _ in range(3):
        answer = post(gateway.url, "/v1/chat/completions", gateway.key, chat())
        assert answer.status == 200
        assert answer.json()["usage"] == USAGE
        answer = post(gateway.url, "/v1/chat/completions", gateway.key, chat(stream=True))
        assert answer.status == 200
        assert answer.body.count(b"word ") == 20
    assert gateway.upstream.connections == 1


def test_many_connections_at_once_are_kept_and_used_again(gateway):
    gateway.upstream.crowd = threading.Barrier(CALLERS)

    def call(number):
        answer = post(gateway.url, "/v1/chat/completions", gateway.key,
                      chat(stream=number % 2 == 1))
        return answer.status, b"Two words" in answer.body or answer.body.count(b"word ") == 20

    with concurrent.futures.ThreadPoolExecutor(CALLERS) as callers:
        for _ in range(3):
            assert set(callers.map(call, range(CALLERS))) == {(200, True)}
    assert gateway.upstream.connections == CALLERS
