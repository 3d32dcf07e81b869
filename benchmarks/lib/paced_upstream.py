"""An upstream for many streams at once, each chunk of which says when it was sent.

paced_upstream.py PORT INTERVAL CHUNKS: a POST is answered by a stream of CHUNKS chunks, one every
INTERVAL seconds, or of as many as come until somebody gets /finish. The time is that of
CLOCK_MONOTONIC, which all processes of a machine share.
"""

import collections
import gc
import re
import select
import socket
import sys
import time

from peers import chunk_of, stream_end

HEAD = (b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n"
        b"transfer-encoding: chunked\r\n\r\n")
LENGTH = re.compile(rb"content-length: *(\d+)", re.I)
BEFORE, AFTER = (part.encode() for part in chunk_of("@ ").split("@"))


def framed(body):
    return b"%x\r\n%b\r\n" % (len(body), body)


END = framed(stream_end().encode()) + b"0\r\n\r\n"


class Stream:
    __slots__ = ("socket", "request", "left")

    def __init__(self, connection):
        self.socket, self.request, self.left = connection, b"", 0


class Upstream:
    def __init__(self, port, interval, chunks):
        self.interval, self.chunks = interval, chunks
        self.listener = socket.create_server(("127.0.0.1", port), backlog=4096)
        self.listener.setblocking(False)
        self.poll = select.epoll()
        self.poll.register(self.listener, select.EPOLLIN)
        self.streams = {}
        # All wait equally long, so whoever was served last is due last.
        self.due = collections.deque()
        self.sent = 0

    def run(self):
        while True:
            wait = max(0, self.due[0][0] - time.monotonic()) if self.due else 60
            # epoll's own timeout is of whole milliseconds.
            select.select([self.poll], [], [], wait)
            for descriptor, _ in self.poll.poll(0):
                if descriptor == self.listener.fileno():
                    self.accept()
                else:
                    self.read(self.streams[descriptor])
            self.send_due()

    def accept(self):
        for _ in range(64):
            try:
                connection, _ = self.listener.accept()
            except BlockingIOError:
                return
            connection.setblocking(False)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.streams[connection.fileno()] = Stream(connection)
            self.poll.register(connection, select.EPOLLIN)

    def read(self, stream):
        try:
            data = stream.socket.recv(65536)
        except OSError:
            data = b""
        if not data:
            return self.drop(stream)
        stream.request += data
        head, blank, body = stream.request.partition(b"\r\n\r\n")
        length = LENGTH.search(head)
        if not blank or length and len(body) < int(length[1]):
            return
        stream.request = b""
        if head.startswith(b"GET"):
            return self.control(stream, head)
        stream.left = self.chunks or 1 << 60
        self.write(stream, HEAD)
        self.chunk(stream, time.monotonic())

    def control(self, stream, head):
        if head.startswith(b"GET /finish"):
            while self.due:
                running = self.due.popleft()[1]
                if running.left:
                    self.finish(running)
        body = b"%d" % self.sent
        self.write(stream, b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: %d\r\n\r\n%b"
                   % (len(body), body))

    def send_due(self):
        now = time.monotonic()
        while self.due and self.due[0][0] <= now:
            when, stream = self.due.popleft()
            if stream.left:
                self.chunk(stream, when)

    def chunk(self, stream, when):
        """Sends the chunk that was due, even if late, and leaves the pace as it is."""
        if stream.left == 1:
            return self.finish(stream)
        stream.left -= 1
        self.sent += 1
        stamp = b"@%d " % time.monotonic_ns()
        self.write(stream, framed(BEFORE + stamp + AFTER))
        self.due.append((when + self.interval, stream))

    def finish(self, stream):
        stream.left = 0
        self.write(stream, END)

    def write(self, stream, data):
        try:
            stream.socket.send(data)
        except OSError:
            # Gone, or so slow that its buffers are full: neither is what is measured.
            self.drop(stream)

    def drop(self, stream):
        stream.left = 0
        if stream.socket.fileno() >= 0:
            del self.streams[stream.socket.fileno()]
            stream.socket.close()


if __name__ == "__main__":
    gc.disable()
    Upstream(int(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3])).run()
