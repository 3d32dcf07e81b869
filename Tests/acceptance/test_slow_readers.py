"""Clients that hardly read cost the others nothing, and no memory."""

import json
import os
import socket
import statistics
import threading
import time
import urllib.parse

from client import chat, post
from scripted_upstream import USAGE, ScriptedUpstream, chunk, data, stream, usage_chunk

READERS = int(os.environ.get("FAREBOX_TEST_SLOW_READERS", "200"))
# Of a stalled stream: 64 KiB unread, as much unsent, and both again on their way; seen: 0.6 MiB.
KILOBYTES_A_READER_MAX = 1024
# Four times as much as that.
ANSWER = [chunk("word " * 800) for _ in range(1000)]


class SlowReader(threading.Thread):
    """Asks for a stream of four megabytes and reads a byte of it a second."""

    def __init__(self, url, key, body):
        super().__init__(daemon=True)
        where = urllib.parse.urlsplit(url)
        self.socket = socket.socket()
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self.socket.connect((where.hostname, where.port))
        self.socket.sendall(
            f"POST /v1/chat/completions HTTP/1.1\r\nhost: farebox\r\nauthorization: Bearer {key}\r\n"
            f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n".encode() + body)
        self.count = 0
        self.start()

    def run(self):
        try:
            while self.socket.recv(1):
                self.count += 1
                time.sleep(1)
        except OSError:
            pass


def test_clients_that_read_a_byte_a_second_slow_nobody_and_grow_nothing(fresh, demo):
    upstream = ScriptedUpstream()
    upstream.script = stream([*ANSWER, chunk(finish="stop"), usage_chunk(USAGE), data("[DONE]")])
    openai = {"format": "openai", "baseURL": f"{upstream.url}/v1"}
    fresh.configure({"slow": openai, "chat": {**openai, "baseURL": f"{demo.url}/v1"}},
                    {"demo-small": {"routes": [{"upstream": "chat"}]},
                     "demo-exact": {"routes": [{"upstream": "slow"}]}},
                    limits={"disconnectDrainSeconds": 0})
    fresh.start()
    key = fresh.account("readers", "100")

    def latencies(count):
        found = []
        for _ in range(count):
            start = time.monotonic()
            assert post(fresh.url, "/v1/chat/completions", key, chat(max_tokens=8)).status == 200
            found.append(time.monotonic() - start)
        return found

    alone = statistics.median(latencies(50))
    before = fresh.process.resident_kilobytes()
    body = json.dumps(chat("demo-exact", max_tokens=100, stream=True)).encode()
    readers = [SlowReader(fresh.url, key, body) for _ in range(READERS)]
    deadline = time.monotonic() + 90
    while any(reader.count == 0 for reader in readers):
        assert time.monotonic() < deadline, "not every stream has begun"
        time.sleep(0.1)
    among_them = statistics.median(latencies(50))
    stalled = fresh.process.resident_kilobytes()
    time.sleep(10)
    grown = fresh.process.resident_kilobytes() - before
    assert all(reader.is_alive() for reader in readers)
    assert before + grown - stalled < READERS * 16, "memory grows while nothing moves"
    assert grown < READERS * KILOBYTES_A_READER_MAX, f"{grown >> 10} MiB for {READERS} streams"
    # Sharing the processors with so many threads of this test is not what is measured.
    assert among_them < 10 * alone + 0.5, f"{among_them:.3f} s instead of {alone:.3f} s"

    for reader in readers:
        reader.socket.close()
    upstream.close()
    fresh.settled("readers", 90)
    fresh.verify()
