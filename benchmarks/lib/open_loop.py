"""Calls that are sent when they are due, whether or not the ones before were answered.

A client that waits for an answer before it sends the next call measures a slow server less often
than a fast one, and so leaves out what its users would have waited ("coordinated omission"). Here
calls come at random instants that were drawn before, and an answer's time counts from its call's
instant, also where the client itself was late or no connection was free.
"""

import collections
import gc
import random
import re
import select
import socket
import time
import urllib.parse

LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.I)
STAMP = re.compile(rb"@(\d+) ")


def post(url, key, body, path="/v1/chat/completions"):
    """The bytes of a request."""
    body = body.encode()
    where = urllib.parse.urlsplit(url)
    return (f"POST {path} HTTP/1.1\r\nhost: {where.netloc}\r\nauthorization: Bearer {key}\r\n"
            f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
            ).encode() + body


def address_of(url):
    where = urllib.parse.urlsplit(url)
    return where.hostname, where.port


def arrivals(rate, seconds, seed):
    """Instants of calls that know nothing of each other: a Poisson process."""
    chance = random.Random(seed)
    at, found = 0.0, []
    while at < seconds:
        at += chance.expovariate(rate)
        found.append(at)
    return found


class Connection:
    __slots__ = ("socket", "due", "answer", "needed", "is_first", "delays")

    def __init__(self, address):
        self.socket = socket.create_connection(address)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.setblocking(False)
        self.answer, self.needed = b"", 0
        self.delays = None


class Client:
    """Connections that are kept, and the loop that they all share."""

    def __init__(self, url, connections):
        self.address = address_of(url)
        self.poll = select.epoll()
        self.connections = {}
        self.idle = []
        for _ in range(connections):
            self.connect()

    def connect(self, address=None):
        connection = Connection(address or self.address)
        self.connections[connection.socket.fileno()] = connection
        self.poll.register(connection.socket, select.EPOLLIN)
        self.idle.append(connection)

    def close(self):
        for connection in self.connections.values():
            connection.socket.close()
        self.poll.close()

    def wait(self, until):
        """Connections that can be read; comes back at the instant at the latest."""
        # epoll's own timeout is of whole milliseconds.
        select.select([self.poll], [], [], max(0, until - time.monotonic()))
        return [self.connections[number] for number, _ in self.poll.poll(0, 512)]


def answered(connection):
    """Whether a whole answer with a content-length has come."""
    connection.answer += connection.socket.recv(65536)
    if not connection.needed:
        end = connection.answer.find(b"\r\n\r\n")
        if end < 0:
            assert connection.answer, "the server closed a connection"
            return False
        assert connection.answer.startswith(b"HTTP/1.1 200"), connection.answer[:300]
        connection.needed = end + 4 + int(LENGTH.search(connection.answer)[1])
    return len(connection.answer) >= connection.needed


def calls(url, request, rate, seconds, connections=64, seed=1, warm_up=0.5, patience=60):
    """Seconds from each call's instant to the last byte of its answer."""
    client = Client(url, connections)
    gc.disable()
    try:
        return _calls(client, request, arrivals(rate, seconds + warm_up, seed), warm_up, patience)
    finally:
        gc.enable()
        client.close()


def _calls(client, request, instants, warm_up, patience):
    start = time.monotonic()
    waiting = collections.deque()
    found, left, index = [], len(instants), 0
    while left:
        now = time.monotonic() - start
        assert now < instants[-1] + patience, f"{left} calls are not answered"
        while index < len(instants) and instants[index] <= now:
            waiting.append(instants[index])
            index += 1
        while waiting and client.idle:
            connection = client.idle.pop()
            connection.due = waiting.popleft()
            connection.socket.send(request)
        soon = instants[index] if index < len(instants) else now + 1
        for connection in client.wait(start + soon):
            if answered(connection):
                if connection.due >= warm_up:
                    found.append(time.monotonic() - start - connection.due)
                connection.answer, connection.needed = b"", 0
                client.idle.append(connection)
                left -= 1
    return found


def saturation(url, request, seconds, connections=64):
    """Calls a second when a call waits at every connection, all of the time."""
    client = Client(url, connections)
    gc.disable()
    try:
        count, begin = 0, time.monotonic()
        for connection in client.connections.values():
            connection.socket.send(request)
        while time.monotonic() < begin + seconds:
            for connection in client.wait(begin + seconds):
                if answered(connection):
                    connection.answer, connection.needed = b"", 0
                    connection.socket.send(request)
                    count += 1
        return count / (time.monotonic() - begin)
    finally:
        gc.enable()
        client.close()


class Streams:
    """Streams that are begun at a steady rate, by turns at the targets, and read until they end."""

    def __init__(self, targets, body, count, rate):
        self.targets = [(address_of(url), post(url, key, body)) for url, key in targets]
        self.client = Client(targets[0][0], 0)
        self.count, self.rate = count, rate
        self.begun = self.ended = 0
        self.first_bytes = []
        self.start = time.monotonic()

    def run(self, until=None):
        """Begins and reads until the instant, or until every stream has ended.

        Returns the delays of the chunks that came meanwhile, a list for each stream.
        """
        delays = {}
        gc.disable()
        while self.ended < self.count and (until is None or time.monotonic() < until):
            due = self.start + self.begun / self.rate
            if self.begun < self.count and due <= time.monotonic():
                self.begin(due)
                due += 1 / self.rate
            soon = min(due if self.begun < self.count else time.monotonic() + 1,
                       until or float("inf"))
            for connection in self.client.wait(soon):
                self.read(connection, delays)
        gc.enable()
        return list(delays.values())

    def begin(self, due):
        address, request = self.targets[self.begun % len(self.targets)]
        self.client.connect(address)
        connection = self.client.idle.pop()
        connection.due, connection.is_first = due, True
        connection.socket.send(request)
        self.begun += 1

    def read(self, connection, delays):
        data = connection.socket.recv(65536)
        now = time.monotonic_ns()
        stamps = STAMP.findall(data)
        # The head may come by itself; what a reader waits for is the first chunk.
        assert connection.answer or data.startswith(b"HTTP/1.1 200"), data[:300]
        if connection.is_first and stamps:
            connection.is_first = False
            self.first_bytes.append(now / 1e9 - connection.due)
        if stamps:
            own = delays.setdefault(connection.socket.fileno(), [])
            own += [(now - int(stamp)) / 1e9 for stamp in stamps]
        # A chunk's beginning may be in one piece and its end in the next: stamps are short, and a
        # chunk is sent whole, so this costs a sample at most.
        connection.answer = (connection.answer + data)[-5:]
        if not data or connection.answer == b"0\r\n\r\n":
            assert data, "a stream broke off"
            self.ended += 1
            del self.client.connections[connection.socket.fileno()]
            connection.socket.close()

    def close(self):
        self.client.close()
